package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// syncRepository takes a branch's repository sync from its start to "these
// resource syncs have begun".
func (e *Engine) syncRepository(ctx context.Context, job *queue.Job, w repositoryWork) error {
	a, ok, err := e.beginRepositorySync(ctx, job, w)
	if err != nil || !ok {
		return worker.IgnoreLostLease(err)
	}

	began := time.Now()
	var head head
	err = worker.Guard(func() (err error) {
		head, err = e.readHead(ctx, w)
		return err
	})
	if err == nil {
		err = e.startResourceSyncs(ctx, job, a, head)
	}

	if err != nil {
		err = e.repositorySyncFailed(ctx, job, a, err)
	}

	e.log.LogAttrs(ctx, slog.LevelInfo, "repository sync",
		slog.String("link", w.LinkID), slog.String("branch", w.Branch), slog.String("attempt", a.ID),
		slog.String("sha", string(head.sha)), slog.Duration("duration", time.Since(began)), slog.Any("err", err))
	return worker.IgnoreLostLease(err)
}

// beginRepositorySync takes over the running attempt of a branch, or makes the
// queued one run. Each taking-over counts a try, and later writes check it.
func (e *Engine) beginRepositorySync(ctx context.Context, job *queue.Job, w repositoryWork) (a syncstate.RepositoryAttempt, ok bool, err error) {
	err = e.db.Update(ctx, func(tx *db.Tx) error {
		if err := lockBranch(tx, w.LinkID, w.Branch); err != nil {
			return err
		}
		if a, ok, err = syncstate.RunningRepositoryAttempt(tx, w.LinkID, w.Branch); err != nil {
			return err
		}

		if !ok {
			if a, ok, err = syncstate.QueuedRepositoryAttempt(tx, w.LinkID, w.Branch); err != nil {
				return err
			}
		}

		if !ok {
			return job.Complete(tx)
		}

		if a.Status != lockstep.RepositoryInProgress {
			if err := syncstate.AddRepositoryEvents(tx, a.ID, cloneStarted); err != nil {
				return err
			}
		}

		a.Status = lockstep.RepositoryInProgress
		a.Tries++
		return syncstate.SaveRepositoryAttempt(tx, a)
	})

	return a, ok && err == nil, err
}

// startResourceSyncs is the last transaction of a repository sync: it says of
// every configuration whether the head concerns it, and wakes the resources. Where
// some could not be planned the sync does not end with it: it is to be tried
// again for those, and that is the error.
func (e *Engine) startResourceSyncs(ctx context.Context, job *queue.Job, a syncstate.RepositoryAttempt, head head) error {
	err := worker.UpdateIfOwner(ctx, e.db, e.lockAttempt(a), func(tx *db.Tx, _ syncstate.RepositoryAttempt) error {
		if err := syncstate.SetBranchHead(tx, a.LinkID, a.Branch, head.sha); err != nil {
			return err
		}
		if err := e.concernAll(tx, head); err != nil || head.unplanned != nil {
			return err
		}

		events := []lockstep.Event{{Type: "CONFIG_UPDATED", Message: "Updated configuration"}}
		events = append(events, head.events...)
		events = append(events, lockstep.Event{
			Type: "STARTING_SYNC", Message: "Starting syncs for commit " + string(head.sha), ExternalID: string(head.sha)})
		if err := syncstate.AddRepositoryEvents(tx, a.ID, events...); err != nil {
			return err
		}

		a.SHA, a.Status = head.sha, lockstep.RepositorySucceeded
		return e.endRepositorySync(tx, job, a)
	})
	if err != nil {
		return err
	}

	return head.unplanned
}

// repositorySyncFailed keeps the attempt in progress while time may heal its
// cause, and ends it otherwise. The branch's next head, or the host's recovery,
// tries again.
func (e *Engine) repositorySyncFailed(ctx context.Context, job *queue.Job, a syncstate.RepositoryAttempt, cause error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return cause // this process stops; the queue has the work go on elsewhere
	}

	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		cause = lockstep.Wrapf(lockstep.Unavailable, cause, "The repository took longer than %s to read.", repositoryTimeout)
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), worker.StepTimeout)
	defer cancel()

	return worker.UpdateIfOwner(ctx, e.db, e.lockAttempt(a), func(tx *db.Tx, _ syncstate.RepositoryAttempt) error {
		_, outage := errors.AsType[unreachable](cause)
		if err := e.recordFailure(tx, job, a, cause, outage); err != nil || !outage {
			return err
		}

		return e.RecordProbe(tx, a.LinkID, cause)
	})
}

