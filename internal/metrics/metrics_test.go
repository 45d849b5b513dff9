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

// ownSeries returns the lines of Lockstep's own metrics.
func ownSeries(t testing.TB, m *metrics.Metrics) []string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))

	if w.Code != http.StatusOK {
		t.Fatalf("the status is %d", w.Code)
	}
	if format := w.Header().Get("Content-Type"); !strings.HasPrefix(format, "text/plain; version=0.0.4") {
		t.Fatalf("the content type is %s", format)
	}

	var own []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "lockstep_") && !strings.Contains(line, "_bucket{") {
			own = append(own, strings.TrimSuffix(line, "\n"))
		}
	}

	return own
}

func TestResponsesAreCountedByOperationAndOutcome(t *testing.T) {
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
	if diff := cmp.Diff(want, ownSeries(t, m)); diff != "" {
		t.Error(diff)
	}
}

func TestTwoServersInOneProcessCountSeparately(t *testing.T) {
	one, two := newMetrics(t), newMetrics(t)
	one.Observe("codeconnections", "GetHost", "", time.Second)
	counted := func(m *metrics.Metrics) bool {
		return slices.ContainsFunc(ownSeries(t, m), func(line string) bool { return strings.Contains(line, "GetHost") })
	}
	if !counted(one) {
		t.Error("the server that answered does not count")
	}
	if counted(two) {
		t.Error("the other server counts")
	}
}

func TestRuntimeProcessAndBuildAreServed(t *testing.T) {
	w := httptest.NewRecorder()
	newMetrics(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, series := range []string{`go_goroutines \d`, `process_open_fds \d`, `go_build_info\{.*path=.*\} 1`} {
		if !regexp.MustCompile(`(?m)^` + series).MatchString(w.Body.String()) {
			t.Errorf("there is no %s", series)
		}
	}
}
