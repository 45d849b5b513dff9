package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// A turn is one worker's time with a resource, from its taking-over to the
// point where it has to wait or nothing is left to do.
type turn struct {
	*Engine
	job     *queue.Job
	epoch   int64
	attempt syncstate.ResourceAttempt
	note    []byte // what the resource's last ended attempt left
	news    news   // of the transaction that is under way
}

// syncResource works on a resource's newest desire for one turn.
func (e *Engine) syncResource(ctx context.Context, job *queue.Job, w resourceWork) error {
	t := &turn{Engine: e, job: job}
	began := time.Now()
	next, err := t.begin(ctx, w.ResourceID)
	for err == nil && next != nothing {
		if time.Since(began) > worker.StepTimeout {
			return t.yield(ctx)
		}

		switch next {
		case discard:
			next, err = t.discard(ctx)
		case advance:
			next, err = t.advance(ctx)
		}
	}

	return worker.IgnoreLostLease(err)
}

// What a worker has to do next with its resource, outside of any transaction.
type action int

const (
	nothing action = iota // the job was completed or scheduled again
	advance               // take the running attempt a step further
	discard               // remove what it has proposed, and end it
)

// begin takes the resource over.
func (t *turn) begin(ctx context.Context, resourceID int64) (next action, err error) {
	err = t.update(ctx, func(tx *db.Tx) error {
		s, err := syncstate.AcquireLease(tx, resourceID)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return t.job.Complete(tx)
		}
		if err != nil {
			return err
		}

		t.epoch = s.Epoch
		next, err = t.decide(tx, s)
		return err
	})

	return next, err
}

// decide says under the resource's lock what is next, and completes or
// schedules the job if that is nothing.
func (t *turn) decide(tx *db.Tx, s syncstate.ResourceState) (action, error) {
	a, running, err := syncstate.RunningAttempt(tx, s.ID)
	if err != nil {
		return nothing, err
	}

	t.attempt, t.note = a, s.Baseline
	switch {
	case !running:
		return t.start(tx, s)
	case a.Intent == "" && (s.ConfigurationID != a.Configuration.ID || s.IsBehind()):
		return discard, nil
	case a.NotBefore.After(tx.Now):
		return nothing, t.job.RescheduleAt(tx, a.NotBefore)
	}

	return advance, nil
}

// start makes an attempt for what is desired, if something is and nothing
// blocks it.
func (t *turn) start(tx *db.Tx, s syncstate.ResourceState) (action, error) {
	t.note = s.Baseline
	if !s.IsBehind() {
		return nothing, t.job.Complete(tx)
	}
	if s.ReservedUntil.After(tx.Now) {
		return nothing, t.job.RescheduleAt(tx, s.ReservedUntil)
	}

	_, blocked, err := syncstate.ActiveBlocker(tx, s.ID)
	if err != nil {
		return nothing, err
	}
	if blocked {
		return nothing, t.job.Complete(tx)
	}

	cfg, err := store.ConfigurationByID(tx, s.ConfigurationID)
	if err != nil {
		return nothing, err
	}
	if *s.Desired != cfg.Revision(s.Desired.SHA) {
		// Desired before the configuration was changed: the repository sync that
		// the change asked for says what is desired now.
		return nothing, t.job.Complete(tx)
	}

	if t.attempt, err = syncstate.BeginAttempt(tx, s, cfg, s.Resource.Name); err != nil {
		return nothing, err
	}

	t.news.attempted(t.attempt)
	return advance, t.refresh(tx, s.ID)
}

// yield gives the worker back after a long turn; the work goes on at once in a
// turn of its own.
func (t *turn) yield(ctx context.Context) error {
	return t.mine(ctx, func(tx *db.Tx, _ syncstate.ResourceState) error { return t.job.RescheduleAt(tx, tx.Now) })
}

// update runs f in a transaction that ends with the news of it.
func (t *turn) update(ctx context.Context, f func(tx *db.Tx) error) error {
	return t.db.Update(ctx, func(tx *db.Tx) error {
		t.news = nil
		if err := f(tx); err != nil {
			return err
		}
		return t.spread(tx, t.news)
	})
}

