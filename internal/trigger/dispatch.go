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

// tasksOf finds out at which hosts claimed polls are to be looked at. A link that
// is gone is left out, and so is one that cannot be read: it is due again when its
// lease is over.
func (p *Poller) tasksOf(ctx context.Context, polls []store.Poll) []task {
	if len(polls) == 0 {
		return nil
	}

	tasks := make([]task, 0, len(polls))
	now := time.Now()
	err := p.options.DB.View(ctx, func(tx *db.Tx) error {
		for _, poll := range polls {
			link, err := store.LinkByID(tx, poll.LinkID)
			var name string
			if err == nil {
				name, err = p.hostNames.lookup(tx, link.ConnectionARN, now)
			}

			if err == nil {
				tasks = append(tasks, task{poll: poll, link: link, host: name, claimed: now})
			} else if lockstep.KindOf(err) != lockstep.NotFound {
				p.log.LogAttrs(ctx, slog.LevelWarn, "poll", slog.String("link", poll.LinkID), slog.Any("err", err))
			}
		}

		return nil
	})
	if err != nil && ctx.Err() == nil {
		p.log.LogAttrs(ctx, slog.LevelWarn, "read claimed polls", slog.Any("err", err))
	}

	return tasks
}

// hostNames remembers which host a connection reaches, for a minute: it changes
// seldom, and is asked for with every look.
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

// dispatch takes a place at the host before a slot, so that a host that is slow
// keeps nobody from looking at another.
func (p *Poller) dispatch(ctx context.Context, looks *sync.WaitGroup, t task) {
	switch v, next := p.hosts.admit(&t, time.Now()); v {
	case admitted:
		looks.Go(func() { p.runTasks(ctx, t) })
	case deferred:
		p.logErrors(ctx, t.link.ID, func() error { return p.reschedule(ctx, t, next) })
	case hostUnavailable:
		p.logErrors(ctx, t.link.ID, func() error { return p.recordUnavailable(ctx, t) })
	}
}

// runTasks looks at one repository, and then at those that wait for its place. A slot
// is taken anew for each, in turn with other hosts.
func (p *Poller) runTasks(ctx context.Context, t task) {
	for more := true; more; {
		select {
		case p.workerSlots <- struct{}{}:
		case <-ctx.Done():
			return
		}

		// A look takes half a lease at most. Who has waited for longer than the other
		// half is claimed again soon.
		if time.Since(t.claimed) < pollLease/2 {
			p.logErrors(ctx, t.link.ID, func() error { return p.probe(ctx, t) })
		}

		<-p.workerSlots
		t, more = p.hosts.release(t, time.Now())
	}
}

// reschedule makes the link due at a later time, as if it had not been claimed.
func (p *Poller) reschedule(ctx context.Context, t task, next time.Time) error {
	return p.options.DB.Update(ctx, func(tx *db.Tx) error { return store.FinishPoll(tx, t.poll, next) })
}

// errHostUnavailable is the cause where a host seems to be away and another link's look is
// to find out. It does not repeat what that one met, which may be another
// account's.
var errHostUnavailable = errors.New("not asked")

// recordUnavailable records a failure without asking, so that an outage is told to
// everybody whom it concerns.
func (p *Poller) recordUnavailable(ctx context.Context, t task) error {
	return p.options.DB.Update(ctx, func(tx *db.Tx) error {
		branches, err := store.TrackedBranches(tx, t.link.ID)
		if err != nil {
			return err
		}
		if len(branches) == 0 {
			return store.StopPolling(tx, t.poll)
		}
		cause := lockstep.Wrapf(lockstep.Unavailable, errHostUnavailable, "The Git host has answered nobody lately. It is asked again until it does.")
		return p.recordFailure(tx, t, branches, cause)
	})
}
