package preview

import (
	"context"
	"log/slog"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// removeTries is how often the removal of what was proposed is tried, the last of
// them an hour after the first: what stays behind is a change set that nobody
// executes.
const removeTries = 20

// remove has the driver discard what the preview has proposed. Attempts of the
// resource are kept from beginning meanwhile, for no longer than that takes.
func (t *turn) remove(ctx context.Context) error {
	cause := t.discard(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // the reservation ends by itself
	}

	return t.mine(ctx, func(tx *db.Tx, v syncstate.Preview) error {
		if err := t.engine.Release(tx, v.ResourceID); err != nil {
			return err
		}

		if cause != nil {
			t.log.LogAttrs(ctx, slog.LevelWarn, "remove what a preview proposed", slog.String("preview", v.ID),
				slog.String("resource", v.Configuration.ResourceName), slog.Int64("try", v.Tries+1), slog.Any("err", cause))
			if v.Tries++; v.Tries < removeTries {
				v.NotBefore = tx.Now.Add(worker.Backoff(v.Tries))
				return syncstate.SavePreview(tx, v)
			}
		}

		if v.PullRequestID == 0 || v.Result == nil {
			if err := syncstate.DeletePreview(tx, v.ID); err != nil {
				return err
			}
			return t.due(tx, v.PullRequestID)
		}

		v.State, v.Checkpoint = syncstate.PreviewDone, nil
		return syncstate.SavePreview(tx, v)
	})
}

// discard calls the driver.
func (t *turn) discard(ctx context.Context) error {
	driver, err := t.engine.TargetDriver(t.preview.Configuration.SyncType)
	if err != nil {
		return err
	}

	a, release := t.asAttempt()
	defer release()

	return worker.Call(ctx, worker.StepTimeout, "The target", func(ctx context.Context) error {
		return driver.Discard(ctx, a)
	})
}
