package e2e

import (
	"bufio"
	"errors"
	"net/http"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// motoServer is one for all scripts, since it takes seconds to start. It is
// package state because nothing else lives as long as all tests; TestMain ends
// it.
var motoServer motoProcess

type motoProcess struct {
	once sync.Once
	url  string
	err  error
	cmd  *exec.Cmd
}

// moto
func (o outside) moto(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: moto")
	}
	ts.Setenv("MOTO_URL", motoURL(worldOf(ts).tb(), o))
}

// motoURL gives the URL of the moto server.
func motoURL(t testing.TB, o outside) string {
	t.Helper()
	if o.python == "" || exec.Command(o.python, "-c", "import moto.server, flask").Run() != nil {
		lacking(t, "moto is not installed: python3 -m pip install 'moto[server]'")
	}
	motoServer.once.Do(func() { motoServer.url, motoServer.err = motoServer.start(o.python) })
	if motoServer.err != nil {
		t.Fatal(motoServer.err)
	}
	return motoServer.url
}

var motoLine = regexp.MustCompile(`Running on (http://\S+)`)

func (m *motoProcess) start(python string) (string, error) {
	m.cmd = exec.Command(python, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	said, err := m.cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := m.cmd.Start(); err != nil {
		return "", err
	}
	url := make(chan string, 1)
	go func() {
		defer close(url)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if found := motoLine.FindStringSubmatch(lines.Text()); found != nil {
				url <- found[1]
			}
		}
	}()
	select {
	case at := <-url:
		answer, err := http.Get(at + "/moto-api/")
		if err != nil {
			return "", err
		}
		return at, answer.Body.Close()
	case <-time.After(2 * patience):
		return "", errors.New("moto does not say where it answers")
	}
}

func (m *motoProcess) end() {
	if m.cmd != nil && m.cmd.Process != nil {
		_ = m.cmd.Process.Kill() // it may have ended
		_ = m.cmd.Wait()
	}
}
