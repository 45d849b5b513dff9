package trigger

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// PollerOptions are what a poller needs.
type PollerOptions struct {
	DB           *db.DB
	Engine       *engine.Engine
	Repositories *repository.Repositories
	Log          *slog.Logger
	// Stirred, where not nil, is told of each link that has moved or that a look was
	// asked for, in the transaction that records the look: something other than a
	// branch may have changed, such as a pull request.
	OnActivity func(tx *db.Tx, linkID string) error
	// Interval is the time between two looks at a repository that has just
	// moved. Defaults to 30 s.
	Interval time.Duration
	// MaxInterval is what the interval grows to, doubling, while nothing moves.
	// Defaults to ten times Interval. Equal to Interval it never grows.
	MaxInterval time.Duration
	// IntervalOf, where not nil, gives the two for one link instead.
	IntervalsOf func(lockstep.RepositoryLink) (interval, longest time.Duration)
	// Workers is how many repositories are looked at at once. Defaults to 64.
	Workers int
	// MaxPerHost is how many of them may be on one host. Defaults to 8.
	MaxPerHost int
}

// A Poller looks at every repository that something follows.
type Poller struct {
	options     PollerOptions
	log         *slog.Logger
	workerSlots chan struct{}
	hosts       *hostLimiter
	hostNames   hostNames
	wake        chan struct{} // holds one: several calls of Wake are one
}

const (
	// pollLease is how long a claimed poll belongs to its claimant, and so the
	// longest a look may take.
	pollLease = time.Minute
	// minClaimInterval bounds how often the database is asked for due polls, longest how
	// seldom: hints of other nodes are found by asking.
	minClaimInterval = 20 * time.Millisecond
	maxClaimInterval = 500 * time.Millisecond
	claimBatch       = 100
)

// NewPoller makes a poller; Run starts it.
func NewPoller(options PollerOptions) *Poller {
	if options.Interval == 0 {
		options.Interval = 30 * time.Second
	}

	if options.MaxInterval == 0 {
		options.MaxInterval = 10 * options.Interval
	}

	if options.Workers == 0 {
		options.Workers = 64
	}

	if options.MaxPerHost == 0 {
		options.MaxPerHost = 8
	}

	return &Poller{
		options: options, log: options.Log.With(slog.String("component", "trigger")),
		workerSlots: make(chan struct{}, options.Workers), hosts: newHostLimiter(options.MaxPerHost), hostNames: hostNames{},
		wake: make(chan struct{}, 1),
	}
}

// Run polls until ctx ends and the looks under way are over.
func (p *Poller) Run(ctx context.Context) {
	var looks sync.WaitGroup
	defer looks.Wait()
	for {
		polls, next, err := p.claim(ctx)
		if err != nil && ctx.Err() == nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "claim polls", slog.Any("err", err))
		}

		for _, t := range p.tasksOf(ctx, polls) {
			p.dispatch(ctx, &looks, t)
		}

		if !p.wait(ctx, min(max(next, minClaimInterval), maxClaimInterval)) {
			return
		}
	}
}

// Wake makes the poller look for due polls now rather than within half a second:
// for whoever has committed a hint on this node. It does not block.
func (p *Poller) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// wait waits, less long if woken but never less than the shortest, so that many
// hints are claimed together. False when ctx has ended.
func (p *Poller) wait(ctx context.Context, d time.Duration) bool {
	least := time.NewTimer(minClaimInterval)
	defer least.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-least.C:
	}

	rest := time.NewTimer(d - minClaimInterval)
	defer rest.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-p.wake:
	case <-rest.C:
	}

	return true
}

// claim takes what is due and says how long there is until something is.
func (p *Poller) claim(ctx context.Context) (polls []store.Poll, next time.Duration, err error) {
	due := false
	next = maxClaimInterval
	err = p.options.DB.View(ctx, func(tx *db.Tx) error {
		at, some, err := store.NextPoll(tx)
		if some {
			next = at.Sub(tx.Now)
			due = next <= 0
		}
		return err
	})
	if err != nil || !due {
		return nil, next, err
	}

	err = p.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		polls, err = store.ClaimPolls(tx, claimBatch, pollLease)
		return err
	})
	return polls, 0, err
}

// logErrors calls f about a link and logs its error. A panic ends this call alone: the
// link is due again when its lease is over.
func (p *Poller) logErrors(ctx context.Context, link string, f func() error) {
	err := worker.Guard(f)
	_, isPanic := errors.AsType[*worker.PanicError](err)
	switch {
	case isPanic:
		p.log.LogAttrs(ctx, slog.LevelError, "poll", slog.String("link", link), slog.Any("err", err))
	case err != nil && ctx.Err() == nil:
		p.log.LogAttrs(ctx, slog.LevelWarn, "poll", slog.String("link", link), slog.Any("err", err))
	}
}

