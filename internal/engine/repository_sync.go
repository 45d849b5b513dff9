package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// outageTries is how often an unreachable repository is tried before that is shown.
const outageTries = 3

// cloneStarted is the first event of every repository sync.
var cloneStarted = lockstep.Event{Type: "CLONE_STARTED", Message: "Clone started"}

func cloneFailed(cause error) lockstep.Event {
	return lockstep.Event{Type: "CLONE_FAILED", Message: "Clone failed. " + lockstep.Shown(cause)}
}

// unreachableError marks an error of opening a repository or of reading its heads. The
// poller gets the same error, and detects when it is over.
type unreachableError struct{ error }

// Unwrap returns the error.
func (u unreachableError) Unwrap() error { return u.error }

// syncRepository runs the repository sync of a branch: it acquires the attempt, reads
// the head, and starts the resource syncs that the head affects.
func (e *Engine) syncRepository(ctx context.Context, job *queue.Job, key repositoryJob) error {
	release, err := e.repositories.ReserveHost(ctx, key.LinkID)
	if at, isBusy := repository.RetryAt(err); isBusy {
		return e.db.Update(ctx, func(tx *db.Tx) error { return job.RescheduleAt(tx, at) })
	}
	if err == nil {
		defer release()
	} // else reading the head fails in the same way, which is recorded

	attempt, ok, err := e.acquireRepositoryAttempt(ctx, job, key)
	if err != nil || !ok {
		return worker.IgnoreLostLease(err)
	}

	began := time.Now()
	var head head
	err = worker.Guard(func() (err error) {
		head, err = e.readHead(ctx, key)
		return err
	})
	if err == nil {
		err = e.startResourceSyncs(ctx, job, attempt, head)
	}
	if err != nil {
		err = e.handleRepositoryError(ctx, job, attempt, err)
	}

	e.log.LogAttrs(ctx, slog.LevelInfo, "repository sync",
		slog.String("link", key.LinkID),
		slog.String("branch", key.Branch),
		slog.String("attempt", attempt.ID),
		slog.String("sha", string(head.sha)),
		slog.Duration("duration", time.Since(began)),
		slog.Any("err", err))
	return worker.IgnoreLostLease(err)
}

// acquireRepositoryAttempt takes the lease on the branch's running attempt, or starts
// the queued one. The attempt's tries are its epoch. If there is no attempt, it
// completes the job and reports false.
func (e *Engine) acquireRepositoryAttempt(
	ctx context.Context, job *queue.Job, key repositoryJob,
) (attempt syncstate.RepositoryAttempt, ok bool, err error) {
	err = e.db.Update(ctx, func(tx *db.Tx) error {
		if err := lockBranch(tx, key.LinkID, key.Branch); err != nil {
			return err
		}

		if attempt, ok, err = syncstate.RunningRepositoryAttempt(tx, key.LinkID, key.Branch); err != nil {
			return err
		}
		if !ok {
			if attempt, ok, err = syncstate.QueuedRepositoryAttempt(tx, key.LinkID, key.Branch); err != nil {
				return err
			}
		}
		if !ok {
			return job.Complete(tx)
		}

		if attempt.Status != lockstep.RepositoryInProgress {
			if err := syncstate.AddRepositoryEvents(tx, attempt.ID, cloneStarted); err != nil {
				return err
			}
		}

		attempt.Status = lockstep.RepositoryInProgress
		attempt.Tries++
		return syncstate.SaveRepositoryAttempt(tx, attempt)
	})

	return attempt, ok && err == nil, err
}

// startResourceSyncs is the last transaction of a repository sync: it sets desired
// revisions and wakes the resources. If some configurations could not be read, the
// sync does not end: the error says why, and the sync is retried for those.
func (e *Engine) startResourceSyncs(
	ctx context.Context, job *queue.Job, attempt syncstate.RepositoryAttempt, head head,
) error {
	err := e.updateAttemptIfOwner(ctx, attempt, func(tx *db.Tx) error {
		if err := syncstate.SetBranchHead(tx, attempt.LinkID, attempt.Branch, head.sha); err != nil {
			return err
		}
		if err := e.updateDesired(tx, head); err != nil || head.incomplete != nil {
			return err
		}
		if err := syncstate.SetBranchProblem(tx, attempt.LinkID, attempt.Branch, ""); err != nil {
			return err
		}
		if err := store.ClearPollError(tx, attempt.LinkID); err != nil {
			return err
		}

		events := []lockstep.Event{{Type: "CONFIG_UPDATED", Message: "Updated configuration"}}
		events = append(events, head.events...)
		events = append(events, lockstep.Event{
			Type:       "STARTING_SYNC",
			Message:    "Starting syncs for commit " + string(head.sha),
			ExternalID: string(head.sha),
		})
		if err := syncstate.AddRepositoryEvents(tx, attempt.ID, events...); err != nil {
			return err
		}

		attempt.SHA, attempt.Status = head.sha, lockstep.RepositorySucceeded
		if err := e.finishRepositoryAttempt(tx, job, attempt); err != nil {
			return err
		}
		return e.RecordProbe(tx, attempt.LinkID, nil)
	})
	if err != nil {
		return err
	}

	return head.incomplete
}

