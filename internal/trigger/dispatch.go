package trigger

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// tasksOf returns the claimed polls with their links and hosts. It omits links that
// no longer exist or cannot be read; the latter are due again when their lease
// ends.
func (p *Poller) tasksOf(ctx context.Context, polls []store.Poll) []probeTask {
	if len(polls) == 0 {
		return nil
	}

	tasks := make([]probeTask, 0, len(polls))
	now := time.Now()
	err := p.options.DB.View(ctx, func(tx *db.Tx) error {
		for _, poll := range polls {
			link, err := store.LinkByID(tx, poll.LinkID)
			var name string
			if err == nil {
				name, err = p.hostNames.lookup(tx, link.ConnectionARN, now)
			}

			switch {
			case err == nil:
				tasks = append(tasks, probeTask{
					poll:    poll,
					link:    link,
					host:    name,
					claimed: now,
				})
			case lockstep.KindOf(err) != lockstep.NotFound:
				p.log.LogAttrs(ctx, slog.LevelWarn, "poll failed", slog.String("link", poll.LinkID),
					slog.Any("err", err))
			}
		}

		return nil
	})
	if err != nil && ctx.Err() == nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "read claimed polls failed", slog.Any("err", err))
	}

	return tasks
}

// hostNames caches the host of each connection for a minute: it rarely changes and
// is needed for every probe.
type hostNames map[lockstep.ARN]hostName

type hostName struct {
	name string
	read time.Time
}

func (n hostNames) lookup(tx *db.Tx, connection lockstep.ARN, now time.Time) (string, error) {
	if known, ok := n[connection]; ok && now.Sub(known.read) < time.Minute {
		return known.name, nil
	}

	const most = 10_000
	if len(n) >= most {
		clear(n)
	}

	name, err := hostOf(tx, connection)
	if err == nil {
		n[connection] = hostName{name, now}
	}

	return name, err
}

// dispatch acquires a slot at the host before a worker slot, so that a slow host
// does not delay probes of other hosts.
func (p *Poller) dispatch(ctx context.Context, looks *sync.WaitGroup, task probeTask) {
	switch result, next := p.hosts.admit(&task, time.Now()); result {
	case admitted:
		looks.Go(func() { p.runTasks(ctx, task) })
	case deferred:
		p.logErrors(ctx, task.link.ID, func() error { return p.reschedule(ctx, task, next) })
	case hostUnavailable:
		p.logErrors(ctx, task.link.ID, func() error { return p.recordUnavailable(ctx, task) })
	}
}

// runTasks probes one repository and then those that are queued for its slot. It
// acquires a worker slot for each, in turn with other hosts.
func (p *Poller) runTasks(ctx context.Context, task probeTask) {
	for more := true; more; {
		select {
		case p.workerSlots <- struct{}{}:
		case <-ctx.Done():
			return
		}

		// A probe takes at most half a lease. A task that has waited longer than
		// the other half is claimed again soon.
		if time.Since(task.claimed) < pollLease/2 {
			p.logErrors(ctx, task.link.ID, func() error { return p.probe(ctx, task) })
		}

		<-p.workerSlots
		task, more = p.hosts.release(task, time.Now())
	}
}

// reschedule makes the link due at a later time, as if it had not been claimed.
func (p *Poller) reschedule(ctx context.Context, task probeTask, next time.Time) error {
	return p.options.DB.Update(ctx, func(tx *db.Tx) error { return store.FinishPoll(tx, task.poll, next) })
}

// errHostUnavailable is the cause if a host is unavailable and another link's probe
// is its trial. It does not contain that probe's error, which may be another
// account's.
var errHostUnavailable = errors.New("not probed")

// recordUnavailable records a failure without a probe, so that every affected link
// reports the outage.
func (p *Poller) recordUnavailable(ctx context.Context, task probeTask) error {
	return p.options.DB.Update(ctx, func(tx *db.Tx) error {
		branches, err := store.TrackedBranches(tx, task.link.ID)
		if err != nil {
			return err
		}
		if len(branches) == 0 {
			return store.StopPolling(tx, task.poll)
		}
		cause := lockstep.Wrapf(lockstep.Unavailable, errHostUnavailable,
			"The Git host has not answered recent requests. Lockstep keeps trying.")
		return p.recordFailure(tx, task, branches, cause)
	})
}
