package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Dialect is an SQL engine.
type Dialect int

const (
	SQLite Dialect = iota
	Postgres
)

// String returns the name of the engine's folder in a [Migrations].
func (d Dialect) String() string {
	if d == Postgres {
		return "postgres"
	}
	return "sqlite"
}

// A DB is an open database with the current schema. It is safe for concurrent use.
type DB struct {
	dialect      Dialect
	path         string         // SQLite
	walLimit     int64          // SQLite, in bytes; for TruncateLog
	writer       *sql.DB        // SQLite
	readers      *sql.DB        // SQLite, for View
	readPool     *readPool      // SQLite, for ViewOnce
	pool         *pgxpool.Pool  // PostgreSQL
	readDeadline sharedDeadline // PostgreSQL, for ViewOnce
}

// Open opens the database at sqlite:PATH or postgres://… and migrates its schema
// to migrations. PATH is not unescaped; the file is created with mode 0600 if it
// is missing, its folder is not. PostgreSQL URLs have the options of pgx, such as
// pool_max_conns, which defaults to 20. Errors contain the URL without its
// password.
func Open(ctx context.Context, rawURL string, m Migrations) (*DB, error) {
	database, err := open(ctx, rawURL, m)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", Redact(rawURL), err)
	}
	return database, nil
}

func open(ctx context.Context, rawURL string, migrations Migrations) (*DB, error) {
	if path, ok := strings.CutPrefix(rawURL, "sqlite:"); ok {
		return openSQLite(ctx, path, migrations)
	}
	if strings.HasPrefix(rawURL, "postgres://") || strings.HasPrefix(rawURL, "postgresql://") {
		return openPostgres(ctx, rawURL, migrations)
	}
	return nil, errors.New("the URL must begin with sqlite: or postgres://")
}

// Redact returns a database URL without its password.
func Redact(rawURL string) string {
	if strings.HasPrefix(rawURL, "sqlite:") {
		return rawURL
	}

	scheme, _, found := strings.Cut(rawURL, "://")
	if !found {
		return "(not a URL)"
	}

	parsed, err := parseServerURL(rawURL)
	if err != nil {
		return scheme + "://…"
	}

	query := parsed.Query()
	if query.Has("password") || query.Has("sslpassword") {
		for _, secret := range []string{"password", "sslpassword"} {
			if query.Has(secret) {
				query.Set(secret, "xxxxx")
			}
		}
		parsed.RawQuery = query.Encode()
	}

	return parsed.Redacted()
}

// parseServerURL parses the URL of a server. It returns an error for a URL that is
// ambiguous, because the password may then be anywhere in it.
func parseServerURL(rawURL string) (*url.URL, error) {
	wrong := errors.New("not a URL: is a character of the password not percent-encoded?")
	parsed, err := url.Parse(rawURL)
	if err != nil || parsed.Fragment != "" || strings.Contains(parsed.EscapedPath(), "@") {
		return nil, wrong
	}

	query, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return nil, wrong
	}

	for name := range query {
		if strings.Contains(name, "@") {
			return nil, wrong
		}
	}

	return parsed, nil
}

// Dialect returns the engine.
func (d *DB) Dialect() Dialect { return d.dialect }

// SQL returns the writer connection of SQLite, or nil on PostgreSQL. It is for the
// queue's library.
func (d *DB) SQL() *sql.DB { return d.writer }

// Pool returns the pool of PostgreSQL, or nil on SQLite. It is for the queue's
// library.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Ping returns an error if the database does not answer.
func (d *DB) Ping(ctx context.Context) error {
	if d.dialect == Postgres {
		return d.pool.Ping(ctx)
	}
	return d.readers.PingContext(ctx)
}

// Close waits for open transactions and closes all connections.
func (d *DB) Close() error {
	if d.dialect == Postgres {
		d.pool.Close()
		d.readDeadline.close()
		return nil
	}
	return errors.Join(d.readPool.close(), d.readers.Close(), d.writer.Close())
}

// updateTries is the number of runs of an Update until a deadlock or a
// serialization failure is returned.
const updateTries = 5

// Update runs f in a read-write transaction. It commits if f returns nil, and
// rolls back otherwise, also if f panics. On PostgreSQL, f runs up to five times
// if the server ends the transaction because of a deadlock, a serialization failure
// or a lock that was not free for ten seconds, so f must be repeatable. On SQLite, f runs once, and no other writer
// runs meanwhile. The error is that of f, unwrapped, or of the database.
func (d *DB) Update(ctx context.Context, f func(tx *Tx) error) error {
	if d.dialect == SQLite {
		return d.runSQLite(ctx, d.writer, nil, f)
	}

	for try := 1; ; try++ {
		err := d.runPostgres(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, f)
		if err == nil || try == updateTries || !IsConflict(err) {
			return err
		}

		select {
		case <-time.After(time.Duration(try) * 5 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// View runs f in a read-only transaction. All statements see the same snapshot; a
// statement that writes is an error.
func (d *DB) View(ctx context.Context, f func(tx *Tx) error) error {
	if d.dialect == SQLite {
		return d.runSQLite(ctx, d.readers, &sql.TxOptions{ReadOnly: true}, f)
	}
	return d.runPostgres(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f)
}

// ViewOnce runs f with a Tx for one reading statement, outside of a transaction:
// it takes one round trip, where View takes three. A second statement, or Exec, is
// an error.
//
// A statement that has begun is not cancelled when ctx ends: watching ctx would
// cost SQLite as much as the read, and PostgreSQL a connection. On PostgreSQL it
// fails with [context.DeadlineExceeded] after 10 to 15 seconds.
func (d *DB) ViewOnce(ctx context.Context, f func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}

	tx := &Tx{Now: now(), Dialect: d.dialect, once: true}
	if d.dialect == Postgres {
		tx.ctx = d.readDeadline.context()
		return d.pool.AcquireFunc(tx.ctx, func(c *pgxpool.Conn) error {
			tx.q = pgQuerier{c}
			return tx.run(f)
		})
	}

	tx.ctx = context.WithoutCancel(ctx)
	return d.readPool.view(ctx, func(q querier) error {
		tx.q = q
		return tx.run(f)
	})
}
