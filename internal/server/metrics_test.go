package server_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// metricsURL waits until the server is ready and returns the URL of its metrics listener.
func metricsURL(t testing.TB, run *servertest.Run) string {
	t.Helper()
	run.URL()
	return run.WaitFor(`(?m)^metrics (http\S+)/metrics$`)[1]
}

func TestMetricsAreServedAtTheirOwnAddressOnly(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"sqlite:" + filepath.Join(t.TempDir(), "l.db"), dbtest.URL(t, db.Postgres)} {
		seal := filepath.Join(t.TempDir(), "seal")
		key := createKey(t, url, seal)
		run := servertest.Serve(
			t,
			"--db",
			url,
			"--seal-key-file",
			seal,
			"--target",
			"http://127.0.0.1:9",
			"--metrics-listen",
			"127.0.0.1:0",
		)
		wantAccepted(t, run, key)

		// The SDK may have closed its connection by now, and this one stays open.
		if got := sendText(t, dial(t, run.URL()), liveness, servertest.Timeout); got != 200 {
			t.Fatalf("status %d", got)
		}

		address := metricsURL(t, run)
		code, body, _ := get(t, address+"/metrics", "")
		if code != 200 {
			t.Fatalf("status %d", code)
		}

		for _, series := range []string{
			`lockstep_api_requests_total\{op="ListHosts",outcome="ok"\} 1`, `lockstep_api_request_duration_seconds_count\{op="ListHosts"\} 1`,
			`lockstep_http_connections [1-9]`, `lockstep_db_connections_max [1-9]`, `go_goroutines [1-9]`,
		} {
			if !regexp.MustCompile("(?m)^" + series).MatchString(body) {
				t.Errorf("%s: there is no %s in\n%s", url, series, body)
			}
		}

		if strings.Contains(body, key.AccessKeyID) || strings.Contains(body, key.Account) {
			t.Errorf("the metrics name the caller:\n%s", body)
		}

		for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/": 404, "/sandbox": 404} {
			if code, _, _ := get(t, address+path, ""); code != want {
				t.Errorf("%s at the metrics address: status %d, want %d", path, code, want)
			}
		}

		if code, _, _ := get(t, run.URL()+"/metrics", ""); code == 200 {
			t.Error("the API's address serves metrics")
		}

		if code, _, _ := get(t, address+"/metrics", "attacker.example"); code != http.StatusMisdirectedRequest {
			t.Errorf("metrics as host attacker.example: status %d", code)
		}

		run.Stop()
	}
}

func TestMetricsMayListenOnAnyAddress(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t, "--metrics-listen", "0.0.0.0:0")
	if code, _, _ := get(t, metricsURL(t, run)+"/metrics", "lockstep.example"); code != 200 {
		t.Errorf("status %d", code)
	}
	servertest.ServeSandbox(
		t,
		"--metrics-listen",
		strings.TrimPrefix(run.URL(), "http://"),
	).WantExit(1, "choose another address with --metrics-listen")
}

func TestWithoutAnAddressThereAreNoMetrics(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	run := servertest.ServeSandbox(t)
	run.URL()
	run.WantOutput("!metrics")
}
