package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
)

// An Env is a test with a database. It is the base of every world of the engine family.
type Env struct {
	T  *testing.T
	DB *db.DB
}

// Must stops the test if err is not nil.
func (e Env) Must(err error) {
	e.T.Helper()
	if err != nil {
		e.T.Fatal(err)
	}
}

// Update runs f in a transaction.
func (e Env) Update(f func(tx *db.Tx) error) {
	e.T.Helper()
	e.Must(e.DB.Update(context.Background(), f))
}

// Count returns the number that a query selects.
func (e Env) Count(query string, args ...any) (n int) {
	e.T.Helper()
	e.Must(e.DB.View(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) }))
	return n
}

// WaitUntil waits, in fake time and at most an hour of it, for a condition.
func (e Env) WaitUntil(what string, done func() bool) {
	e.T.Helper()
	for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(Tick) {
		if done() {
			return
		}
	}
	e.T.Fatalf("not within an hour: %s", what)
}
