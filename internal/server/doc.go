// Package server puts the rooms together and runs them: the one place that
// knows every driver (drivers.go), every setting (config.go), and in which
// order things open and close (server.go).
//
// Serve runs the server as an administrator has configured it. Up runs the
// same server on a data directory of its own (datadir.go), with the embedded
// sandbox and a key it makes, links the repositories it is given (link.go) and
// lets the engine make configurations of the deployment files in them.
package server
