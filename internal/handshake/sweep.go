package handshake

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

const (
	sweepInterval = time.Minute
	sweepBatch    = 1000
)

// Sweep wakes, each minute, the checks and renewals whose time has come, so that a
// wake-up that was lost costs a minute, and forgets handshakes that are over. It
// returns when ctx ends.
func (h *Handshake) Sweep(ctx context.Context) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		if err := h.sweep(ctx); err != nil && ctx.Err() == nil {
			h.log.LogAttrs(ctx, slog.LevelWarn, "sweep", slog.Any("err", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *Handshake) sweep(ctx context.Context) error {
	return h.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := store.ForgetPendingHandshakes(tx); err != nil {
			return err
		}
		check, renew, err := store.OverdueHandshakes(tx, tx.Now, sweepBatch)
		if err != nil {
			return err
		}
		for _, arn := range check {
			if err := h.o.Queue.Wake(tx, connectionCheck{arn}, tx.Now); err != nil {
				return err
			}
		}
		for _, arn := range renew {
			if err := h.o.Queue.Wake(tx, connectionRenewal{arn}, tx.Now); err != nil {
				return err
			}
		}
		return nil
	})
}
