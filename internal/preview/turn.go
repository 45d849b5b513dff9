package preview

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

const (
	// attemptPollInterval is how often a preview that waits for an attempt checks
	// whether it has ended.
	attemptPollInterval = 10 * time.Second
	// maxUnavailable is how long a preview is retried while the target is
	// unavailable.
	maxUnavailable = 30 * time.Minute
)

// A turn is one step of the current preview of a resource.
type turn struct {
	*Controller
	job      *queue.Job
	preview  syncstate.Preview
	baseline []byte // of the resource's last ended attempt
}

// runTurn advances the previews of a resource, one after the other.
func (c *Controller) runTurn(ctx context.Context, job *queue.Job, args previewArgs) error {
	for began := time.Now(); ; {
		t := &turn{Controller: c, job: job}
		step, err := t.next(ctx, args.ResourceID)
		if err == nil && step != nil {
			err = step(ctx)
		}

		if err != nil || step == nil {
			return worker.IgnoreLostLease(err)
		}
		if time.Since(began) > worker.StepTimeout {
			return c.db.Update(ctx, func(tx *db.Tx) error { return job.RescheduleAt(tx, tx.Now) })
		}
	}
}

// next acquires the lease of the next preview and returns its next step, to be run
// outside of any transaction. It returns nil if the job was completed or
// rescheduled.
func (t *turn) next(ctx context.Context, resourceID int64) (step func(context.Context) error, err error) {
	err = t.db.Update(ctx, func(tx *db.Tx) error {
		step = nil
		state, err := syncstate.LockResource(tx, resourceID)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return t.job.Complete(tx)
		}

		if err != nil {
			return err
		}

		preview, ok, err := syncstate.AcquirePreviewLease(tx, resourceID)
		if err != nil {
			return err
		}
		if !ok {
			return t.job.Complete(tx)
		}

		t.preview, t.baseline = preview, state.Baseline
		step, err = t.decide(tx, state)
		return err
	})

	return step, err
}

// decide returns the next step. The caller holds the resource's lock.
func (t *turn) decide(tx *db.Tx, state syncstate.ResourceState) (func(context.Context) error, error) {
	preview := &t.preview
	wanted, err := t.isWanted(tx)
	if err != nil {
		return nil, err
	}

	if preview.State == syncstate.PreviewPlanning && !wanted {
		preview.State, preview.Tries, preview.NotBefore = syncstate.PreviewRemoving, 0, tx.Now
		if err := syncstate.SavePreview(tx, *preview); err != nil {
			return nil, err
		}
	}

	if preview.NotBefore.After(tx.Now) {
		return nil, t.job.RescheduleAt(tx, preview.NotBefore)
	}

	_, running, err := syncstate.RunningAttempt(tx, state.ID)
	if err != nil {
		return nil, err
	}

	if running {
		preview.NotBefore = tx.Now.Add(attemptPollInterval)
		if err := syncstate.SavePreview(tx, *preview); err != nil {
			return nil, err
		}
		return nil, t.job.RescheduleAt(tx, preview.NotBefore)
	}

	if preview.State == syncstate.PreviewRemoving {
		return t.remove, nil
	}

	if preview.AttemptedSeq != state.AttemptedSeq {
		if err := t.restart(tx, state); err != nil {
			return nil, err
		}
		return continueAtOnce, nil
	}

	return t.plan, nil
}

// continueAtOnce is a step that does nothing: the next preview follows at once.
func continueAtOnce(context.Context) error { return nil }

// restart replaces a preview during which an attempt has begun: its proposed
// changes may be gone.
func (t *turn) restart(tx *db.Tx, state syncstate.ResourceState) error {
	if err := syncstate.AbandonPreview(tx, t.preview.ID); err != nil {
		return err
	}
	preview := t.preview
	preview.AttemptedSeq = state.AttemptedSeq
	return syncstate.InsertPreview(tx, preview)
}

// isWanted reports whether a preview's pull request is still open and its
// configuration unchanged.
func (t *turn) isWanted(tx *db.Tx) (bool, error) {
	preview := t.preview
	if preview.PullRequestID == 0 || preview.Base != "" && !t.forks {
		return false, nil
	}

	cfg, err := store.ConfigurationByID(tx, preview.ConfigurationID)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}

	before := preview.Configuration
	isUnchanged := cfg.LinkID == before.LinkID && cfg.Branch == before.Branch &&
		cfg.ConfigFile == before.ConfigFile && cfg.RoleARN == before.RoleARN
	return cfg.PullRequestComment == lockstep.Enabled && isUnchanged, err
}

