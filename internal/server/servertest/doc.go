// Package servertest runs the server programs within a test: `lockstep serve`, `lockstep up` and
// `lockstep sandbox`, each in a goroutine of the test's process, and makes working copies for them.
//
// A [Run] waits for output, never for time. It stops at the end of its test at the latest.
package servertest
