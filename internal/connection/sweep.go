package connection

import (
	"context"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Sweep wakes the checks and renewals that are due every minute, in case their jobs
// were lost, and deletes expired authorization requests. It returns when ctx ends.
func (c *Controller) Sweep(ctx context.Context) {
	queue.Sweep(ctx, c.log, c.sweep)
}

func (c *Controller) sweep(ctx context.Context) error {
	return c.options.DB.Update(ctx, func(tx *db.Tx) error {
		if err := store.DeleteExpiredAuthorizations(tx); err != nil {
			return err
		}

		check, renew, err := store.OverdueConnectionChecks(tx, tx.Now, worker.SweepBatch)
		if err != nil {
			return err
		}

		for _, arn := range check {
			if err := c.options.Queue.Wake(tx, connectionCheck{arn}, tx.Now); err != nil {
				return err
			}
		}

		for _, arn := range renew {
			if err := c.options.Queue.Wake(tx, connectionRenewal{arn}, tx.Now); err != nil {
				return err
			}
		}

		return nil
	})
}
