package db

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	errRowsOpen     = errors.New("db: a statement while the rows of another are open")
	errEnded        = errors.New("db: a statement after one that failed: the transaction has ended")
	errOneStatement = errors.New("db: ViewOnce is for one statement that reads")
)

// A Tx is a transaction, or the single statement of [DB.ViewOnce]. It belongs to
// the function that got it, and to one goroutine.
type Tx struct {
	// Now is the time of the transaction: UTC, whole milliseconds, the same for all
	// statements. It is read after SQLite has granted the write lock, so it does not
	// decrease from one Update to the next.
	Now time.Time
	// Dialect is the engine, for the few statements that differ.
	Dialect Dialect

	ctx    context.Context
	q      querier
	sqlTx  *sql.Tx
	pgxTx  pgx.Tx
	open   resultRows // rows not closed yet
	failed error      // the statement error that has ended the transaction
	once   bool
	used   bool
}

// Context returns the context of the transaction.
func (tx *Tx) Context() context.Context { return tx.ctx }

// SQL returns the transaction of SQLite, or nil on PostgreSQL. It is for the
// queue.
func (tx *Tx) SQL() *sql.Tx { return tx.sqlTx }

// PGX returns the transaction of PostgreSQL, or nil on SQLite. It is for the
// queue.
func (tx *Tx) PGX() pgx.Tx { return tx.pgxTx }

// ForUpdate returns the end of a SELECT that locks its rows until the transaction
// ends: " FOR UPDATE" on PostgreSQL, "" on SQLite, where an Update has the whole
// database.
func (tx *Tx) ForUpdate() string { return tx.onPostgres(" FOR UPDATE") }

// SkipLocked is [Tx.ForUpdate] that skips the rows that other transactions have
// locked.
func (tx *Tx) SkipLocked() string { return tx.onPostgres(" FOR UPDATE SKIP LOCKED") }

func (tx *Tx) onPostgres(clause string) string {
	if tx.Dialect == Postgres {
		return clause
	}
	return ""
}

// Exec runs a statement and returns the number of rows it has changed.
func (tx *Tx) Exec(sql string, args ...any) (rowsAffected int64, err error) {
	if tx.once {
		return 0, tx.fail(errOneStatement)
	}
	if err := tx.begin(); err != nil {
		return 0, err
	}
	n, err := tx.q.exec(tx.ctx, sql, args)
	return n, tx.fail(err)
}

// Query runs a statement that returns rows. They must be closed, or read to the
// end, before the next statement.
func (tx *Tx) Query(sql string, args ...any) (*Rows, error) {
	if err := tx.begin(); err != nil {
		return nil, err
	}
	rows, err := tx.q.query(tx.ctx, sql, args)
	if err != nil {
		return nil, tx.fail(err)
	}
	tx.open = rows
	return &Rows{tx: tx, c: rows}, nil
}

// QueryRow runs a statement and returns its first row, which must be scanned. Scan
// returns the error of the statement.
func (tx *Tx) QueryRow(sql string, args ...any) Row {
	rows, err := tx.Query(sql, args...)
	return Row{rows: rows, err: err}
}

func (tx *Tx) begin() error {
	switch {
	case tx.failed != nil:
		return errEnded
	case tx.open != nil:
		return tx.fail(errRowsOpen)
	case tx.once && tx.used:
		return tx.fail(errOneStatement)
	}
	tx.used = true
	return nil
}

// fail records the first error of a statement, so that a transaction ends on
// SQLite as it does on PostgreSQL.
func (tx *Tx) fail(err error) error {
	if err != nil && tx.failed == nil {
		tx.failed = err
	}
	return err
}

// run calls f. If f has ignored the error of a statement, run returns it:
// PostgreSQL would not commit, so neither engine does.
func (tx *Tx) run(f func(tx *Tx) error) error {
	err := f(tx)
	if tx.open != nil {
		tx.open.Close()
		tx.open = nil
	}
	if err == nil {
		err = tx.failed
	}
	return err
}

// A Row is the first row of a result.
type Row struct {
	rows *Rows
	err  error
}

// Scan copies the columns of the row to dst, or returns [ErrNoRows]. A column that
// may be NULL needs a pointer to a pointer.
func (r Row) Scan(dst ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()

	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return ErrNoRows
	}

	if err := r.rows.Scan(dst...); err != nil {
		return err
	}

	r.rows.Close()
	return r.rows.Err()
}

// Rows are the rows of a result, positioned before the first one.
type Rows struct {
	tx *Tx
	c  resultRows
}

// Next advances to the next row. At the end, or after an error, it closes the rows
// and returns false.
func (r *Rows) Next() bool {
	if r.c.Next() {
		return true
	}
	r.Close()
	return false
}

// Scan copies the columns of the current row to dst. An error is about dst and
// does not end the transaction.
func (r *Rows) Scan(dst ...any) error { return r.c.Scan(dst...) }

// Err returns the error that ended the rows early.
func (r *Rows) Err() error { return r.tx.fail(r.c.Err()) }

// Close closes the rows, so that the next statement can begin. It can be called
// more than once.
func (r *Rows) Close() {
	r.c.Close()
	if r.tx.open == r.c {
		r.tx.open = nil
	}
	// pgx reports a failed statement only now.
	r.tx.fail(r.c.Err())
}

// Millis returns how a time is stored: in milliseconds since 1970, UTC.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// Time returns the time that is stored as ms, in UTC.
func Time(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
