// Package metrics counts what the server does and serves the counts to Prometheus.
//
// A [Metrics] has a registry of its own: nothing is counted on import, and two servers in one process do
// not share counts. It also serves the metrics of the Go runtime and of the process.
//
// # Labels
//
// Every label value is from a fixed set: operations, exceptions, states. Names that users choose,
// accounts, repositories and addresses are never labels. This keeps the number of series small, and a
// reader of the metrics learns nothing about users.
//
// The package does not listen; package server mounts it on the metrics listener.
package metrics
