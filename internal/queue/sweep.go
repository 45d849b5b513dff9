package queue

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
)

const sweepInterval = time.Minute

// Sweep calls f at once and then every minute, until ctx ends. f should wake all open
// work that is due, so that a lost job costs a minute and not the work. An error of f
// is logged, and f is called again a minute later.
func Sweep(ctx context.Context, log *slog.Logger, f func(ctx context.Context) error) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()

	for {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelWarn, "sweep", slog.Any("err", err))
		}

		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// WakeAll wakes a job now for each item.
func WakeAll[T any, A Args](q *Queue, tx *db.Tx, items []T, job func(item T) A) error {
	for _, item := range items {
		if err := q.Wake(tx, job(item), tx.Now); err != nil {
			return err
		}
	}
	return nil
}
