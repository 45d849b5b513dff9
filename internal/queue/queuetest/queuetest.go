// Package queuetest provides databases for tests that run a queue, usually in a
// testing/synctest bubble. Each test has its own database, with the tables of the server
// and of the queue. Package dbtest is the same without a queue.
//
// # SQLite
//
// The tables are created once in a process and copied: under the race detector the
// migrations take longer than most tests.
//
// # PostgreSQL
//
// The server is started before the bubble, to which none of it may belong. The queue
// creates its tables itself (Migrate).
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

// Bubble runs f on SQLite and on PostgreSQL, each time in a bubble. With -short it runs f
// on SQLite alone: under the race detector each poll of a server takes long.
func Bubble(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	dbtest.EachEngine(t, func(t *testing.T, dialect db.Dialect) {
		if dialect == db.Postgres && testing.Short() {
			t.Skip("-short: only SQLite")
		}
		BubbleOn(t, dialect, f)
	})
}

// BubbleOn is Bubble on one database engine, also with -short.
func BubbleOn(t *testing.T, dialect db.Dialect, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	if dialect == db.Postgres {
		dbtest.URL(t, dialect) // starts the server
	} else if _, err := emptyDatabase(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { f(t, Open(t, dialect)) })
}

// Open returns a database outside of a bubble, or in one that BubbleOn has created. It is
// deleted when the test ends.
func Open(t testing.TB, dialect db.Dialect) *db.DB {
	t.Helper()
	if dialect == db.Postgres {
		return dbtest.OpenOn(t, dialect, db.Schema())
	}

	file, err := emptyDatabase()
	if err != nil {
		t.Fatal(err)
	}

	url := dbtest.URL(t, dialect)
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

// emptyDatabase returns the file of an SQLite database that has every table.
var emptyDatabase = sync.OnceValues(func() ([]byte, error) {
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
