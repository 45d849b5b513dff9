// Package enginetest is the harness of tests that sync: an engine over a real database,
// with a Git host and a target that the test scripts.
//
//	w.Push ──▶ GitHost ──▶ engine ──▶ ScriptedTarget
//	                         │
//	             w.Status ◀──┴──▶ commit statuses on GitHost
//
// [InBubble] runs a test in a World of its own on SQLite and on PostgreSQL, in fake
// time. Tests that need other parts, such as a poller, assemble them over [New].
package enginetest
