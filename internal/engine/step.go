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

// advance takes the attempt one step further and records the step. A step cut
// short because this process stops says nothing about the target: the queue has
// the work go on elsewhere, or after the start.
func (t *turn) advance(ctx context.Context) (action, error) {
	step, err := t.step(ctx)
	switch {
	case err == nil:
		return t.record(ctx, step)
	case ctx.Err() != nil:
		return nothing, ctx.Err()
	}
	return t.stumble(ctx, err)
}

// step calls the driver.
func (t *turn) step(ctx context.Context) (step target.Step, err error) {
	driver, err := t.driver(t.attempt.Configuration.SyncType)
	if err != nil {
		return target.Step{}, err
	}

	a, release := t.asTarget()
	defer release()

	err = worker.Call(ctx, worker.StepTimeout, "The target", func(ctx context.Context) error {
		verified, err := t.verify(ctx)
		if err != nil {
			return err
		}

		step, err = driver.Advance(ctx, a)
		step.Events = append(verified, step.Events...)
		return err
	})

	return step, err
}

// record writes what a step did, and says what is next: the end, a wait, or,
// under the same lock, that something newer is desired.
func (t *turn) record(ctx context.Context, step target.Step) (next action, err error) {
	err = t.mine(ctx, func(tx *db.Tx, s syncstate.ResourceState) error {
		if err := syncstate.AddResourceEvents(tx, t.attempt.ID, step.Events...); err != nil {
			return err
		}

		a := t.attempt
		a.Tries = 0
		a.NotBefore = tx.Now.Add(step.ContinueAfter)

		if step.Checkpoint != nil {
			a.Checkpoint = step.Checkpoint
		}

		if step.Intent != "" && a.Intent == "" && (s.IsBehind() || s.ConfigurationID != a.Configuration.ID) {
			step.Intent = "" // not declared: something newer is there, which supersedes the attempt
		}

		if step.Intent != "" {
			a.Intent = step.Intent
		}

		if err := syncstate.SaveStep(tx, a); err != nil {
			return err
		}

		if step.Plan != nil {
			if err := syncstate.SavePlan(tx, a.ID, *step.Plan); err != nil {
				return err
			}
		}

		if step.End != nil {
			next, err = t.finish(tx, s, *step.End)
			return err
		}

		if len(step.Events) > 0 || t.attempt.Status == lockstep.ResourceInitiated {
			if err := t.refresh(tx, s.ID); err != nil {
				return err
			}
		}

		next, err = t.decide(tx, s)
		return err
	})

	return next, err
}

// finish ends the attempt as the driver said.
func (t *turn) finish(tx *db.Tx, s syncstate.ResourceState, end target.End) (action, error) {
	mine := s.ConfigurationID == t.attempt.Configuration.ID
	if end.Baseline != nil && mine {
		if err := syncstate.SaveBaseline(tx, s.ID, end.Baseline); err != nil {
			return nothing, err
		}
		s.Baseline = end.Baseline
	}

	if end.Blocked != nil && mine {
		if err := syncstate.InsertBlocker(tx, s.ID, end.Blocked.Message, end.Blocked.Contexts); err != nil {
			return nothing, err
		}
	}

	return t.end(tx, s, end.Outcome)
}

// stumble records that a step ended in an error: it is tried again, or the
// attempt has failed.
func (t *turn) stumble(ctx context.Context, cause error) (next action, err error) {
	ctx = context.WithoutCancel(ctx)
	ctx, cancel := context.WithTimeout(ctx, worker.StepTimeout)
	defer cancel()

	t.attempt.Tries++
	decision := worker.Decide(cause, t.attempt.Tries)
	t.log.LogAttrs(ctx, decision.Level, "step", slog.String("resource", t.attempt.Configuration.ResourceName),
		slog.String("attempt", t.attempt.ID), slog.Int64("try", t.attempt.Tries),
		slog.String("kind", lockstep.KindOf(cause).String()), slog.Any("err", cause))

	if !decision.Retry && t.attempt.Intent == "" {
		// Somebody who took the resource over may be about to execute the proposal.
		if err := t.mine(ctx, func(*db.Tx, syncstate.ResourceState) error { return nil }); err != nil {
			return nothing, err
		}
		_ = t.remove(ctx) // logged there; what stays behind is a proposal nobody executes
	}

	err = t.mine(ctx, func(tx *db.Tx, s syncstate.ResourceState) error {
		if decision.Retry {
			next, err = t.retry(tx, s, decision, cause)
		} else {
			next, err = t.fail(tx, s, decision, cause)
		}
		return err
	})

	return next, err
}

// retry schedules the step again. The first failure of a step is told to the
// attempt's owner, who would otherwise see it stand still.
func (t *turn) retry(tx *db.Tx, s syncstate.ResourceState, decision worker.Decision, cause error) (action, error) {
	if t.attempt.Tries == 1 {
		ev := lockstep.Event{Type: "SYNC_RETRYING", Message: "A step failed and is tried again. " + lockstep.Shown(cause)}
		if err := syncstate.AddResourceEvents(tx, t.attempt.ID, ev); err != nil {
			return nothing, err
		}
	}

	t.attempt.NotBefore = tx.Now.Add(decision.After)
	if err := syncstate.SaveStep(tx, t.attempt); err != nil {
		return nothing, err
	}
	if err := t.refresh(tx, s.ID); err != nil {
		return nothing, err
	}

	return nothing, t.job.RescheduleAt(tx, t.attempt.NotBefore)
}

// fail ends the attempt with its cause as the last event, and stops the
// resource where a person has to act.
func (t *turn) fail(tx *db.Tx, s syncstate.ResourceState, decision worker.Decision, cause error) (action, error) {
	ev := lockstep.Event{Type: "SYNC_FAILED", Message: lockstep.Shown(cause)}
	if decision.Blocked {
		ev.Type = "SYNC_BLOCKED"
	}

	if err := syncstate.AddResourceEvents(tx, t.attempt.ID, ev); err != nil {
		return nothing, err
	}

	if decision.Blocked && s.ConfigurationID == t.attempt.Configuration.ID {
		if err := syncstate.InsertBlocker(tx, s.ID, lockstep.Shown(cause), contextsOf(cause)); err != nil {
			return nothing, err
		}
	}

	return t.end(tx, s, lockstep.Failed)
}

// contextsOf returns the facts that an error carries besides its message.
func contextsOf(err error) []lockstep.Context {
	if e, ok := errors.AsType[*lockstep.Error](err); ok {
		return e.Contexts
	}
	return nil
}
