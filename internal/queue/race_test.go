//go:build race

package queue_test

// slow says that the race detector watches, SQLite included, which is Go here.
const slow = true
