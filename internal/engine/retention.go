package engine

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// Retention is which ended attempts are kept.
type Retention = syncstate.Retention

const (
	// pruneInterval is the time between two searches for attempts to delete.
	pruneInterval = time.Hour
	// pruneBatch is how many attempts one transaction deletes.
	pruneBatch = 200
	// pruneBatches bounds the transactions after one search, for each kind of attempt.
	pruneBatches = 100
)

// prune deletes the attempts that the retention does not keep, in small transactions,
// and gives the space back.
func (e *Engine) prune(ctx context.Context) error {
	err := e.pruneKind(ctx, syncstate.ExpiredResourceAttempts, syncstate.DeleteResourceAttempts)
	if err != nil {
		return err
	}

	err = e.pruneKind(ctx, syncstate.ExpiredRepositoryAttempts, syncstate.DeleteRepositoryAttempts)
	if err != nil {
		return err
	}

	return e.db.ReleaseSpace(ctx)
}

func (e *Engine) pruneKind(
	ctx context.Context,
	search func(tx *db.Tx, r syncstate.Retention, limit int) ([]int64, error),
	remove func(tx *db.Tx, numbers []int64) error,
) error {
	var expired []int64
	err := e.db.View(ctx, func(tx *db.Tx) (err error) {
		expired, err = search(tx, e.retention, pruneBatch*pruneBatches)
		return err
	})
	if err != nil {
		return err
	}

	for len(expired) > 0 {
		batch := expired[:min(pruneBatch, len(expired))]
		if err := e.db.Update(ctx, func(tx *db.Tx) error { return remove(tx, batch) }); err != nil {
			return err
		}
		expired = expired[len(batch):]
	}

	return nil
}
