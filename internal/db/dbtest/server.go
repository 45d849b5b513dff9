package dbtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lockstephq/lockstep/internal/db"
)

// A postgres is a server in which databases can be created.
type postgres struct {
	url     string // of a database that always exists
	foreign bool   // a given server: leave nothing behind

	// lifeline ends the server when it is closed or garbage-collected.
	lifeline *os.File

	mu        sync.Mutex
	templates map[string]string // by schema
}

// errMissing is returned if PostgreSQL is not installed.
var errMissing = errors.New("PostgreSQL is not installed (initdb and postgres, in PATH or " +
	"/usr/lib/postgresql/*/bin) and TEST_POSTGRES_URL is not set")

// shared is the server of the process. It is package state because it lives as
// long as all tests of a package.
var shared = sync.OnceValues(func() (*postgres, error) {
	if u := os.Getenv("TEST_POSTGRES_URL"); u != "" {
		return &postgres{url: u, foreign: true}, nil
	}
	return start()
})

func server(t testing.TB) *postgres {
	t.Helper()
	server, err := shared()
	switch {
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return server
}

// create makes a database as a copy of the template, or empty, and returns its
// URL. It is dropped when the test ends, even if it has connections.
func (s *postgres) create(t testing.TB, template string) string {
	t.Helper()
	name := "lockstep_test_" + strings.ToLower(rand.Text())
	if err := s.admin(t.Context(), createStatement(name, template)); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		// The test's own context has ended.
		err := s.admin(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		if err != nil {
			t.Error(err)
		}
	})

	return s.of(name)
}

// createStatement returns the statement that creates a database. An empty database
// is a copy of template0, which has no sessions.
func createStatement(name, template string) string {
	return "CREATE DATABASE " + name + " TEMPLATE " + cmp.Or(template, "template0")
}

// template returns the name of a database that has the schema m, or "" on a
// server that is not ours, where nothing could drop it at the end.
func (s *postgres) template(ctx context.Context, migrations db.Migrations) (string, error) {
	if s.foreign {
		return "", nil
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	key, err := digest(migrations)
	if err != nil {
		return "", err
	}
	if name := s.templates[key]; name != "" {
		return name, nil
	}

	name := "lockstep_template_" + strings.ToLower(rand.Text())
	if err := s.admin(ctx, createStatement(name, "")); err != nil {
		return "", err
	}

	database, err := db.Open(ctx, s.of(name), migrations)
	if err != nil {
		return "", err
	}

	s.templates[key] = name
	return name, database.Close()
}

// digest identifies a schema: an fstest.MapFS cannot be a map key, and two tests
// may use the same table name for different files.
func digest(migrations db.Migrations) (string, error) {
	hasher := sha256.New()
	io.WriteString(hasher, migrations.Table)
	err := fs.WalkDir(migrations.FS, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, name)
		fmt.Fprintf(hasher, "\x00%s\x00%d\x00%s", name, len(text), text)
		return err
	})
	return string(hasher.Sum(nil)), err
}

// admin runs one statement on a connection of its own: what CREATE DATABASE
// copies must have no session, and a pool would keep one.
func (s *postgres) admin(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

// of returns the URL of another database of the server.
func (s *postgres) of(name string) string {
	parsed, err := url.Parse(s.url)
	if err != nil {
		return s.url // admin has refused it before
	}
	parsed.Path = "/" + name
	return parsed.String()
}
