// Package server wires the components of Lockstep together and runs them.
//
// It is the only package that knows every driver (drivers.go) and every component (server.go):
//
//	listeners (handlers.go)          workers                    shared
//	API, STS, sandbox, console  ──▶  queue, engine, previews  ──▶  database, Git network
//	webhooks                         connections, poller
//
// # Starting and stopping
//
// [New] creates the components in the order in which they depend on each other and binds the database
// to the target. [Server.Run] serves, and stops in the reverse order: jobs first, because a job may call
// the sandbox at our own listener, then the listeners, then what both use.
//
// # Programs
//
// [Serve] is `lockstep serve`: a server from settings. [CreateKey], [ListKeys], [DisableKey] and
// [DeletePolicy] change the database of a server, whether it runs or not. Package local runs the same
// server for `lockstep up`.
//
// The package contains no domain logic, reads no settings (package config) and limits no client
// (package httpserver).
package server
