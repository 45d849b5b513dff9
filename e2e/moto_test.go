package e2e

import (
	"bufio"
	"net/http"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

var motoLine = regexp.MustCompile(`Running on (http://\S+)`)

// moto starts a moto server, which ends with the test, and gives its URL.
func moto(t testing.TB, o outside) string {
	t.Helper()
	if o.python == "" || exec.Command(o.python, "-c", "import moto.server, flask").Run() != nil {
		lacking(t, "moto is not installed: python3 -m pip install 'moto[server]'")
	}
	cmd := exec.Command(o.python, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	url := make(chan string, 1)
	go func() {
		defer close(url)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if m := motoLine.FindStringSubmatch(lines.Text()); m != nil {
				url <- m[1]
			}
		}
	}()
	select {
	case at := <-url:
		if answer, err := http.Get(at + "/moto-api/"); err == nil {
			answer.Body.Close()
			return at
		}
	case <-time.After(2 * patience):
	}
	t.Fatal("moto does not answer")
	return ""
}
