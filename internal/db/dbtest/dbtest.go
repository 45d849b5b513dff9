// Package dbtest provides tests with real databases: SQLite in a file that is deleted when
// the test ends, and PostgreSQL in a server that the package starts, or in the one that
// TEST_POSTGRES_URL names. Each test has its own database.
//
// Databases are in memory (/dev/shm) if there is enough, so that commits do not wait for a
// disk.
//
// # The server
//
// The server is started once per process, from the binaries on the machine, when the first
// test needs it. It listens only on a Unix socket in a folder of its own. A watcher process
// reads a pipe from the test process; when that ends, even by kill -9, the pipe is closed,
// and the watcher deletes the server and the folder. Databases are copies of a template
// that is migrated once.
//
// Without PostgreSQL, tests that need it are skipped with a message; with CI=true they fail.
//
// # Bubbles
//
// Call [OpenOn] inside a testing/synctest bubble, so that the goroutines of the handle belong
// to the bubble. The server has no goroutines in the test process.
package dbtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
)

// Open opens an SQLite database with the server's schema, for tests whose subject
// is not the database.
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