// plan advances the target driver by one step. The changes that it would execute
// are never recorded as an intent; afterwards the driver is only called to discard
// them.
func (t *turn) plan(ctx context.Context) error {
	step, cause := t.advance(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}

	return t.updateIfOwner(ctx, func(tx *db.Tx, preview syncstate.Preview) error {
		if step.Checkpoint != nil {
			preview.Checkpoint = step.Checkpoint
		}

		var result *Result
		if cause == nil {
			preview.Tries, preview.NotBefore = 0, tx.Now.Add(step.ContinueAfter)
			result = resultOf(step)
		} else {
			preview.Tries++
			result = t.handleStepError(tx, &preview, cause)
		}

		if result == nil {
			return syncstate.SavePreview(tx, preview)
		}

		if preview.Base != "" {
			result.withhold()
		}

		t.logResult(tx, preview, result, cause)
		var err error
		if preview.Result, err = json.Marshal(result); err != nil {
			return err
		}

		preview.State, preview.Tries, preview.NotBefore = syncstate.PreviewRemoving, 0, tx.Now
		if err := syncstate.SavePreview(tx, preview); err != nil {
			return err
		}

		return t.requestComment(tx, preview.PullRequestID)
	})
}

func (t *turn) advance(ctx context.Context) (step target.Step, err error) {
	driver, err := t.engine.TargetDriver(t.preview.Configuration.SyncType)
	if err != nil {
		return target.Step{}, err
	}

	attempt, release := t.targetAttempt()
	defer release()

	err = worker.Call(ctx, worker.StepTimeout, "The target", func(ctx context.Context) error {
		step, err = driver.Advance(ctx, attempt)
		return err
	})

	return step, err
}

// handleStepError returns the result of a preview whose step failed, or nil if it
// is retried.
func (t *turn) handleStepError(tx *db.Tx, preview *syncstate.Preview, cause error) *Result {
	decision := worker.Decide(cause, preview.Tries)
	isUnavailable := lockstep.KindOf(cause) == lockstep.Unavailable
	isExhausted := isUnavailable && tx.Now.Sub(preview.StartedAt) >= maxUnavailable
	if !decision.Retry || isExhausted {
		return &Result{Problem: lockstep.Shown(cause), Blocked: decision.Blocked}
	}

	preview.NotBefore = tx.Now.Add(decision.After)
	t.log.LogAttrs(tx.Context(), decision.Level, "preview step failed",
		slog.String("preview", preview.ID), slog.Int64("try", preview.Tries), slog.Any("err", cause))
	return nil
}

// updateIfOwner updates the preview's row if this worker still holds its lease.
func (t *turn) updateIfOwner(ctx context.Context, update func(tx *db.Tx, v syncstate.Preview) error) error {
	return worker.UpdateIfOwner(ctx, t.db, func(tx *db.Tx) (syncstate.Preview, bool, error) {
		if _, err := syncstate.LockResource(tx, t.preview.ResourceID); err != nil {
			return syncstate.Preview{}, false, err
		}
		return syncstate.LockPreview(tx, t.preview)
	}, update)
}

// requestComment schedules an update of the comment on a pull request; 0 is none.
func (c *Controller) requestComment(tx *db.Tx, pullRequestID int64) error {
	if pullRequestID == 0 {
		return nil
	}
	if err := syncstate.RequestCommentUpdate(tx, pullRequestID); err != nil {
		return err
	}
	return c.queue.Wake(tx, commentArgs{pullRequestID}, tx.Now)
}

// targetAttempt returns the preview as an attempt for the driver. It has no start
// time, because it does not wait for other stacks. Call release when the driver has
// returned.
func (t *turn) targetAttempt() (attempt target.Attempt, release func()) {
	preview := t.preview
	revision := preview.Configuration.Revision(preview.Head)
	revision.Branch = "a pull request into " + preview.Configuration.Branch

	trees := t.repositories.TreeOpener(preview.Configuration.LinkID)
	return target.Attempt{
		ID:            preview.ID,
		Configuration: preview.Configuration,
		Revision:      revision,
		Checkpoint:    preview.Checkpoint,
		Baseline:      t.baseline,
		Now:           time.Now().UTC(),
		OpenTree: func(ctx context.Context) (lockstep.Tree, error) {
			files, err := trees.Open(ctx, preview.Head)
			if err != nil || preview.Base == "" {
				return files, err
			}

			base, err := trees.Open(ctx, preview.Base)
			return repository.Overlay(files, base, preview.Configuration.ConfigFile), err
		},
	}, trees.Release
}

// logResult logs the result of a preview.
func (t *turn) logResult(tx *db.Tx, preview syncstate.Preview, result *Result, cause error) {
	outcome := "planned"
	switch {
	case result.Problem != "":
		outcome = "failed"
	case result.Plan == nil:
		outcome = "unchanged"
	}

	t.log.LogAttrs(tx.Context(), slog.LevelInfo, "preview",
		slog.String("resource", preview.Configuration.ResourceName), slog.String("preview", preview.ID),
		slog.String("link", preview.Configuration.LinkID),
		slog.String("sha", string(preview.Head)), slog.String("outcome", outcome),
		slog.Duration("duration", tx.Now.Sub(preview.StartedAt)), slog.Any("err", cause))
}