// mine runs f under the resource's lock if it is still this worker's.
func (t *turn) mine(ctx context.Context, f func(tx *db.Tx, s syncstate.ResourceState) error) error {
	return worker.UpdateIfOwner(ctx, t.db, t.lock, func(tx *db.Tx, s syncstate.ResourceState) error {
		t.news = nil
		if err := f(tx, s); err != nil {
			return err
		}
		return t.spread(tx, t.news)
	})
}

// lock locks the resource and reports whether this worker still has its lease.
func (t *turn) lock(tx *db.Tx) (s syncstate.ResourceState, owned bool, err error) {
	s, err = syncstate.LockResource(tx, t.attempt.ResourceID)
	return s, s.Epoch == t.epoch, err
}

// discard removes what an attempt has proposed and nobody wants any more, and
// ends the attempt.
func (t *turn) discard(ctx context.Context) (next action, err error) {
	if cause := t.remove(ctx); lockstep.KindOf(cause) == lockstep.Unavailable {
		return t.stumble(ctx, cause)
	}

	err = t.mine(ctx, func(tx *db.Tx, s syncstate.ResourceState) error {
		outcome, ev := lockstep.Superseded, lockstep.Event{Type: "SYNC_SUPERSEDED"}
		if s.ConfigurationID != t.attempt.Configuration.ID {
			outcome = lockstep.Cancelled
			ev = lockstep.Event{Type: "SYNC_CANCELLED", Message: "The sync configuration was deleted."}
		} else {
			ev.Message = "Superseded by commit " + string(s.Desired.SHA) + "."
			ev.ExternalID = string(s.Desired.SHA)
		}

		if err := syncstate.AddResourceEvents(tx, t.attempt.ID, ev); err != nil {
			return err
		}

		next, err = t.end(tx, s, outcome)
		return err
	})

	return next, err
}

// remove calls the driver's Discard within a step's time.
func (t *turn) remove(ctx context.Context) error {
	driver, err := t.driver(t.attempt.Configuration.SyncType)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, worker.StepTimeout)
	defer cancel()

	a, release := t.asTarget()
	defer release()

	if err = worker.Guard(func() error { return driver.Discard(ctx, a) }); err != nil {
		t.log.LogAttrs(ctx, slog.LevelWarn, "discard", slog.String("attempt", t.attempt.ID), slog.Any("err", err))
	}

	return err
}

// end ends the attempt and goes on with what has been desired meanwhile.
func (t *turn) end(tx *db.Tx, s syncstate.ResourceState, outcome lockstep.Outcome) (action, error) {
	if err := syncstate.FinishAttempt(tx, t.attempt.ID, outcome); err != nil {
		return nothing, err
	}

	t.news.attempted(t.attempt)
	if err := t.refresh(tx, s.ID); err != nil {
		return nothing, err
	}

	t.log.LogAttrs(tx.Context(), slog.LevelInfo, "resource sync",
		slog.String("sync_type", string(s.Resource.SyncType)), slog.String("resource", s.Resource.Name),
		slog.String("attempt", t.attempt.ID), slog.String("branch", t.attempt.TargetRevision.Branch),
		slog.String("sha", string(t.attempt.TargetRevision.SHA)), slog.String("outcome", string(outcome)),
		slog.Duration("duration", tx.Now.Sub(t.attempt.StartedAt)))

	return t.start(tx, s)
}

// asTarget shows the attempt as a driver sees it. Call release when the driver
// has returned.
func (t *turn) asTarget() (a target.Attempt, release func()) {
	var releases []func()
	a = target.Attempt{
		ID: t.attempt.ID, Configuration: t.attempt.Configuration, Revision: t.attempt.TargetRevision,
		Checkpoint: t.attempt.Checkpoint, Intent: t.attempt.Intent, Baseline: t.note, StartedAt: t.attempt.StartedAt, Now: time.Now().UTC(),
		OpenTree: func(ctx context.Context) (lockstep.Tree, error) {
			client, release, err := t.Open(ctx, t.attempt.Configuration.LinkID)
			if err != nil {
				return nil, err
			}

			releases = append(releases, release)
			return client.Files(ctx, t.attempt.TargetRevision.SHA)
		},
	}
	return a, func() {
		for _, release := range releases {
			release()
		}
	}
}
