package syncstate

import (
	"errors"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// NoStatus is the error for a resource without an attempt.
func NoStatus(resource string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find a sync status for resource: %s", resource)
}

// NoRepositoryStatus is the error for a branch of a link without an attempt.
func NoRepositoryStatus(linkID string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find a sync status for repository link:%s", linkID)
}

// NoAttempt is the error for a resource sync attempt that does not exist.
func NoAttempt(id string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find resource sync attempt: %s", id)
}

// notFoundAs returns missing in place of db.ErrNoRows.
func notFoundAs(err, missing error) error {
	if errors.Is(err, db.ErrNoRows) {
		return missing
	}
	return err
}

// optional turns a missing row into false.
func optional[T any](row T, err error) (T, bool, error) {
	if errors.Is(err, db.ErrNoRows) {
		return row, false, nil
	}
	return row, err == nil, err
}

// requireOneRow returns a Stale error for a write that changed no row.
func requireOneRow(n int64, err error) error {
	if err == nil && n != 1 {
		return lockstep.Errorf(lockstep.Stale, "The row was changed by another process.")
	}
	return err
}
