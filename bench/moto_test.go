package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
)

// againstMoto holds a status read against what scripts poll instead where there
// is no AWS: a parameter of the same size in moto's Systems Manager.
func againstMoto(b *testing.B, service service, engine db.Dialect) {
	moto := startMoto(b)
	body := func(v any) func() string {
		text, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		return func() string { return string(text) }
	}

	value := service.document[:min(len(service.document), 4096)] // the most that a parameter takes
	put := signed(b, moto, service.reader, call{
		"ssm",
		"AmazonSSM.PutParameter",
		body(map[string]any{"Name": "status", "Type": "String", "Value": string(value)}),
	})
	put.Requests = put.Requests[:1]

	if _, err := client(put, time.Now().Add(time.Millisecond)); err != nil &&
		!strings.Contains(err.Error(), "ParameterAlreadyExists") {
		b.Fatal(err)
	}

	get := signed(b, moto, service.reader,
		call{"ssm", "AmazonSSM.GetParameter", body(map[string]string{"Name": "status"})})
	for _, conns := range []int{1, 64} {
		c := compete(b, signed(b, service.addr, service.reader, statusOf(configurations)), get, conns)
		report(b, row{
			what:   fmt.Sprintf("GetResourceSyncStatus on %s, %d connections", engine, conns),
			ours:   c.ours.String(),
			peer:   "moto GetParameter " + c.theirs.String(),
			ratio:  fmt.Sprintf("%.0f", c.rate),
			budget: "-",
			kept:   true,
		})
	}
}

var motoLine = regexp.MustCompile(`Running on http://(\S+)`)

// startMoto starts a moto server, which ends with the benchmark, and gives its
// address. Without moto the benchmark is skipped.
func startMoto(b *testing.B) string {
	b.Helper()
	if err := exec.Command("python3", "-c", "import moto.server, flask").Run(); err != nil {
		const lacks = "moto is not installed: python3 -m pip install 'moto[server]'"
		if os.Getenv("CI") == "true" {
			b.Fatal(lacks)
		}

		fmt.Fprintln(os.Stderr, "skipped:", lacks) // benchmarks that skip say nothing
		b.Skip(lacks)
	}

	// python3 may be a script that starts the real one, which would outlive it.
	python, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		b.Fatal(err)
	}

	cmd := exec.Command(strings.TrimSpace(string(python)), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	said, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}

	silent := make(chan struct{})
	addr := make(chan string, 1)
	go func() {
		defer close(silent)
		for lines := bufio.NewScanner(said); lines.Scan(); { // to its end: moto writes a line a request
			if found := motoLine.FindStringSubmatch(lines.Text()); found != nil && len(addr) == 0 {
				addr <- found[1]
			}
		}
	}()
	b.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-silent
		_ = cmd.Wait()
	})

	select {
	case at := <-addr:
		resp, err := http.Get("http://" + at + "/moto-api/")
		if err != nil {
			b.Fatal(err)
		}

		resp.Body.Close()
		return at

	case <-silent:
		b.Fatal("moto has ended")
	case <-time.After(time.Minute):
		b.Fatal("moto does not say where it answers")
	}

	return ""
}
