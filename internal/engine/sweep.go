package engine

import (
	"context"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Sweep wakes, each minute, whatever has open work whose time has come, so
// that a wake-up that was lost costs a minute and not the sync. It returns
// when ctx ends.
func (e *Engine) Sweep(ctx context.Context) {
	queue.Sweep(ctx, e.log, e.sweep)
}

func (e *Engine) sweep(ctx context.Context) error {
	return e.db.Update(ctx, func(tx *db.Tx) error {
		branches, err := syncstate.OverdueRepositorySyncs(tx, worker.SweepBatch)
		if err != nil {
			return err
		}

		for _, b := range branches {
			if err := e.queue.Wake(tx, repositoryWork{LinkID: b.LinkID, Branch: b.Branch}, tx.Now); err != nil {
				return err
			}
		}

		resources, err := syncstate.OverdueResources(tx, worker.SweepBatch)
		if err != nil {
			return err
		}

		for _, id := range resources {
			if err := e.queue.Wake(tx, resourceWork{ResourceID: id}, tx.Now); err != nil {
				return err
			}
		}

		lanes, err := syncstate.OverdueReportStreams(tx, worker.SweepBatch)
		if err != nil {
			return err
		}

		for _, id := range lanes {
			if err := e.queue.Wake(tx, reportWork{LaneID: id}, tx.Now); err != nil {
				return err
			}
		}

		return nil
	})
}
