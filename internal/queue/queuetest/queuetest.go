// Package queuetest gives tests that work a queue their databases: each the test's
// own, with the tables of the server and of the queue, most often in a
// testing/synctest bubble. It is over [dbtest], which knows no queue.
//
// Of SQLite the tables are made once in a process and copied: under the race
// detector the migrations cost more than most tests. PostgreSQL's server is started
// before the bubble begins, since nothing of it may belong to one; a queue makes
// its tables there itself (Migrate).
package queuetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/queue"
)

// Bubble runs f on SQLite and on PostgreSQL, each time in a bubble. With -short
// SQLite has to do: under the race detector, which that is for, each question of
// the queue to a server counts.
func Bubble(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.EachEngine(t, func(t *testing.T, on db.Dialect) {
		if on == db.Postgres && testing.Short() {
			t.Skip("-short: SQLite alone")
		}
		BubbleOn(t, on, f)
	})
}

// BubbleOn is Bubble on one engine, also with -short.
func BubbleOn(t *testing.T, on db.Dialect, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	if on == db.Postgres {
		dbtest.URL(t, on) // starts the server
	} else if _, err := empty(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { f(t, Open(t, on)) })
}

// Open gives a database outside of a bubble, or in one that BubbleOn has made. It
// is closed and gone when the test ends.
func Open(t testing.TB, on db.Dialect) *db.DB {
	t.Helper()
	if on == db.Postgres {
		return dbtest.OpenOn(t, on, db.Schema())
	}

	file, err := empty()
	if err != nil {
		t.Fatal(err)
	}

	url := dbtest.URL(t, on)
	if err := os.WriteFile(strings.TrimPrefix(url, "sqlite:"), file, 0o600); err != nil {
		t.Fatal(err)
	}

	d, err := db.Open(t.Context(), url, db.Schema())
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})

	return d
}

// empty gives the file of an SQLite database that has every table.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "lockstep-test")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	d, err := db.Open(context.Background(), "sqlite:"+path, db.Schema())
	if err != nil {
		return nil, err
	}
	err = queue.New(queue.Options{DB: d}).Migrate(context.Background())
	if err := errors.Join(err, d.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
