package connection

import (
	"context"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Sweep wakes, each minute, the checks and renewals whose time has come, so that a
// wake-up that was lost costs a minute, and forgets handshakes that are over. It
// returns when ctx ends.
func (h *Controller) Sweep(ctx context.Context) {
	queue.Sweep(ctx, h.log, h.sweep)
}

func (h *Controller) sweep(ctx context.Context) error {
	return h.options.DB.Update(ctx, func(tx *db.Tx) error {
		if err := store.DeleteExpiredAuthorizations(tx); err != nil {
			return err
		}

		check, renew, err := store.OverdueConnectionChecks(tx, tx.Now, worker.SweepBatch)
		if err != nil {
			return err
		}

		for _, arn := range check {
			if err := h.options.Queue.Wake(tx, connectionCheck{arn}, tx.Now); err != nil {
				return err
			}
		}

		for _, arn := range renew {
			if err := h.options.Queue.Wake(tx, connectionRenewal{arn}, tx.Now); err != nil {
				return err
			}
		}

		return nil
	})
}
