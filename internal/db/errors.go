package db

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNoRows is returned by [Row.Scan] if the result is empty.
var ErrNoRows = sql.ErrNoRows

// IsUnique reports whether err is a violation of a primary key or unique index.
func IsUnique(err error) bool {
	return is(err, "23505", sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
		sqlite3.SQLITE_CONSTRAINT_ROWID)
}

// IsForeignKey reports whether err is a violation of a foreign key, by an
// insertion or a deletion. SQLite implements ON DELETE RESTRICT with a trigger and
// reports it as such, so a trigger of the schema would count too.
func IsForeignKey(err error) bool {
	return is(err, "23503", sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER) || is(err, "23001")
}

// IsCheck reports whether err is a violation of a CHECK constraint.
func IsCheck(err error) bool { return is(err, "23514", sqlite3.SQLITE_CONSTRAINT_CHECK) }

// IsConflict reports whether err is a serialization failure or a deadlock of
// PostgreSQL: the transaction may succeed if it is repeated.
func IsConflict(err error) bool { return is(err, "40001") || is(err, "40P01") || is(err, "55P03") }

// refusesValue reports whether err is about a value of a statement, such as text
// with a NUL, and not about the statement or the server.
func refusesValue(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(pg.Code, "22")
}

// is reports whether err has an SQLSTATE of PostgreSQL or an extended code of
// SQLite.
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
