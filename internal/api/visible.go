package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
)

const (
	// lookedAtOnce is how many rows are read at a time to find those that the
	// caller may see.
	lookedAtOnce = 100
	// maxLooks bounds how often that is done for one page. After so many times the
	// page ends where the looking did, be it empty, and its token goes on.
	maxLooks = 20
)

// list runs f to read a list of things of a kind: where the caller may see all
// of them one statement will do; else what the policies ask for is read as well.
func (s *Service) list(ctx context.Context, c Caller, kind policy.EntityType, read func(tx *db.Tx) error) error {
	if c.CanReadAll(kind) {
		return s.o.DB.Peek(ctx, read)
	}
	return s.o.DB.View(ctx, read)
}

// Visible reads a page of things and leaves out what the caller may not see. The
// page is as full, and goes on or ends, as if there were nothing else: neither its
// length nor its token tells of hidden things, unless maxLooks have found nothing
// but those.
func Visible[T any](tx *db.Tx, caller Caller, kind policy.EntityType, page store.Page,
	read func(store.Page) ([]T, store.Cursor, error), the func(T) Subject) ([]T, store.Cursor, error) {
	if caller.CanReadAll(kind) {
		return read(page)
	}
	return Filter(page, read, func(one T) (bool, error) { return caller.CanRead(tx, the(one)) })
}

// Filter is visible by any rule that says which things are shown.
func Filter[T any](page store.Page, read func(store.Page) ([]T, store.Cursor, error), shows func(T) (bool, error)) ([]T, store.Cursor, error) {
	var shown []T
	var last store.Page // as many rows, and after which, to end with the last that is shown
	at := store.Page{Limit: max(page.Limit, lookedAtOnce), After: page.After}
	for range maxLooks {
		all, next, err := read(at)
		if err != nil {
			return nil, store.Cursor{}, err
		}

		for i, one := range all {
			fits, err := shows(one)
			if err != nil {
				return nil, store.Cursor{}, err
			}

			if fits && len(shown) == page.Limit {
				_, end, err := read(last)
				return shown, end, err
			}

			if fits {
				shown, last = append(shown, one), store.Page{Limit: i + 1, After: at.After}
			}
		}

		if next == (store.Cursor{}) {
			return shown, next, nil
		}

		at.After = next
	}

	return shown, at.After, nil
}

// CanRead is sees for a thing that is yet to be described. What cannot be,
// since what it hangs on is gone, is not seen.
func (c Caller) CanRead(tx *db.Tx, t Subject) (bool, error) {
	if c.CanReadAll(t.kind) {
		return true, nil
	}
	resource, err := t.describe(tx)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}
	return err == nil && c.canReadResource(resource), err
}

// Allows says whether the caller may do an action to a thing that is yet to be
// described, as [Caller.seesThing] says whether it sees it.
func (c Caller) Allows(tx *db.Tx, action string, t Subject) (bool, error) {
	resource, err := t.describe(tx)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}
	return err == nil && c.decide(action, resource, policy.Context{}).Allowed, err
}
