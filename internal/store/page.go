package store

import "github.com/lockstephq/lockstep/internal/db"

// A Page says which rows of a list are wanted.
type Page struct {
	// Limit is the most rows to return, at least one.
	Limit int
	// After is where the page before ended; the zero Cursor begins the list.
	After Cursor
}

// A Cursor is the place of a row in its list's order: the values of the
// order's columns. What the two parts hold differs from list to list. The zero
// Cursor is before every row, and as an answer says that there are no more.
type Cursor struct {
	Number int64
	Text   string
}

// paged reads one page from a query for limit+1 rows: the row too many tells
// that the list goes on.
func paged[T any](rows *db.Rows, limit int, scan func(scanner) (T, error), place func(T) Cursor) ([]T, Cursor, error) {
	defer rows.Close()

	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, Cursor{}, err
		}

		all = append(all, one)
	}

	if err := rows.Err(); err != nil {
		return nil, Cursor{}, err
	}
	if len(all) <= limit {
		return all, Cursor{}, nil
	}

	return all[:limit], place(all[limit-1]), nil
}

// A scanner is a row to be copied out: db.Row or *db.Rows.
type scanner interface{ Scan(dst ...any) error }
