package db

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNoRows is what [Row.Scan] returns when the result is empty.
var ErrNoRows = sql.ErrNoRows

// IsUnique says whether err comes from a primary key or unique index that already
// has such a row.
func IsUnique(err error) bool {
	return is(err, "23505", sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID)
}

// IsForeignKey says whether err comes from a row that points to none, or from the
// deletion of one that another points to. SQLite carries out ON DELETE RESTRICT by
// a trigger and says so; a trigger of the schema's own would count as well there.
func IsForeignKey(err error) bool {
	return is(err, "23503", sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER) || is(err, "23001")
}

// IsCheck says whether err comes from a CHECK constraint.
func IsCheck(err error) bool { return is(err, "23514", sqlite3.SQLITE_CONSTRAINT_CHECK) }

// IsConflict says whether err comes from others who change the same at the same
// time, so that the same transaction may succeed when run again: PostgreSQL's
// serialization failure or deadlock.
func IsConflict(err error) bool { return is(err, "40001") || is(err, "40P01") }

// refusesValue says whether err is about a value that a statement was given,
// such as text with a NUL, and not about the statement or the server.
func refusesValue(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(pg.Code, "22")
}

// is compares the SQLSTATE of a PostgreSQL error, or the extended code of an
// SQLite one.
func is(err error, state string, codes ...int) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == state
	}

	lite, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}

	for _, code := range codes {
		if lite.Code() == code {
			return true
		}
	}

	return false
}
