package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// A turn is the time during which one worker holds the lease on a resource, until it
// has to wait or nothing is left to do.
type turn struct {
	*Engine
	job      *queue.Job
	epoch    int64
	attempt  syncstate.ResourceAttempt
	baseline []byte // of the resource's last ended attempt
	// busyUntil is when the step is repeated that found no slot of its Git host.
	busyUntil time.Time
	// isRequested is true if a caller chose the attempt's commit by its id.
	isRequested bool
	changes     commitstatus.Changes // of the current transaction
}

// missingObjectPatience is how long an attempt waits for a commit that the repository
// had and that a replica of the Git host lacks. After that the commit is gone.
const missingObjectPatience = 10 * time.Minute

// An action is what a worker does next with its resource, outside of any transaction.
type action int

const (
	actionNone    action = iota // the job was completed or rescheduled
	actionAdvance               // take the running attempt a step further
	actionDiscard               // remove what the attempt has proposed, and end it
)

// syncResource works on a resource for one turn:
//
//	acquireLease ─▶ decide ─┬─▶ startAttempt ─▶ advance ─▶ recordStep ─▶ decide …
//	                        ├─▶ advance                       └─▶ finish
//	                        ├─▶ discard ─▶ finish
//	                        └─▶ nothing to do: the job is completed or rescheduled
func (e *Engine) syncResource(ctx context.Context, job *queue.Job, args resourceJob) error {
	t := &turn{Engine: e, job: job}
	began := time.Now()

	next, err := t.acquireLease(ctx, args.ResourceID)
	for err == nil && next != actionNone {
		if time.Since(began) > worker.StepTimeout {
			err = t.yield(ctx)
			break
		}

		switch next {
		case actionAdvance:
			next, err = t.advance(ctx)
		case actionDiscard:
			next, err = t.discard(ctx)
		}
	}

	return worker.IgnoreLostLease(err)
}

// acquireLease takes the lease on the resource.
func (t *turn) acquireLease(ctx context.Context, resourceID int64) (next action, err error) {
	err = t.db.Update(ctx, t.withChanges(func(tx *db.Tx) error {
		resource, err := syncstate.AcquireLease(tx, resourceID)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return t.job.Complete(tx)
		}
		if err != nil {
			return err
		}

		t.epoch = resource.Epoch
		next, err = t.decide(tx, resource)
		return err
	}))

	return next, err
}

// decide returns the next action for a locked resource. If there is none, it completes
// or reschedules the job.
func (t *turn) decide(tx *db.Tx, resource syncstate.ResourceState) (action, error) {
	attempt, running, err := syncstate.RunningAttempt(tx, resource.ID)
	if err != nil {
		return actionNone, err
	}

	t.attempt, t.baseline = attempt, resource.Baseline
	t.isRequested = resource.PinnedHead != ""
	switch {
	case !running:
		return t.startAttempt(tx, resource)
	case attempt.Intent == "" && t.isSuperseded(resource):
		return actionDiscard, nil
	case attempt.NotBefore.After(tx.Now):
		return actionNone, t.job.RescheduleAt(tx, attempt.NotBefore)
	}

	return actionAdvance, nil
}

// isSuperseded reports whether the resource has a newer desired revision than the
// attempt's, or another configuration.
func (t *turn) isSuperseded(resource syncstate.ResourceState) bool {
	return resource.IsBehind() || resource.ConfigurationID != t.attempt.Configuration.ID
}

// startAttempt creates an attempt for the desired revision, unless the resource is at
// it or blocked.
func (t *turn) startAttempt(tx *db.Tx, resource syncstate.ResourceState) (action, error) {
	t.baseline, t.isRequested = resource.Baseline, resource.PinnedHead != ""
	if !resource.IsBehind() {
		return actionNone, t.job.Complete(tx)
	}

	_, blocked, err := syncstate.ActiveBlocker(tx, resource.ID)
	if err != nil {
		return actionNone, err
	}
	if blocked {
		return actionNone, t.job.Complete(tx)
	}

	cfg, err := store.ConfigurationByID(tx, resource.ConfigurationID)
	if err != nil {
		return actionNone, err
	}
	if *resource.Desired != cfg.Revision(resource.Desired.SHA) {
		// The configuration was changed afterwards. The repository sync that the
		// change has requested sets the desired revision again.
		return actionNone, t.job.Complete(tx)
	}

	if t.attempt, err = syncstate.BeginAttempt(tx, resource, cfg, resource.Resource.Name); err != nil {
		return actionNone, err
	}

	t.changes.AddAttempt(t.attempt)
	return actionAdvance, t.refreshStatus(tx, resource.ID)
}

