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
)

// syncRepository takes a branch's repository sync from its start to "these
// resource syncs have begun".
func (e *Engine) syncRepository(ctx context.Context, job *queue.Job, w repositoryWork) error {
	a, ok, err := e.beginRepositorySync(ctx, job, w)
	if err != nil || !ok {
		return unlessFenced(err)
	}

	began := time.Now()
	var head head
	err = guarded(func() (err error) {
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
	return unlessFenced(err)
}

// beginRepositorySync takes over the running attempt of a branch, or makes the
// queued one run. Each taking-over counts a try, and later writes check it.
func (e *Engine) beginRepositorySync(ctx context.Context, job *queue.Job, w repositoryWork) (a store.RepositoryAttempt, ok bool, err error) {
	err = e.db.Update(ctx, func(tx *db.Tx) error {
		if err := lockBranch(tx, w.LinkID, w.Branch); err != nil {
			return err
		}
		if a, ok, err = store.RunningRepositoryAttempt(tx, w.LinkID, w.Branch); err != nil {
			return err
		}

		if !ok {
			if a, ok, err = store.QueuedRepositoryAttempt(tx, w.LinkID, w.Branch); err != nil {
				return err
			}
		}

		if !ok {
			return job.Done(tx)
		}

		if a.Status != lockstep.RepositoryInProgress {
			if err := store.AddRepositoryEvents(tx, a.ID, cloneStarted); err != nil {
				return err
			}
		}

		a.Status = lockstep.RepositoryInProgress
		a.Tries++
		return store.SaveRepositoryAttempt(tx, a)
	})

	return a, ok && err == nil, err
}

// startResourceSyncs is the last transaction of a repository sync: it says of
// every configuration whether the head concerns it, and wakes the resources. Where
// some could not be planned the sync does not end with it: it is to be tried
// again for those, and that is the error.
func (e *Engine) startResourceSyncs(ctx context.Context, job *queue.Job, a store.RepositoryAttempt, head head) error {
	err := e.db.Update(ctx, func(tx *db.Tx) error {
		if err := e.stillMine(tx, a); err != nil {
			return err
		}
		if err := store.SetHead(tx, a.LinkID, a.Branch, head.sha); err != nil {
			return err
		}
		if err := e.concernAll(tx, head); err != nil || head.unplanned != nil {
			return err
		}

		events := []lockstep.Event{{Type: "CONFIG_UPDATED", Message: "Updated configuration"}}
		events = append(events, head.events...)
		events = append(events, lockstep.Event{
			Type: "STARTING_SYNC", Message: "Starting syncs for commit " + string(head.sha), ExternalID: string(head.sha)})
		if err := store.AddRepositoryEvents(tx, a.ID, events...); err != nil {
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
func (e *Engine) repositorySyncFailed(ctx context.Context, job *queue.Job, a store.RepositoryAttempt, cause error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return cause // this process stops; the queue has the work go on elsewhere
	}

	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		cause = lockstep.Wrapf(lockstep.Unavailable, cause, "The repository took longer than %s to read.", repositoryTimeout)
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTimeout)
	defer cancel()

	return e.db.Update(ctx, func(tx *db.Tx) error {
		if err := e.stillMine(tx, a); err != nil {
			return err
		}

		_, outage := errors.AsType[unreachable](cause)
		if err := e.recordFailure(tx, job, a, cause, outage); err != nil || !outage {
			return err
		}

		return e.Met(tx, a.LinkID, cause)
	})
}

// recordFailure writes what becomes of an attempt that failed.
func (e *Engine) recordFailure(tx *db.Tx, job *queue.Job, a store.RepositoryAttempt, cause error, outage bool) error {
	verdict := judge(cause, a.Tries)
	if verdict.retry && (!outage || a.Tries < outageTries) {
		return e.retryRepositorySync(tx, job, a, verdict, cause)
	}

	e.log.LogAttrs(tx.Context(), verdict.level, "repository sync failed",
		slog.String("attempt", a.ID), slog.Any("err", cause))
	if outage {
		if _, err := store.SetOutage(tx, a.LinkID, lockstep.Shown(cause)); err != nil {
			return err
		}
	}

	if err := store.AddRepositoryEvents(tx, a.ID, cloneEvent("CLONE_FAILED", "Clone failed. ", cause)); err != nil {
		return err
	}

	a.Status = lockstep.RepositoryFailed
	return e.endRepositorySync(tx, job, a)
}

// retryRepositorySync tries again later. The third failure in a row is told.
func (e *Engine) retryRepositorySync(tx *db.Tx, job *queue.Job, a store.RepositoryAttempt, v verdict, cause error) error {
	a.NotBefore = tx.Now.Add(v.after)
	if err := store.SaveRepositoryAttempt(tx, a); err != nil {
		return err
	}
	if a.Tries == outageTries {
		if err := store.AddRepositoryEvents(tx, a.ID, cloneEvent("CLONE_RETRYING", "Clone failed and is tried again. ", cause)); err != nil {
			return err
		}
	}
	return job.Again(tx, a.NotBefore)
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

// stillMine locks the branch and says whether the attempt is still this
// worker's: running, and not taken over since.
func (e *Engine) stillMine(tx *db.Tx, a store.RepositoryAttempt) error {
	if err := lockBranch(tx, a.LinkID, a.Branch); err != nil {
		return err
	}
	now, ok, err := store.RunningRepositoryAttempt(tx, a.LinkID, a.Branch)
	if err != nil {
		return err
	}
	if !ok || now.ID != a.ID || now.Tries != a.Tries {
		return errFenced
	}
	return nil
}

// lockBranch locks a branch for its worker, who is fenced off where the link is
// gone, and its attempts with it.
func lockBranch(tx *db.Tx, linkID, branch string) error {
	_, err := store.LockBranch(tx, linkID, branch)
	if db.IsForeignKey(err) {
		return errFenced
	}
	return err
}

// endRepositorySync writes the end and goes on with what is queued behind.
func (e *Engine) endRepositorySync(tx *db.Tx, job *queue.Job, a store.RepositoryAttempt) error {
	if err := store.SaveRepositoryAttempt(tx, a); err != nil {
		return err
	}
	_, queued, err := store.QueuedRepositoryAttempt(tx, a.LinkID, a.Branch)
	if err != nil {
		return err
	}
	if queued {
		return job.Again(tx, tx.Now)
	}
	return job.Done(tx)
}
