package preview

import (
	"context"
	"log/slog"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// maxRemoveTries is how often the removal of proposed changes is tried, over about
// an hour. What remains is a change set that is never executed.
const maxRemoveTries = 20

// remove discards what the preview has proposed.
func (t *turn) remove(ctx context.Context) error {
	cause := t.discard(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}

	return t.updateIfOwner(ctx, func(tx *db.Tx, preview syncstate.Preview) error {
		if cause != nil {
			t.log.LogAttrs(ctx, slog.LevelWarn, "preview removal failed", slog.String("preview", preview.ID),
				slog.String("resource", preview.Configuration.ResourceName), slog.Int64("try",
					preview.Tries+1), slog.Any("err", cause))
			if preview.Tries++; preview.Tries < maxRemoveTries {
				preview.NotBefore = tx.Now.Add(worker.Backoff(preview.Tries))
				return syncstate.SavePreview(tx, preview)
			}
		}

		if preview.PullRequestID == 0 || preview.Result == nil {
			if err := syncstate.DeletePreview(tx, preview.ID); err != nil {
				return err
			}
			return t.requestComment(tx, preview.PullRequestID)
		}

		preview.State, preview.Checkpoint = syncstate.PreviewDone, nil
		return syncstate.SavePreview(tx, preview)
	})
}

func (t *turn) discard(ctx context.Context) error {
	driver, err := t.engine.TargetDriver(t.preview.Configuration.SyncType)
	if err != nil {
		return err
	}

	attempt, release := t.targetAttempt()
	defer release()

	return worker.Call(ctx, worker.StepTimeout, "The target", func(ctx context.Context) error {
		return driver.Discard(ctx, attempt)
	})
}
