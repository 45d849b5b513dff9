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
	// whileAttempted is how often a preview that waits for an attempt looks whether
	// that has ended.
	whileAttempted = 10 * time.Second
	// patience is how long a preview tries what is unavailable.
	patience = 30 * time.Minute
)

// A turn is one step of the preview of a resource that is worked now.
type turn struct {
	*Controller
	job     *queue.Job
	preview syncstate.Preview
	note    []byte // what the resource's last ended attempt left
}

// work takes a resource's previews further, one after the other.
func (p *Controller) work(ctx context.Context, job *queue.Job, w previewWork) error {
	for began := time.Now(); ; {
		t := &turn{Controller: p, job: job}
		step, err := t.next(ctx, w.ResourceID)
		if err == nil && step != nil {
			err = step(ctx)
		}

		if err != nil || step == nil {
			return worker.IgnoreLostLease(err)
		}
		if time.Since(began) > worker.StepTimeout {
			return p.db.Update(ctx, func(tx *db.Tx) error { return job.RescheduleAt(tx, tx.Now) })
		}
	}
}

// next takes over the preview whose turn it is and says what is to be done with
// it, outside of any transaction; nil where the job was completed or scheduled
// again.
func (t *turn) next(ctx context.Context, resourceID int64) (step func(context.Context) error, err error) {
	err = t.db.Update(ctx, func(tx *db.Tx) error {
		step = nil
		s, err := syncstate.LockResource(tx, resourceID)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return t.job.Complete(tx)
		}

		if err != nil {
			return err
		}

		v, ok, err := syncstate.AcquirePreviewLease(tx, resourceID)
		if err != nil {
			return err
		}
		if !ok {
			return t.job.Complete(tx)
		}

		t.preview, t.note = v, s.Baseline
		step, err = t.decide(tx, s)
		return err
	})

	return step, err
}

// decide says under the resource's lock what is next.
func (t *turn) decide(tx *db.Tx, s syncstate.ResourceState) (func(context.Context) error, error) {
	v := &t.preview
	wanted, err := t.wanted(tx)
	if err != nil {
		return nil, err
	}

	if v.State == syncstate.PreviewPlanning && !wanted {
		v.State, v.Tries, v.NotBefore = syncstate.PreviewRemoving, 0, tx.Now
		if err := syncstate.SavePreview(tx, *v); err != nil {
			return nil, err
		}
	}

	if v.NotBefore.After(tx.Now) {
		return nil, t.job.RescheduleAt(tx, v.NotBefore)
	}

	_, running, err := syncstate.RunningAttempt(tx, s.ID)
	if err != nil {
		return nil, err
	}

	if running {
		v.NotBefore = tx.Now.Add(whileAttempted)
		if err := syncstate.SavePreview(tx, *v); err != nil {
			return nil, err
		}
		return nil, t.job.RescheduleAt(tx, v.NotBefore)
	}

	if v.State == syncstate.PreviewRemoving {
		_, err := t.engine.Reserve(tx, s.ID, worker.StepTimeout+15*time.Second)
		return t.remove, err
	}

	if v.AttemptedSeq != s.AttemptedSeq {
		if err := t.anew(tx, s); err != nil {
			return nil, err
		}
		return again, nil
	}

	return t.plan, nil
}

// again has the next preview taken at once.
func again(context.Context) error { return nil }

// anew makes another preview in place of one that an attempt has come between:
// what it proposed may be gone.
func (t *turn) anew(tx *db.Tx, s syncstate.ResourceState) error {
	if err := syncstate.AbandonPreview(tx, t.preview.ID); err != nil {
		return err
	}
	v := t.preview
	v.AttemptedSeq = s.AttemptedSeq
	return syncstate.InsertPreview(tx, v)
}

// wanted says whether a preview's pull request is open and its configuration
// what it was.
func (t *turn) wanted(tx *db.Tx) (bool, error) {
	v := t.preview
	if v.PullRequestID == 0 || v.Base != "" && !t.forks {
		return false, nil
	}
	cfg, err := store.ConfigurationByID(tx, v.ConfigurationID)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}
	was := v.Configuration
	return cfg.PullRequestComment == lockstep.Enabled && cfg.LinkID == was.LinkID && cfg.Branch == was.Branch &&
		cfg.ConfigFile == was.ConfigFile && cfg.RoleARN == was.RoleARN, err
}

