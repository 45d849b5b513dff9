package e2e

import (
	"bufio"
	"net/http"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// moto
func (m machine) moto(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: moto")
	}
	ts.Setenv("MOTO_URL", motoURL(worldOf(ts).tb(), m))
}

var motoRunning = regexp.MustCompile(`Running on (http://\S+)`)

// motoURL starts a moto server, which ends with the test, and returns its URL.
func motoURL(t testing.TB, m machine) string {
	t.Helper()
	if m.python == "" || exec.Command(m.python, "-c", "import moto.server, flask").Run() != nil {
		skipOrFail(t, "moto is not installed: python3 -m pip install 'moto[server]'")
	}

	cmd := exec.Command(m.python, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	url, closed := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(closed)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if found := motoRunning.FindStringSubmatch(lines.Text()); found != nil && len(url) == 0 {
				url <- found[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-closed
		_ = cmd.Wait()
	})

	select {
	case at := <-url:
		response, err := http.Get(at + "/moto-api/")
		if err != nil {
			t.Fatal(err)
		}

		response.Body.Close()
		return at

	case <-closed:
		t.Fatal("moto has ended")
	case <-time.After(2 * timeout):
		t.Fatal("moto does not print its URL")
	}

	return ""
}
