package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"modernc.org/sqlite"
)

// openSQLite migrates with a connection of its own that has foreign keys off, so
// that tables can be rebuilt.
func openSQLite(ctx context.Context, path string, migrations Migrations) (*DB, error) {
	dsn, err := sqliteDSN(path)
	if err != nil {
		return nil, err
	}

	writer, err := sqlitePool(dsn+"&_txlock=immediate&_pragma=foreign_keys(0)", 1)
	if err != nil {
		return nil, err
	}

	err = (&DB{dialect: SQLite, writer: writer}).migrate(ctx, migrations)
	if err = errors.Join(err, writer.Close()); err != nil {
		return nil, err
	}

	database := &DB{dialect: SQLite, path: path, walLimit: walLimit}
	if database.writer, err = sqlitePool(dsn+"&_txlock=immediate&_pragma=foreign_keys(1)", 1); err != nil {
		return nil, err
	}

	reader, err := sqliteConnector(dsn + "&_pragma=query_only(1)&_pragma=mmap_size(" + mmapSize + ")")
	if err != nil {
		database.writer.Close()
		return nil, err
	}

	readers := max(4, runtime.GOMAXPROCS(0))
	database.readers, database.readPool = poolOf(reader, readers), newReadPool(reader, readers)
	if err := database.Ping(ctx); err != nil {
		return nil, errors.Join(err, database.Close())
	}

	return database, nil
}

// mmapSize is the size of the part of the file that readers map into memory, in
// bytes. A cached page in it is read without a system call. The rest of a larger
// file is read as usual.
const mmapSize = "1073741824"

// journalSizeLimit is the size to which SQLite shrinks the write-ahead log when it
// starts again from its beginning, in bytes.
const journalSizeLimit = "33554432"

// busyTimeout is how long a statement waits for the lock of another process.
const busyTimeout = "10000" // milliseconds

// sqliteDSN creates the file if needed, and returns its name in SQLite's URI form,
// escaped.
func sqliteDSN(path string) (string, error) {
	if path == "" {
		return "", errors.New("sqlite: the name of a file is missing")
	}
	if strings.ContainsRune(path, 0) {
		return "", errors.New("a file name cannot hold a NUL")
	}

	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}

	// SQLite would create the file with mode 0644.
	file, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	if err := file.Close(); err != nil {
		return "", err
	}

	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}
	return u.String() + "?_pragma=busy_timeout(" + busyTimeout + ")&_pragma=auto_vacuum(INCREMENTAL)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=journal_size_limit(" + journalSizeLimit + ")", nil
}

func sqlitePool(dsn string, connections int) (*sql.DB, error) {
	connector, err := sqliteConnector(dsn)
	if err != nil {
		return nil, err
	}
	return poolOf(connector, connections), nil
}

func sqliteConnector(dsn string) (cachingConnector, error) {
	c, err := sqlite.NewConnector(dsn)
	return cachingConnector{c}, err
}

// poolOf returns a pool that keeps its connections open: a new connection has to
// read the schema and prepare every statement again.
func poolOf(c cachingConnector, connections int) *sql.DB {
	pool := sql.OpenDB(c)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

func (d *DB) runSQLite(ctx context.Context, pool *sql.DB, opts *sql.TxOptions, f func(tx *Tx) error) error {
	sqlTx, err := pool.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer sqlTx.Rollback()
	tx := &Tx{Now: now(), Dialect: SQLite, ctx: ctx, q: sqlQuerier{sqlTx}, sqlTx: sqlTx}
	if err := tx.run(f); err != nil {
		return err
	}
	return sqlTx.Commit()
}

// walLimit is the size of the write-ahead log, in bytes, above which TruncateLog empties it.
const walLimit = 32 << 20

// truncateTimeout is how long TruncateLog waits for readers of old pages. Other writers
// wait as long.
const truncateTimeout = "1000" // milliseconds

// TruncateLog copies the write-ahead log of an SQLite file into the file and empties it,
// if it is larger than 32 MB: SQLite itself does so only when a later commit finds no
// reader of the log. If there is a reader for a second, the log stays as it is until the
// next call. On PostgreSQL, TruncateLog does nothing.
func (d *DB) TruncateLog(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil
	}

	info, err := os.Stat(d.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= d.walLimit {
		return nil
	}
	if err != nil {
		return err
	}

	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()

	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout("+truncateTimeout+")"); err != nil {
		return err
	}

	// The row says whether a reader was in the way; that is no error.
	_, err = conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	_, restored := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA busy_timeout("+busyTimeout+")")
	return errors.Join(err, restored)
}

// releasedPages bounds how many pages one call of ReleaseSpace returns, so that other
// writers wait for less than a second.
const releasedPages = "4096"

// ReleaseSpace returns up to 16 MB of free pages of an SQLite file to the file system,
// if the file was created with incremental auto_vacuum. On PostgreSQL, which vacuums by
// itself, it does nothing.
func (d *DB) ReleaseSpace(ctx context.Context) error {
	if d.dialect != SQLite {
		return nil
	}

	// Each row that is read returns a page.
	rows, err := d.writer.QueryContext(ctx, "PRAGMA incremental_vacuum("+releasedPages+")")
	if err != nil {
		return err
	}
	defer rows.Close()

	for rows.Next() {
	}
	return rows.Err()
}

// foreignKeyCheck returns an error if a migration has violated a foreign key.
func foreignKeyCheck(tx *Tx) error {
	var table, parent string
	var row, key *int64
	err := tx.QueryRow("PRAGMA foreign_key_check").Scan(&table, &row, &parent, &key)
	if errors.Is(err, ErrNoRows) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("a row of table %s refers to a missing row of %s", table, parent)
	}
	return err
}
