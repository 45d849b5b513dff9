package db

import (
	"strings"
	"time"
)

// A Page is the part of a list that a caller wants.
type Page struct {
	// Limit is the most rows to return, at least one.
	Limit int
	// After is where the page before ended; the zero Cursor begins the list.
	After Cursor
}

// A Cursor is the position of a row in its list: the values of the columns that
// the list is ordered by. What the two parts hold differs from list to list. The
// zero Cursor is before every row; as a result it means that there are no more.
type Cursor struct {
	Number int64
	Text   string
}

// A Scanner is a row whose columns can be copied out: a [Row], or the current one
// of [Rows].
type Scanner interface{ Scan(dst ...any) error }

// Select runs a query and returns what scan makes of each row.
func Select[T any](tx *Tx, scan func(Scanner) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := tx.Query(sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var list []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}

		list = append(list, item)
	}

	return list, rows.Err()
}

// ScanValue scans a row of one column.
func ScanValue[T any](row Scanner) (value T, err error) {
	err = row.Scan(&value)
	return value, err
}

// Cut returns the first limit items of a list that was read with one row more,
// and the cursor of the last, or the zero Cursor if there was no such row.
func Cut[T any](list []T, limit int, cursor func(T) Cursor) ([]T, Cursor) {
	if len(list) <= limit {
		return list, Cursor{}
	}
	return list[:limit], cursor(list[limit-1])
}

// SelectPage is [Select] for one page. The query's last placeholder is its LIMIT,
// for which SelectPage adds the argument.
func SelectPage[T any](
	tx *Tx, page Page, scan func(Scanner) (T, error), cursor func(T) Cursor, sql string, args ...any,
) ([]T, Cursor, error) {
	list, err := Select(tx, scan, sql, append(args, page.Limit+1)...)
	if err != nil {
		return nil, Cursor{}, err
	}

	list, next := Cut(list, page.Limit, cursor)
	return list, next, nil
}

// Storable returns text as both engines can keep it. PostgreSQL refuses NUL and
// invalid UTF-8.
func Storable(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
}

// TimeOrZero returns the time stored as ms, or the zero time for NULL.
func TimeOrZero(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return Time(*ms)
}

// MillisOrNull returns how t is stored, or NULL for the zero time.
func MillisOrNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := Millis(t)
	return &ms
}
