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

// A Dialect says which engine a statement is for.
type Dialect int

const (
	SQLite Dialect = iota
	Postgres
)

// String is the name of the dialect's folder in a [Migrations].
func (d Dialect) String() string {
	if d == Postgres {
		return "postgres"
	}
	return "sqlite"
}

// A DB is an open database with a current schema. Its methods may be called
// concurrently.
type DB struct {
	dialect      Dialect
	writer       *sql.DB        // SQLite
	readers      *sql.DB        // SQLite, for View
	readPool     *readPool      // SQLite, for Peek
	pool         *pgxpool.Pool  // PostgreSQL
	readDeadline sharedDeadline // PostgreSQL, for Peek
}

// Open opens the database at sqlite:PATH or postgres://… and brings its schema
// up to m. PATH is taken as it stands, whatever characters it has; the file is
// made (0600) if it is missing, its folder is not. Of a PostgreSQL URL everything
// pgx knows is obeyed, pool_max_conns included, which defaults to 20 here. The
// error names the URL without its password.
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

// Redact returns a database URL as it may be shown: without a password.
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

// parseServerURL parses the URL of a server. One whose parts cannot be told apart is
// refused: its password may be anywhere.
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

// Dialect says which engine this is.
func (d *DB) Dialect() Dialect { return d.dialect }

// SQL returns the writer connection of SQLite, nil on PostgreSQL. It is for the
// queue, which needs a handle to give to its library.
func (d *DB) SQL() *sql.DB { return d.writer }

// Pool returns the pool of PostgreSQL, nil on SQLite. It is for the queue, as
// [DB.SQL] is.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Ping says whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	if d.dialect == Postgres {
		return d.pool.Ping(ctx)
	}
	return d.readers.PingContext(ctx)
}

// Close waits for transactions that are under way and closes all connections.
func (d *DB) Close() error {
	if d.dialect == Postgres {
		d.pool.Close()
		d.readDeadline.close()
		return nil
	}
	return errors.Join(d.readPool.close(), d.readers.Close(), d.writer.Close())
}

// updateTries is how often an Update runs before a deadlock or a serialization
// failure becomes the caller's error.
const updateTries = 5

// Update runs f in a read-write transaction, which is committed if f returns nil
// and rolled back otherwise, also when f panics. On PostgreSQL f runs again, up
// to five times in all, when the server has ended the transaction because of a
// deadlock or a serialization failure: f must not leave traces outside of tx that
// a second run would double. On SQLite f runs once, alone among all writers. The
// error is f's own, unwrapped, or the database's.
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

// View runs f in a read-only transaction: all its statements see the same
// snapshot, and a statement that writes is an error.
func (d *DB) View(ctx context.Context, f func(tx *Tx) error) error {
	if d.dialect == SQLite {
		return d.runSQLite(ctx, d.readers, &sql.TxOptions{ReadOnly: true}, f)
	}
	return d.runPostgres(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, f)
}

// ViewOnce runs f with a Tx that can read by one statement only, and is no
// transaction: it costs one round trip where View costs three. A second
// statement, or Exec, is an error. What has begun is not cut short when ctx ends:
// watching for that costs SQLite as much as the read, and PostgreSQL would lose a
// connection to it. There it ends with [context.DeadlineExceeded] after 10 to 15 s.
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
	return d.readPool.peek(ctx, func(q querier) error {
		tx.q = q
		return tx.run(f)
	})
}
