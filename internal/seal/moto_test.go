package seal_test

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

var motoLine = regexp.MustCompile(`Running on (http://\S+)`)

// motoURL starts a moto server for the duration of the test, and returns its URL.
func motoURL(t testing.TB) string {
	t.Helper()
	if exec.Command("python3", "-c", "import moto.server, flask").Run() != nil {
		const why = "moto is not installed: python3 -m pip install 'moto[server]'"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}

		t.Skip(why)
	}

	cmd := exec.Command("python3", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	url, silent := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(silent)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if found := motoLine.FindStringSubmatch(lines.Text()); found != nil && len(url) == 0 {
				url <- found[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-silent
		_ = cmd.Wait()
	})

	select {
	case at := <-url:
		answer, err := http.Get(at + "/moto-api/")
		if err != nil {
			t.Fatal(err)
		}

		answer.Body.Close()
		return at

	case <-silent:
		t.Fatal("moto has ended")
	case <-time.After(time.Minute):
		t.Fatal("moto does not say where it answers")
	}

	return ""
}