// plan takes the target driver one step further. What it would execute is never
// recorded as an intent, and after it the driver is called to discard alone.
func (t *turn) plan(ctx context.Context) error {
	step, cause := t.advance(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}

	return t.mine(ctx, func(tx *db.Tx, v syncstate.Preview) error {
		if step.Checkpoint != nil {
			v.Checkpoint = step.Checkpoint
		}

		var r *Result
		if cause == nil {
			v.Tries, v.NotBefore = 0, tx.Now.Add(step.ContinueAfter)
			r = resultOf(step)
		} else {
			v.Tries++
			r = t.failed(tx, &v, cause)
		}

		if r == nil {
			return syncstate.SavePreview(tx, v)
		}

		if v.Base != "" {
			r.withhold()
		}

		t.report(tx, v, r, cause)
		var err error
		if v.Result, err = json.Marshal(r); err != nil {
			return err
		}

		v.State, v.Tries, v.NotBefore = syncstate.PreviewRemoving, 0, tx.Now
		if err := syncstate.SavePreview(tx, v); err != nil {
			return err
		}

		return t.due(tx, v.PullRequestID)
	})
}

// advance calls the driver.
func (t *turn) advance(ctx context.Context) (step target.Step, err error) {
	driver, err := t.engine.TargetDriver(t.preview.Configuration.SyncType)
	if err != nil {
		return target.Step{}, err
	}

	a, release := t.asAttempt()
	defer release()

	err = worker.Call(ctx, worker.StepTimeout, "The target", func(ctx context.Context) error {
		step, err = driver.Advance(ctx, a)
		return err
	})

	return step, err
}

// failed says what becomes of a preview whose step failed: a result, or nil where
// it is tried again.
func (t *turn) failed(tx *db.Tx, v *syncstate.Preview, cause error) *Result {
	decision := worker.Decide(cause, v.Tries)
	unavailable := lockstep.KindOf(cause) == lockstep.Unavailable
	if !decision.Retry || unavailable && tx.Now.Sub(v.StartedAt) >= patience {
		return &Result{Problem: lockstep.Shown(cause), Blocked: decision.Blocked}
	}

	v.NotBefore = tx.Now.Add(decision.After)
	t.log.LogAttrs(tx.Context(), decision.Level, "preview step",
		slog.String("preview", v.ID), slog.Int64("try", v.Tries), slog.Any("err", cause))
	return nil
}

// mine runs f on the preview's row, under its lock, if it is still this worker's.
func (t *turn) mine(ctx context.Context, f func(tx *db.Tx, v syncstate.Preview) error) error {
	return worker.UpdateIfOwner(ctx, t.db, func(tx *db.Tx) (syncstate.Preview, bool, error) {
		if _, err := syncstate.LockResource(tx, t.preview.ResourceID); err != nil {
			return syncstate.Preview{}, false, err
		}
		return syncstate.LockPreview(tx, t.preview)
	}, f)
}

// due has the comment on a pull request looked at; 0 is none.
func (p *Controller) due(tx *db.Tx, pullRequestID int64) error {
	if pullRequestID == 0 {
		return nil
	}
	if err := syncstate.RequestCommentUpdate(tx, pullRequestID); err != nil {
		return err
	}
	return p.queue.Wake(tx, commentWork{pullRequestID}, tx.Now)
}

// asAttempt shows the preview as a driver sees an attempt. Its beginning is left
// out: it waits for nothing that another stack is about to make. Call release when
// the driver has returned.
func (t *turn) asAttempt() (a target.Attempt, release func()) {
	v := t.preview
	rev := v.Configuration.Revision(v.Head)
	rev.Branch = "a pull request into " + v.Configuration.Branch
	trees := t.repositories.TreeOpener(v.Configuration.LinkID)
	return target.Attempt{
		ID:            v.ID,
		Configuration: v.Configuration,
		Revision:      rev,
		Checkpoint:    v.Checkpoint,
		Baseline:      t.note,
		Now:           time.Now().UTC(),
		OpenTree: func(ctx context.Context) (lockstep.Tree, error) {
			files, err := trees.Open(ctx, v.Head)
			if err != nil || v.Base == "" {
				return files, err
			}

			base, err := trees.Open(ctx, v.Base)
			return repository.Overlay(files, base, v.Configuration.ConfigFile), err
		},
	}, trees.Release
}

// report writes the one line that there is of a preview.
func (t *turn) report(tx *db.Tx, v syncstate.Preview, r *Result, cause error) {
	outcome := "planned"
	switch {
	case r.Problem != "":
		outcome = "failed"
	case r.Plan == nil:
		outcome = "unchanged"
	}
	t.log.LogAttrs(tx.Context(), slog.LevelInfo, "preview", slog.String("resource", v.Configuration.ResourceName), slog.String("preview", v.ID),
		slog.String("link", v.Configuration.LinkID), slog.String("sha", string(v.Head)), slog.String("outcome", outcome),
		slog.Duration("duration", tx.Now.Sub(v.StartedAt)), slog.Any("err", cause))
}
