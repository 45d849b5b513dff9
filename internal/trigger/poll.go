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
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// PollerOptions configure a Poller.
type PollerOptions struct {
	DB           *db.DB
	Engine       *engine.Engine
	Repositories *repository.Repositories
	Log          *slog.Logger
	// OnActivity is called for each link with a moved branch or a requested poll,
	// in the transaction that records the probe: something other than a branch may
	// have changed, such as a pull request. Optional.
	OnActivity func(tx *db.Tx, linkID string) error
	// Interval is the time between two probes of a repository that has just moved.
	// Defaults to 30 s.
	Interval time.Duration
	// MaxInterval is what the interval doubles up to while nothing moves. Defaults
	// to ten times Interval.
	MaxInterval time.Duration
	// IntervalsOf overrides both for one link. Optional.
	IntervalsOf func(lockstep.RepositoryLink) (interval, longest time.Duration)
	// Workers is the number of concurrent probes. Defaults to 64.
	Workers int
	// MaxPerHost is the number of concurrent probes of one host. Defaults to 8.
	MaxPerHost int
	// Exclusive means that no other process uses the database: the leases that a killed
	// predecessor left behind end at once.
	Exclusive bool
}

// A Poller probes every repository with a tracked branch.
type Poller struct {
	options     PollerOptions
	log         *slog.Logger
	workerSlots chan struct{}
	hosts       *hostLimiter
	hostNames   hostNames
	wake        chan struct{} // capacity 1, so that several calls of Wake count as one
}

const (
	// pollLease is how long a claimed poll belongs to its node, and so the maximum
	// duration of a probe.
	pollLease = time.Minute
	// These bound the time between two claims. Polls requested on other nodes are
	// noticed after at most maxClaimInterval.
	minClaimInterval = 20 * time.Millisecond
	maxClaimInterval = 500 * time.Millisecond
	// reportedFailures is after how many consecutive transient failures an outage is
	// reported.
	reportedFailures = 3
	claimBatch       = 100
)

// NewPoller returns a poller; Run starts it.
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
		options:     options,
		log:         options.Log.With(slog.String("component", "trigger")),
		workerSlots: make(chan struct{}, options.Workers),
		hosts:       newHostLimiter(options.MaxPerHost),
		hostNames:   hostNames{},
		wake:        make(chan struct{}, 1),
	}
}

// Run polls until ctx ends and the running probes have ended.
func (p *Poller) Run(ctx context.Context) {
	var looks sync.WaitGroup
	defer looks.Wait()

	if p.options.Exclusive {
		p.correct(ctx, "free polls", func(tx *db.Tx) (int64, error) { return store.FreePolls(tx, pollLease) })
	}
	if p.options.IntervalsOf == nil { // whose longest interval is not known
		looks.Go(func() { p.sweep(ctx) })
	}

	for {
		polls, next, err := p.claim(ctx)
		if err != nil && ctx.Err() == nil {
			p.log.LogAttrs(ctx, slog.LevelWarn, "claim polls failed", slog.Any("err", err))
		}

		for _, t := range p.tasksOf(ctx, polls) {
			p.dispatch(ctx, &looks, t)
		}

		if !p.wait(ctx, min(max(next, minClaimInterval), maxClaimInterval)) {
			return
		}
	}
}

// sweep makes, every minute, the links due that a clock since set back has scheduled
// too far ahead.
func (p *Poller) sweep(ctx context.Context) {
	queue.Sweep(ctx, p.log, func(ctx context.Context) error {
		// Links of a busy host, or of one that asked for a delay, wait longer than the interval.
		longest := max(p.options.MaxInterval, maxRetryAfter, maxQueueAhead)
		longest += longest/10 + pollLease // jitter adds up to a tenth
		p.correct(ctx, "limit polls", func(tx *db.Tx) (int64, error) { return store.LimitPolls(tx, longest) })
		return nil
	})
}

// correct changes when links are due, and logs how many.
func (p *Poller) correct(ctx context.Context, message string, change func(tx *db.Tx) (int64, error)) {
	var links int64
	err := p.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		links, err = change(tx)
		return err
	})

	switch {
	case err != nil && ctx.Err() == nil:
		p.log.LogAttrs(ctx, slog.LevelWarn, message, slog.Any("err", err))
	case links > 0:
		p.log.LogAttrs(ctx, slog.LevelInfo, message, slog.Int64("links", links))
	}
}

// Wake makes the poller claim due polls now. Call it after committing a request for
// a poll on this node. It does not block.
func (p *Poller) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// wait waits for at most d, less if woken, but at least minClaimInterval, so that
// many requests are claimed together. It reports false when ctx has ended.
func (p *Poller) wait(ctx context.Context, delay time.Duration) bool {
	least := time.NewTimer(minClaimInterval)
	defer least.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-least.C:
	}

	rest := time.NewTimer(delay - minClaimInterval)
	defer rest.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-p.wake:
	case <-rest.C:
	}

	return true
}

