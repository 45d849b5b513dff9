package queue

import (
	"context"
	"log/slog"
	"time"
)

const sweepInterval = time.Minute

// Sweep calls f at once and then each minute, until ctx ends. It is for waking
// whatever has open work whose time has come, so that a wake-up that was lost costs
// a minute and not the work. An error is logged, and f called again in time.
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
