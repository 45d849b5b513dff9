package access

import (
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
)

const (
	// minRead is the least number of items that Filter reads at a time.
	minRead = 100
	// maxReads bounds how often Filter reads for one page. After that the page ends,
	// even if it is empty, and its token continues the search.
	maxReads = 20
)

// A Read returns a page of items, and the cursor of the next page.
type Read[T any] func(db.Page) ([]T, db.Cursor, error)

// Visible returns a page of the items that the caller may read. The page is as
// full, and continues or ends, as if the other items did not exist: neither its
// length nor its token reveals them, unless maxReads found nothing else.
func Visible[T any](tx *db.Tx, caller Caller, resourceType policy.EntityType, page db.Page, read Read[T],
	subjectOf func(T) Subject) ([]T, db.Cursor, error) {
	if caller.CanReadAll(resourceType) {
		return read(page)
	}
	return Filter(page, read, func(item T) (bool, error) { return caller.CanRead(tx, subjectOf(item)) })
}

// Filter returns a page of the items that include reports true for, with the
// guarantees of [Visible].
func Filter[T any](page db.Page, read Read[T], include func(T) (bool, error)) ([]T, db.Cursor, error) {
	var included []T
	var upToLast db.Page // ends with the last included item
	next := db.Page{Limit: max(page.Limit, minRead), After: page.After}

	for range maxReads {
		items, cursor, err := read(next)
		if err != nil {
			return nil, db.Cursor{}, err
		}

		for i, item := range items {
			ok, err := include(item)
			if err != nil {
				return nil, db.Cursor{}, err
			}
			if !ok {
				continue
			}

			if len(included) == page.Limit {
				_, end, err := read(upToLast)
				return included, end, err
			}

			included = append(included, item)
			upToLast = db.Page{Limit: i + 1, After: next.After}
		}

		if cursor == (db.Cursor{}) {
			return included, cursor, nil
		}

		next.After = cursor
	}

	return included, next.After, nil
}