// advance takes the attempt one step further and records the step. A step that was
// cut short because the process stops says nothing about the target: the queue
// repeats the job.
func (t *turn) advance(ctx context.Context) (action, error) {
	step, err := t.callAdvance(ctx)
	switch {
	case err == nil:
		return t.recordStep(ctx, step)
	case ctx.Err() != nil:
		return actionNone, ctx.Err()
	case !t.busyUntil.IsZero():
		return actionNone, t.updateIfOwner(ctx, func(tx *db.Tx, _ syncstate.ResourceState) error {
			return t.job.RescheduleAt(tx, t.busyUntil)
		})
	}
	return t.handleStepError(ctx, err)
}

// callAdvance verifies the commit's signature, if it must be, and calls the driver.
func (t *turn) callAdvance(ctx context.Context) (step target.Step, err error) {
	driver, err := t.TargetDriver(t.attempt.Configuration.SyncType)
	if err != nil {
		return target.Step{}, err
	}

	attempt, release := t.targetAttempt()
	defer release()

	t.busyUntil = time.Time{}
	err = worker.Call(ctx, worker.StepTimeout, "The target", func(ctx context.Context) error {
		verified, err := t.verifyCommit(ctx)
		if err != nil {
			return err
		}

		step, err = driver.Advance(ctx, attempt)
		step.Events = append(verified, step.Events...)
		return err
	})

	return step, err
}

// recordStep saves what a step did, and returns the next action.
func (t *turn) recordStep(ctx context.Context, step target.Step) (next action, err error) {
	err = t.updateIfOwner(ctx, func(tx *db.Tx, resource syncstate.ResourceState) error {
		if err := syncstate.AddResourceEvents(tx, t.attempt.ID, t.closingEvents(step)...); err != nil {
			return err
		}

		attempt := t.attempt
		attempt.Tries = 0
		attempt.NotBefore = tx.Now.Add(step.ContinueAfter)
		if step.Checkpoint != nil {
			attempt.Checkpoint = step.Checkpoint
		}
		// A superseded attempt must not execute: its intent is not recorded.
		if step.Intent != "" && (attempt.Intent != "" || !t.isSuperseded(resource)) {
			attempt.Intent = step.Intent
		}

		if err := syncstate.SaveStep(tx, attempt); err != nil {
			return err
		}
		if step.Plan != nil {
			if err := syncstate.SavePlan(tx, attempt.ID, *step.Plan); err != nil {
				return err
			}
		}

		if step.End != nil {
			next, err = t.applyEnd(tx, resource, *step.End)
			return err
		}

		if len(step.Events) > 0 || t.attempt.Status == lockstep.ResourceInitiated {
			if err := t.refreshStatus(tx, resource.ID); err != nil {
				return err
			}
		}

		next, err = t.decide(tx, resource)
		return err
	})

	return next, err
}

// applyEnd ends the attempt as the driver has decided.
func (t *turn) applyEnd(tx *db.Tx, resource syncstate.ResourceState, end target.End) (action, error) {
	isBound := resource.ConfigurationID == t.attempt.Configuration.ID
	if end.Baseline != nil && isBound {
		if err := syncstate.SaveBaseline(tx, resource.ID, end.Baseline); err != nil {
			return actionNone, err
		}
		resource.Baseline = end.Baseline
	}

	if end.Blocked != nil && isBound {
		if err := syncstate.InsertBlocker(tx, resource.ID, end.Blocked.Message, end.Blocked.Contexts); err != nil {
			return actionNone, err
		}
	}

	return t.finish(tx, resource, end.Outcome)
}

// discard removes what a superseded or cancelled attempt has proposed, and ends the
// attempt.
func (t *turn) discard(ctx context.Context) (next action, err error) {
	if cause := t.callDiscard(ctx); lockstep.KindOf(cause) == lockstep.Unavailable {
		return t.handleStepError(ctx, cause)
	}

	err = t.updateIfOwner(ctx, func(tx *db.Tx, resource syncstate.ResourceState) error {
		outcome, event := lockstep.Cancelled, lockstep.Event{
			Type:    "SYNC_CANCELLED",
			Message: "The sync configuration was deleted.",
		}
		if resource.ConfigurationID == t.attempt.Configuration.ID {
			desired := string(resource.Desired.SHA)
			outcome, event = lockstep.Superseded, lockstep.Event{
				Type:       "SYNC_SUPERSEDED",
				Message:    "Superseded by commit " + desired + ".",
				ExternalID: desired,
			}
		}

		if err := syncstate.AddResourceEvents(tx, t.attempt.ID, event); err != nil {
			return err
		}

		next, err = t.finish(tx, resource, outcome)
		return err
	})

	return next, err
}

