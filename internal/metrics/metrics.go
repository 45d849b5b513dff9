package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Options are what a [Metrics] reads when it is served. All are required.
type Options struct {
	// Connections returns the number of open connections of the API.
	Connections func() int
	// Database returns the state of the database's connection pool: with SQLite that of the
	// connections that write.
	Database func() Pool
}

// A Pool is the state of a connection pool.
type Pool struct {
	InUse int
	Idle  int
	Max   int
	// Waits is how often a caller had to wait for a connection, and Waited for how long in total, both
	// since the start.
	Waits  int64
	Waited time.Duration
}

// A Metrics counts, and serves the counts in Prometheus's text format. It is safe for concurrent use.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	text     http.Handler
}

// New returns metrics that are all zero.
func New(o Options) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lockstep_api_requests_total",
			Help: "Responses of the API, by operation and exception.",
		}, []string{"op", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lockstep_api_request_duration_seconds",
			Help:    "Time from the header of a request to the end of its response, by operation.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"op"}),
	}

	registry := prometheus.NewRegistry()
	registry.MustRegister(
		m.requests,
		m.duration,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
		gauge("lockstep_http_connections", "Open connections of the API.", nil,
			func() float64 { return float64(o.Connections()) }),
	)
	registry.MustRegister(databaseCollectors(o.Database)...)
	m.text = promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})

	return m
}

func databaseCollectors(pool func() Pool) []prometheus.Collector {
	const connections, help = "lockstep_db_connections", "Connections to the database, by state."
	return []prometheus.Collector{
		gauge(connections, help, prometheus.Labels{"state": "in_use"}, func() float64 { return float64(pool().InUse) }),
		gauge(connections, help, prometheus.Labels{"state": "idle"}, func() float64 { return float64(pool().Idle) }),
		gauge("lockstep_db_connections_max", "Maximum number of open connections to the database.", nil,
			func() float64 { return float64(pool().Max) }),
		counter("lockstep_db_waits_total", "Times that a caller waited for a connection to the database.",
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

// Observe counts a response of the API: the operation, or "" if it is unknown, and the code of the
// exception, or "" for success. Both must be from fixed sets. The service is not a label, because no
// two services have an operation of the same name with a different meaning.
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

// ServeHTTP writes all metrics.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.text.ServeHTTP(w, r) }
