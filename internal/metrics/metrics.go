// Package metrics counts what the server does and tells it to Prometheus.
//
// A [Metrics] has a registry of its own: nothing is counted on import, and two
// servers in one process do not meet. Beside our own series it tells those of
// the Go runtime and of the process.
//
// Every label is one of a fixed set: operations, exceptions, states. No name
// that a user chose, no account, no repository and no address is ever one, for
// two reasons: the number of series stays small, and whoever may read the
// metrics learns of nobody.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what a [Metrics] asks when somebody reads it. All are required.
type Options struct {
	// Connections gives the open connections of the API.
	Connections func() int
	// Database gives the state of the database's connections: with SQLite those
	// that write.
	Database func() Pool
}

// A Pool is the state of a pool of connections.
type Pool struct {
	InUse, Idle, Max int
	// Waits counts those who had to wait for a connection, Waited their time, both
	// since the start.
	Waits  int64
	Waited time.Duration
}

// A Metrics counts, and answers GET with the text that Prometheus reads. It may
// be used concurrently.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	text     http.Handler
}

// New makes one in which everything is zero.
func New(o Options) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockstep_api_requests_total", Help: "Answers of the API, by operation and exception.",
		}, []string{"op", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lockstep_api_request_duration_seconds", Help: "Time from a request's header to the end of its answer, by operation.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"op"}),
	}

	all := prometheus.NewRegistry()
	all.MustRegister(m.requests, m.duration,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector(),
		gauge("lockstep_http_connections", "Open connections of the API.", nil, func() float64 { return float64(o.Connections()) }))
	all.MustRegister(database(o.Database)...)
	m.text = promhttp.HandlerFor(all, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})

	return m
}

func database(pool func() Pool) []prometheus.Collector {
	const connections, help = "lockstep_db_connections", "Connections to the database, by state."
	return []prometheus.Collector{
		gauge(connections, help, prometheus.Labels{"state": "in_use"}, func() float64 { return float64(pool().InUse) }),
		gauge(connections, help, prometheus.Labels{"state": "idle"}, func() float64 { return float64(pool().Idle) }),
		gauge("lockstep_db_connections_max", "Connections to the database that may be open at once.", nil,
			func() float64 { return float64(pool().Max) }),
		counter("lockstep_db_waits_total", "Times that somebody waited for a connection to the database.",
			func() float64 { return float64(pool().Waits) }),
		counter("lockstep_db_wait_seconds_total", "Time spent waiting for a connection to the database.",
			func() float64 { return pool().Waited.Seconds() }),
	}
}

func gauge(name, help string, labels prometheus.Labels, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value)
}

func counter(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value)
}

// Observe counts an answer of the API: the operation, "" for one that is not
// known, and the exception's code, "" for none. Both must come from fixed sets;
// the services' names do not tell operations apart, so there is no label of
// them.
func (m *Metrics) Observe(_, operation, code string, took time.Duration) {
	if operation == "" {
		operation = "unknown"
	}
	if code == "" {
		code = "ok"
	}
	m.requests.WithLabelValues(operation, code).Inc()
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// ServeHTTP tells everything.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.text.ServeHTTP(w, r) }