// probe asks a repository for its heads and records what came of it.
func (p *Poller) probe(ctx context.Context, t task) error {
	var branches []string
	err := p.options.DB.View(ctx, func(tx *db.Tx) (err error) {
		branches, err = store.TrackedBranches(tx, t.link.ID)
		return err
	})
	if err != nil {
		return err
	}

	if len(branches) == 0 {
		return p.options.DB.Update(ctx, func(tx *db.Tx) error { return store.StopPolling(tx, t.poll) })
	}

	began := time.Now()
	heads, err := p.readHeads(ctx, t.link, branches)
	if ctx.Err() != nil {
		return ctx.Err()
	}

	now := time.Now()
	p.hosts.record(t, err, now.Sub(began), now)
	return p.options.DB.Update(ctx, func(tx *db.Tx) error {
		if err != nil {
			return p.recordFailure(tx, t, branches, err)
		}
		return p.recordHeads(tx, t.link, t.poll, branches, heads)
	})
}

// readHeads asks a repository for its heads.
func (p *Poller) readHeads(ctx context.Context, link lockstep.RepositoryLink, branches []string) (map[string]lockstep.SHA, error) {
	ctx, cancel := context.WithTimeout(ctx, pollLease/2)
	defer cancel()

	repository, err := p.options.Repositories.Open(ctx, link.ID)
	if err != nil {
		return nil, worker.Timeout(ctx, pollLease/2, "The Git host", err)
	}
	defer repository.Release()

	heads, err := repository.Client.Heads(ctx, branches)
	return heads, worker.Timeout(ctx, pollLease/2, "The Git host", err)
}

// recordHeads requests a sync of every branch that moved; of all, if the repository
// could not be reached before.
func (p *Poller) recordHeads(tx *db.Tx, link lockstep.RepositoryLink, poll store.Poll, branches []string, heads map[string]lockstep.SHA) error {
	recovered, err := store.ClearOutage(tx, link.ID)
	if err != nil {
		return err
	}

	known, err := syncstate.PolledHeads(tx, link.ID)
	if err != nil {
		return err
	}

	moved := false
	for _, branch := range branches {
		sha, there := heads[branch]
		switch {
		case recovered && (there || known[branch] != ""):
			err = p.options.Engine.RequestSync(tx, link.ID, branch)
		case there && sha != known[branch]:
			moved = true
			err = p.options.Engine.RecordHead(tx, link.ID, branch, sha)
		case !there && known[branch] != "":
			moved = true
			err = p.options.Engine.RecordHead(tx, link.ID, branch, "")
		}

		if err != nil {
			return err
		}
	}

	if p.options.OnActivity != nil && (moved || recovered || poll.Requested) {
		if err := p.options.OnActivity(tx, link.ID); err != nil {
			return err
		}
	}

	poll.Failures = 0
	poll.Interval = p.nextInterval(link, poll.Interval, moved || recovered)
	if err := store.FinishPoll(tx, poll, tx.Now.Add(jitter(poll.Interval))); err != nil || !recovered {
		return err
	}

	return p.options.Engine.RecordProbe(tx, link.ID, nil)
}

// recordFailure backs off. It makes one FAILED attempt per outage and cause: at once
// where a person has to act, else at the third failure in a row.
func (p *Poller) recordFailure(tx *db.Tx, t task, branches []string, cause error) error {
	link, poll := t.link, t.poll
	poll.Failures++
	interval, most := p.intervalsOf(link)
	poll.Interval = min(most, interval<<min(poll.Failures, 8))
	passing := worker.IsTransient(cause)
	level := slog.LevelInfo

	// That nobody asked is no news where an outage has been told.
	if (!passing || poll.Failures >= 3) && (poll.Failures <= 3 || !errors.Is(cause, errHostUnavailable)) {
		level = slog.LevelWarn
		news, err := store.SetOutage(tx, link.ID, lockstep.Shown(cause))
		if err != nil {
			return err
		}

		for _, branch := range branches {
			if !news {
				break
			}
			if err := p.options.Engine.RecordUnreachable(tx, link.ID, branch, cause); err != nil {
				return err
			}
		}
	}

	p.log.LogAttrs(tx.Context(), level, "repository cannot be reached", slog.String("link", link.ID),
		slog.Int64("failures", poll.Failures), slog.Any("err", cause))
	if err := store.FinishPoll(tx, poll, tx.Now.Add(jitter(poll.Interval))); err != nil {
		return err
	}

	return p.options.Engine.RecordProbe(tx, link.ID, cause)
}

// nextInterval doubles the time between looks while nothing moves.
func (p *Poller) nextInterval(link lockstep.RepositoryLink, last time.Duration, moved bool) time.Duration {
	interval, most := p.intervalsOf(link)
	if moved || last < interval {
		return interval
	}
	return min(most, 2*last)
}

func (p *Poller) intervalsOf(link lockstep.RepositoryLink) (interval, most time.Duration) {
	if p.options.IntervalsOf != nil {
		return p.options.IntervalsOf(link)
	}
	return p.options.Interval, p.options.MaxInterval
}

// jitter spreads an interval by a tenth either way, so that links made together
// are not looked at together for ever.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
