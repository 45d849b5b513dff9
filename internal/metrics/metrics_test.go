package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/metrics"
)

func newMetrics(t testing.TB) *metrics.Metrics {
	t.Helper()
	return metrics.New(metrics.Options{
		Connections: func() int { return 3 },
		Database: func() metrics.Pool {
			return metrics.Pool{InUse: 1, Idle: 2, Max: 10, Waits: 4, Waited: 1500 * time.Millisecond}
		},
	})
}

// read gives the lines of our own series.
func read(t testing.TB, m *metrics.Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))

	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %s", w.Code, w.Header())
	}

	var ours []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "lockstep_") && !strings.Contains(line, "_bucket{") {
			ours = append(ours, strings.TrimSuffix(line, "\n"))
		}
	}

	return ours
}

func TestAnswersAreCountedByOperationAndOutcome(t *testing.T) {
	m := newMetrics(t)
	m.Observe("codeconnections", "GetConnection", "", 2*time.Second)
	m.Observe("codestar-connections", "GetConnection", "", time.Second)
	m.Observe("codeconnections", "GetConnection", "ResourceNotFoundException", time.Second)
	m.Observe("", "", "UnknownOperationException", time.Second)
	want := []string{
		`lockstep_api_request_duration_seconds_sum{op="GetConnection"} 4`,
		`lockstep_api_request_duration_seconds_count{op="GetConnection"} 3`,
		`lockstep_api_request_duration_seconds_sum{op="unknown"} 1`,
		`lockstep_api_request_duration_seconds_count{op="unknown"} 1`,
		`lockstep_api_requests_total{op="GetConnection",outcome="ResourceNotFoundException"} 1`,
		`lockstep_api_requests_total{op="GetConnection",outcome="ok"} 2`,
		`lockstep_api_requests_total{op="unknown",outcome="UnknownOperationException"} 1`,
		`lockstep_db_connections{state="idle"} 2`,
		`lockstep_db_connections{state="in_use"} 1`,
		`lockstep_db_connections_max 10`,
		`lockstep_db_wait_seconds_total 1.5`,
		`lockstep_db_waits_total 4`,
		`lockstep_http_connections 3`,
	}
	if diff := cmp.Diff(want, read(t, m)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTwoServersInAProcessCountApart(t *testing.T) {
	one, two := newMetrics(t), newMetrics(t)
	one.Observe("codeconnections", "GetHost", "", time.Second)
	counted := func(m *metrics.Metrics) bool {
		return slices.ContainsFunc(read(t, m), func(line string) bool { return strings.Contains(line, "GetHost") })
	}
	if !counted(one) || counted(two) {
		t.Errorf("counted by the one: %t, by the other: %t", counted(one), counted(two))
	}
}

func TestRuntimeProcessAndBuildAreTold(t *testing.T) {
	w := httptest.NewRecorder()
	newMetrics(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, series := range []string{`go_goroutines \d`, `process_open_fds \d`, `go_build_info\{.*path=.*\} 1`} {
		if !regexp.MustCompile(`(?m)^` + series).MatchString(w.Body.String()) {
			t.Errorf("there is no %s", series)
		}
	}
}