// claim claims the due polls and returns how long it is until the next one.
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

// logErrors calls f and logs its error. A panic is logged too: the link is due
// again when its lease ends.
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

// probe reads the heads of a repository and records the result.
func (p *Poller) probe(ctx context.Context, task probeTask) error {
	var branches []string
	err := p.options.DB.View(ctx, func(tx *db.Tx) (err error) {
		branches, err = store.TrackedBranches(tx, task.link.ID)
		return err
	})
	if err != nil {
		return err
	}

	if len(branches) == 0 {
		return p.options.DB.Update(ctx, func(tx *db.Tx) error { return store.StopPolling(tx, task.poll) })
	}

	began := time.Now()
	heads, err := p.readHeads(ctx, task.link, branches)
	if ctx.Err() != nil {
		return ctx.Err()
	}

	now := time.Now()
	p.hosts.record(task, err, now.Sub(began), now)
	return p.options.DB.Update(ctx, func(tx *db.Tx) error {
		if err != nil {
			return p.recordFailure(tx, task, branches, err)
		}
		return p.recordHeads(tx, task.link, task.poll, branches, heads)
	})
}

func (p *Poller) readHeads(
	ctx context.Context,
	link lockstep.RepositoryLink,
	branches []string,
) (map[string]lockstep.SHA, error) {
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

// recordHeads requests a sync of every branch that moved, or of all branches if the
// repository was unavailable before.
func (p *Poller) recordHeads(
	tx *db.Tx,
	link lockstep.RepositoryLink,
	poll store.Poll,
	branches []string,
	heads map[string]lockstep.SHA,
) error {
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
		sha := heads[branch] // "" if there is no such branch
		switch {
		case recovered && (sha != "" || known[branch] != ""):
			err = p.options.Engine.RequestSync(tx, link.ID, branch)
		case sha != known[branch]:
			moved = true
			err = p.options.Engine.RecordHead(tx, link.ID, branch, sha)
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
	poll.Error = ""
	poll.Interval = p.nextInterval(link, poll.Interval, moved || recovered)
	if err := store.FinishPoll(tx, poll, tx.Now.Add(jitter(poll.Interval))); err != nil || !recovered {
		return err
	}

	return p.options.Engine.RecordProbe(tx, link.ID, nil)
}

// recordFailure backs off. It records one FAILED attempt per outage and cause: at
// once if a person has to act, else at the third consecutive failure.
func (p *Poller) recordFailure(tx *db.Tx, task probeTask, branches []string, cause error) error {
	link, poll := task.link, task.poll
	poll.Failures++
	poll.Error = lockstep.Shown(cause)
	interval, longest := p.intervalsOf(link)
	poll.Interval = min(longest, interval<<min(poll.Failures, 8))

	level := slog.LevelInfo
	isReportable := !worker.IsTransient(cause) || poll.Failures >= reportedFailures
	// During a reported outage, a failure without a probe is not a new cause.
	isNewCause := poll.Failures <= reportedFailures || !errors.Is(cause, errHostUnavailable)

	if isReportable && isNewCause {
		level = slog.LevelWarn
		changed, err := store.SetOutage(tx, link.ID, lockstep.Shown(cause))
		if err != nil {
			return err
		}

		if !changed {
			branches = nil
		}
		for _, branch := range branches {
			if err := p.options.Engine.RecordUnreachable(tx, link.ID, branch, cause); err != nil {
				return err
			}
		}
	}

	p.log.LogAttrs(tx.Context(), level, "repository unreachable", slog.String("link", link.ID),
		slog.Int64("failures", poll.Failures), slog.Any("err", cause))
	if err := store.FinishPoll(tx, poll, tx.Now.Add(jitter(poll.Interval))); err != nil {
		return err
	}

	return p.options.Engine.RecordProbe(tx, link.ID, cause)
}

// nextInterval doubles the time between probes while nothing moves.
func (p *Poller) nextInterval(link lockstep.RepositoryLink, last time.Duration, moved bool) time.Duration {
	interval, longest := p.intervalsOf(link)
	if moved || last < interval {
		return interval
	}
	return min(longest, 2*last)
}

func (p *Poller) intervalsOf(link lockstep.RepositoryLink) (interval, longest time.Duration) {
	if p.options.IntervalsOf != nil {
		return p.options.IntervalsOf(link)
	}
	return p.options.Interval, p.options.MaxInterval
}

// jitter changes an interval by up to a tenth either way, so that links created
// together are not probed together.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}
