// Package dbtest gives tests real databases, each empty or with a schema, each
// the test's own: SQLite in a file that is gone when the test ends, PostgreSQL in a
// server that this package starts, or in the one that TEST_POSTGRES_URL names. Both
// are kept in memory (/dev/shm) where there is enough: thousands of commits wait for
// no disk then. They are the same commits, and survive a kill just as well.
//
// The server is started once per test process, from the binaries found on the
// machine, the first time a test asks. It listens on a Unix socket in a folder of
// its own and nowhere else, and is ended by a watcher that reads a pipe from the
// test process: whatever ends the process, kill -9 too, closes the pipe, and
// server and folder go. Databases are copies of a template that has been migrated
// once.
//
// A machine without PostgreSQL skips those tests, saying so; with CI=true that is
// a failure.
//
// Inside a testing/synctest bubble call [OpenOn] there, so that the goroutines of
// the handle belong to the bubble. The server has none in this process.
package dbtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
)

// Open gives an SQLite database with the server's schema: for tests whose
// subject does not touch what differs between the engines.
func Open(t testing.TB) *db.DB {
	t.Helper()
	return OpenOn(t, db.SQLite, db.Schema())
}

// OpenOn opens a database of an engine with a schema. It is deleted when the test
// ends.
func OpenOn(t testing.TB, engine db.Dialect, migrations db.Migrations) *db.DB {
	t.Helper()
	url := ""
	if engine == db.Postgres {
		url = migrated(t, migrations)
	} else {
		url = URL(t, engine)
	}

	database, err := db.Open(t.Context(), url, migrations)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})

	return database
}

// Each runs f on SQLite and on PostgreSQL, each time with a new database that has
// the server's schema.
func Each(t *testing.T, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachWith(t, db.Schema(), f)
}

// EachWith is [Each] with another schema.
func EachWith(t *testing.T, m db.Migrations, f func(t *testing.T, d *db.DB)) {
	t.Helper()
	EachEngine(t, func(t *testing.T, engine db.Dialect) { f(t, OpenOn(t, engine, m)) })
}

// EachEngine runs f for SQLite and for PostgreSQL without opening a database: for
// tests that open one within a bubble, in a child process, or more than once.
func EachEngine(t *testing.T, f func(t *testing.T, engine db.Dialect)) {
	t.Helper()
	for _, engine := range []db.Dialect{db.SQLite, db.Postgres} {
		t.Run(engine.String(), func(t *testing.T) { f(t, engine) })
	}
}

// URL returns the URL of a new, empty database, which is deleted when the test
// ends.
func URL(t testing.TB, engine db.Dialect) string {
	t.Helper()
	if engine == db.Postgres {
		return server(t).create(t, "")
	}

	dir, err := os.MkdirTemp(home(), "lockstep-test")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})

	return "sqlite:" + filepath.Join(dir, "test.db")
}

// migrated returns the URL of a new PostgreSQL database with a schema.
func migrated(t testing.TB, m db.Migrations) string {
	t.Helper()
	server := server(t)
	template, err := server.template(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return server.create(t, template)
}