// recordFailure writes what becomes of an attempt that failed.
func (e *Engine) recordFailure(tx *db.Tx, job *queue.Job, a syncstate.RepositoryAttempt, cause error, outage bool) error {
	decision := worker.Decide(cause, a.Tries)
	if decision.Retry && (!outage || a.Tries < outageTries) {
		return e.retryRepositorySync(tx, job, a, decision, cause)
	}

	e.log.LogAttrs(tx.Context(), decision.Level, "repository sync failed",
		slog.String("attempt", a.ID), slog.Any("err", cause))
	if outage {
		if _, err := store.SetOutage(tx, a.LinkID, lockstep.Shown(cause)); err != nil {
			return err
		}
	}

	if err := syncstate.AddRepositoryEvents(tx, a.ID, cloneEvent("CLONE_FAILED", "Clone failed. ", cause)); err != nil {
		return err
	}

	a.Status = lockstep.RepositoryFailed
	return e.endRepositorySync(tx, job, a)
}

// retryRepositorySync tries again later. The third failure in a row is told.
func (e *Engine) retryRepositorySync(tx *db.Tx, job *queue.Job, a syncstate.RepositoryAttempt, decision worker.Decision, cause error) error {
	a.NotBefore = tx.Now.Add(decision.After)
	if err := syncstate.SaveRepositoryAttempt(tx, a); err != nil {
		return err
	}
	if a.Tries == outageTries {
		if err := syncstate.AddRepositoryEvents(tx, a.ID, cloneEvent("CLONE_RETRYING", "Clone failed and is tried again. ", cause)); err != nil {
			return err
		}
	}
	return job.RescheduleAt(tx, a.NotBefore)
}

// cloneStarted is the first event of every repository sync.
var cloneStarted = lockstep.Event{Type: "CLONE_STARTED", Message: "Clone started"}

func cloneEvent(eventType, message string, cause error) lockstep.Event {
	return lockstep.Event{Type: eventType, Message: message + lockstep.Shown(cause)}
}

// unreachable marks an error of the first look at a repository: what the
// poller meets too, and so finds out when it is over.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// outageTries is how often a repository that cannot be reached is tried before
// that is told.
const outageTries = 3

// lockAttempt returns a function that locks the attempt's branch and reports whether
// the attempt is still this worker's: running, and with the tries it began with.
func (e *Engine) lockAttempt(a syncstate.RepositoryAttempt) func(*db.Tx) (syncstate.RepositoryAttempt, bool, error) {
	return func(tx *db.Tx) (now syncstate.RepositoryAttempt, owned bool, err error) {
		if err := lockBranch(tx, a.LinkID, a.Branch); err != nil {
			return now, false, err
		}
		now, running, err := syncstate.RunningRepositoryAttempt(tx, a.LinkID, a.Branch)
		return now, running && now.ID == a.ID && now.Tries == a.Tries, err
	}
}

// lockBranch locks a branch for its worker, who is fenced off where the link is
// gone, and its attempts with it.
func lockBranch(tx *db.Tx, linkID, branch string) error {
	_, err := syncstate.LockBranch(tx, linkID, branch)
	if db.IsForeignKey(err) {
		return worker.ErrLostLease
	}
	return err
}

// endRepositorySync writes the end and goes on with what is queued behind.
func (e *Engine) endRepositorySync(tx *db.Tx, job *queue.Job, a syncstate.RepositoryAttempt) error {
	if err := syncstate.SaveRepositoryAttempt(tx, a); err != nil {
		return err
	}
	_, queued, err := syncstate.QueuedRepositoryAttempt(tx, a.LinkID, a.Branch)
	if err != nil {
		return err
	}
	if queued {
		return job.RescheduleAt(tx, tx.Now)
	}
	return job.Complete(tx)
}