// callDiscard calls the driver's Discard.
func (t *turn) callDiscard(ctx context.Context) error {
	driver, err := t.TargetDriver(t.attempt.Configuration.SyncType)
	if err != nil {
		return err
	}

	attempt, release := t.targetAttempt()
	defer release()

	ctx, cancel := context.WithTimeout(ctx, worker.StepTimeout)
	defer cancel()

	if err = worker.Guard(func() error { return driver.Discard(ctx, attempt) }); err != nil {
		t.log.LogAttrs(ctx, slog.LevelWarn, "discard",
			slog.String("attempt", t.attempt.ID), slog.Any("err", err))
	}

	return err
}

// finish ends the attempt, and starts the next one if a newer revision is desired.
func (t *turn) finish(tx *db.Tx, resource syncstate.ResourceState, outcome lockstep.Outcome) (action, error) {
	if err := syncstate.FinishAttempt(tx, t.attempt.ID, outcome); err != nil {
		return actionNone, err
	}

	t.changes.AddAttempt(t.attempt)
	if err := t.refreshStatus(tx, resource.ID); err != nil {
		return actionNone, err
	}

	t.log.LogAttrs(tx.Context(), slog.LevelInfo, "resource sync",
		slog.String("sync_type", string(resource.Resource.SyncType)),
		slog.String("resource", resource.Resource.Name),
		slog.String("attempt", t.attempt.ID),
		slog.String("branch", t.attempt.TargetRevision.Branch),
		slog.String("sha", string(t.attempt.TargetRevision.SHA)),
		slog.String("outcome", string(outcome)),
		slog.Duration("duration", tx.Now.Sub(t.attempt.StartedAt)))

	return t.startAttempt(tx, resource)
}

// yield ends a long turn. The job runs again at once, after others that wait.
func (t *turn) yield(ctx context.Context) error {
	return t.updateIfOwner(ctx, func(tx *db.Tx, _ syncstate.ResourceState) error {
		return t.job.RescheduleAt(tx, tx.Now)
	})
}

// updateIfOwner runs f in a transaction if this worker still holds the lease.
func (t *turn) updateIfOwner(ctx context.Context, f func(tx *db.Tx, resource syncstate.ResourceState) error) error {
	lock := func(tx *db.Tx) (syncstate.ResourceState, bool, error) {
		resource, err := syncstate.LockResource(tx, t.attempt.ResourceID)
		return resource, resource.Epoch == t.epoch, err
	}
	return worker.UpdateIfOwner(ctx, t.db, lock, func(tx *db.Tx, resource syncstate.ResourceState) error {
		return t.withChanges(func(tx *db.Tx) error { return f(tx, resource) })(tx)
	})
}

// withChanges returns f followed by the status reports of the commits it changed.
func (t *turn) withChanges(f func(tx *db.Tx) error) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		t.changes = commitstatus.Changes{}
		if err := f(tx); err != nil {
			return err
		}
		return t.reporter.Enqueue(tx, t.changes)
	}
}

// targetAttempt returns the attempt as a driver sees it. The caller must call release
// when the driver has returned.
func (t *turn) targetAttempt() (attempt target.Attempt, release func()) {
	trees := t.repositories.TreeOpenerInSlot(t.attempt.Configuration.LinkID)
	return target.Attempt{
		ID:            t.attempt.ID,
		Configuration: t.attempt.Configuration,
		Revision:      t.attempt.TargetRevision,
		Checkpoint:    t.attempt.Checkpoint,
		Intent:        t.attempt.Intent,
		Baseline:      t.baseline,
		StartedAt:     t.attempt.StartedAt,
		Now:           time.Now().UTC(),
		OpenTree: func(ctx context.Context) (lockstep.Tree, error) {
			tree, err := trees.Open(ctx, t.attempt.TargetRevision.SHA)
			if time.Since(t.attempt.StartedAt) < missingObjectPatience {
				err = asNotYetThere(err, t.attempt.TargetRevision.SHA)
			}
			t.noteBusy(err)
			return tree, err
		},
	}, trees.Release
}

// noteBusy notes when the step is to be repeated, if err is that of a Git host without a
// free slot. Drivers may return another error then.
func (t *turn) noteBusy(err error) {
	if at, isBusy := repository.RetryAt(err); isBusy {
		t.busyUntil = at
	}
}
