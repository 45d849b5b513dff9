package engine

import (
	"context"
	"errors"
	"log/slog"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// handleStepError retries a step that failed, or fails the attempt.
func (t *turn) handleStepError(ctx context.Context, cause error) (next action, err error) {
	ctx = context.WithoutCancel(ctx)
	t.attempt.Tries++
	decision := worker.Decide(cause, t.attempt.Tries)
	t.log.LogAttrs(ctx, decision.Level, "step",
		slog.String("resource", t.attempt.Configuration.ResourceName),
		slog.String("attempt", t.attempt.ID),
		slog.Int64("try", t.attempt.Tries),
		slog.String("kind", lockstep.KindOf(cause).String()),
		slog.Any("err", cause))

	if !decision.Retry && t.attempt.Intent == "" {
		// Without the lease nothing may be discarded: another worker may be about to
		// execute the proposal.
		if err := t.checkLease(ctx); err != nil {
			return actionNone, err
		}
		_ = t.callDiscard(ctx) // logged there; at worst a proposal is left that is never executed
	}

	// The record has a time of its own: a discard that took all of its time must not
	// leave an attempt that goes on with what it has discarded.
	ctx, cancel := context.WithTimeout(ctx, worker.StepTimeout)
	defer cancel()

	err = t.updateIfOwner(ctx, func(tx *db.Tx, resource syncstate.ResourceState) error {
		if decision.Retry {
			next, err = t.retryStep(tx, resource, decision, cause)
		} else {
			next, err = t.failAttempt(tx, resource, decision, cause)
		}
		return err
	})

	return next, err
}

// checkLease returns an error if this worker no longer holds the lease.
func (t *turn) checkLease(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, worker.StepTimeout)
	defer cancel()
	return t.updateIfOwner(ctx, func(*db.Tx, syncstate.ResourceState) error { return nil })
}

// retryStep schedules the step again. The first failure is shown as an event: the
// attempt would otherwise seem to hang.
func (t *turn) retryStep(
	tx *db.Tx, resource syncstate.ResourceState, decision worker.Decision, cause error,
) (action, error) {
	if t.attempt.Tries == 1 {
		event := lockstep.Event{
			Type:    "SYNC_RETRYING",
			Message: "A step failed and is tried again. " + lockstep.Shown(cause),
		}
		if err := syncstate.AddResourceEvents(tx, t.attempt.ID, event); err != nil {
			return actionNone, err
		}
	}

	t.attempt.NotBefore = tx.Now.Add(decision.After)
	if err := syncstate.SaveStep(tx, t.attempt); err != nil {
		return actionNone, err
	}
	if err := t.refreshStatus(tx, resource.ID); err != nil {
		return actionNone, err
	}

	return actionNone, t.job.RescheduleAt(tx, t.attempt.NotBefore)
}

// failAttempt ends the attempt with its cause as the last event, and blocks the
// resource if a person has to act.
func (t *turn) failAttempt(
	tx *db.Tx, resource syncstate.ResourceState, decision worker.Decision, cause error,
) (action, error) {
	event := lockstep.Event{Type: "SYNC_FAILED", Message: lockstep.Shown(cause)}
	if decision.Blocked {
		event.Type = "SYNC_BLOCKED"
	}

	if err := syncstate.AddResourceEvents(tx, t.attempt.ID, event); err != nil {
		return actionNone, err
	}

	if decision.Blocked && resource.ConfigurationID == t.attempt.Configuration.ID {
		if err := syncstate.InsertBlocker(tx, resource.ID, lockstep.Shown(cause), contextsOf(cause)); err != nil {
			return actionNone, err
		}
	}

	return t.finish(tx, resource, lockstep.Failed)
}

// closingEvents returns the events of a step that ends the attempt. If the step was
// retried and has no event of its own, one is added: SYNC_RETRYING must not be the last
// event of an ended attempt.
func (t *turn) closingEvents(step target.Step) []lockstep.Event {
	if step.End == nil || t.attempt.Tries == 0 || len(step.Events) > 0 {
		return step.Events
	}

	const done = "The step was tried again and has succeeded. "
	event := lockstep.Event{Type: "SYNC_SUCCEEDED", Message: done + "The sync has succeeded."}
	if step.End.Outcome == lockstep.Failed {
		event = lockstep.Event{Type: "SYNC_FAILED", Message: done + "The sync has failed. " + step.End.Reason}
	}
	return []lockstep.Event{event}
}

// contextsOf returns the facts that an error carries besides its message.
func contextsOf(err error) []lockstep.Context {
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		return e.Contexts
	}
	return nil
}