// handleRepositoryError retries an attempt whose error is transient, and fails it
// otherwise. The next head of the branch, or the recovery of the host, starts another.
func (e *Engine) handleRepositoryError(
	ctx context.Context, job *queue.Job, attempt syncstate.RepositoryAttempt, cause error,
) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return cause // the process stops: the queue repeats the job
	}

	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		cause = lockstep.Wrapf(lockstep.Unavailable, cause,
			"The repository took longer than %s to read.", repositoryTimeout)
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), worker.StepTimeout)
	defer cancel()

	return e.updateAttemptIfOwner(ctx, attempt, func(tx *db.Tx) error {
		_, unreachable := errors.AsType[unreachableError](cause)
		if err := e.recordRepositoryError(tx, job, attempt, cause, unreachable); err != nil || !unreachable {
			return err
		}
		return e.RecordProbe(tx, attempt.LinkID, cause)
	})
}

func (e *Engine) recordRepositoryError(
	tx *db.Tx, job *queue.Job, attempt syncstate.RepositoryAttempt, cause error, unreachable bool,
) error {
	if err := syncstate.SetBranchProblem(tx, attempt.LinkID, attempt.Branch, lockstep.Shown(cause)); err != nil {
		return err
	}

	decision := worker.Decide(cause, attempt.Tries)
	if decision.Retry && (!unreachable || attempt.Tries < outageTries) {
		return e.retryRepositoryAttempt(tx, job, attempt, decision, cause)
	}

	e.log.LogAttrs(tx.Context(), decision.Level, "repository sync failed",
		slog.String("attempt", attempt.ID), slog.Any("err", cause))
	if unreachable {
		if _, err := store.SetOutage(tx, attempt.LinkID, lockstep.Shown(cause)); err != nil {
			return err
		}
	}

	if err := syncstate.AddRepositoryEvents(tx, attempt.ID, cloneFailed(cause)); err != nil {
		return err
	}

	attempt.Status = lockstep.RepositoryFailed
	return e.finishRepositoryAttempt(tx, job, attempt)
}

// retryRepositoryAttempt schedules the attempt again. The third failure in a row is
// shown as an event.
func (e *Engine) retryRepositoryAttempt(
	tx *db.Tx, job *queue.Job, attempt syncstate.RepositoryAttempt, decision worker.Decision, cause error,
) error {
	attempt.NotBefore = tx.Now.Add(decision.After)
	if err := syncstate.SaveRepositoryAttempt(tx, attempt); err != nil {
		return err
	}

	if attempt.Tries == outageTries {
		event := lockstep.Event{
			Type:    "CLONE_RETRYING",
			Message: "Clone failed and is tried again. " + lockstep.Shown(cause),
		}
		if err := syncstate.AddRepositoryEvents(tx, attempt.ID, event); err != nil {
			return err
		}
	}

	return job.RescheduleAt(tx, attempt.NotBefore)
}

// finishRepositoryAttempt saves an attempt that has ended, and continues with the
// queued one.
func (e *Engine) finishRepositoryAttempt(tx *db.Tx, job *queue.Job, attempt syncstate.RepositoryAttempt) error {
	if err := syncstate.SaveRepositoryAttempt(tx, attempt); err != nil {
		return err
	}

	_, queued, err := syncstate.QueuedRepositoryAttempt(tx, attempt.LinkID, attempt.Branch)
	if err != nil {
		return err
	}
	if queued {
		return job.RescheduleAt(tx, tx.Now)
	}

	return job.Complete(tx)
}

// updateAttemptIfOwner runs f in a transaction if this worker still holds the lease on
// the attempt: it runs, and its tries are those it was acquired with.
func (e *Engine) updateAttemptIfOwner(
	ctx context.Context, attempt syncstate.RepositoryAttempt, f func(tx *db.Tx) error,
) error {
	lock := func(tx *db.Tx) (current syncstate.RepositoryAttempt, owned bool, err error) {
		if err := lockBranch(tx, attempt.LinkID, attempt.Branch); err != nil {
			return current, false, err
		}
		current, running, err := syncstate.RunningRepositoryAttempt(tx, attempt.LinkID, attempt.Branch)
		return current, running && current.ID == attempt.ID && current.Tries == attempt.Tries, err
	}
	return worker.UpdateIfOwner(ctx, e.db, lock, func(tx *db.Tx, _ syncstate.RepositoryAttempt) error { return f(tx) })
}

// lockBranch locks a branch for its worker. If the link was deleted, and its attempts
// with it, the lease is lost.
func lockBranch(tx *db.Tx, linkID, branch string) error {
	_, err := syncstate.LockBranch(tx, linkID, branch)
	if db.IsForeignKey(err) {
		return worker.ErrLostLease
	}
	return err
}
