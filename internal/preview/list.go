package preview

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

const (
	// maxPullRequests is how many of a branch are previewed: those changed last.
	maxPullRequests = 50

	openInterval = 2 * time.Minute // while a pull request is open
	idleInterval = 5 * time.Minute
	// blockedInterval is the time to the next try where a person has to act, and
	// where the host cannot do it at all. What stirs the repository comes first.
	blockedInterval = 6 * time.Hour
)

// list brings the previews of a branch's pull requests in line with what is
// open.
func (p *Controller) list(ctx context.Context, job *queue.Job, w pullRequestsWork) error {
	var lease time.Time
	var cfgs []store.TrackedConfiguration
	err := p.db.Update(ctx, func(tx *db.Tx) (err error) {
		lease = tx.Now.Add(2 * listTimeout)
		if cfgs, err = configurationsWithComments(tx, w); err != nil {
			return err
		}
		return syncstate.ScheduleListing(tx, w.LinkID, w.Branch, lease)
	})
	if err != nil {
		return err
	}

	if len(cfgs) == 0 {
		return p.stopListing(ctx, job, w)
	}

	began := time.Now()
	listing := listing{Controller: p, pullRequestsWork: w, configurations: cfgs}
	err = worker.Guard(func() error { return listing.reconcile(ctx) })

	if ctx.Err() != nil {
		return ctx.Err()
	}

	p.log.LogAttrs(ctx, logLevel(err), "pull requests", slog.String("link", w.LinkID), slog.String("branch", w.Branch),
		slog.Int("open", listing.open), slog.Duration("duration", time.Since(began)), slog.Any("err", err))
	return p.db.Update(ctx, func(tx *db.Tx) error {
		due, err2 := syncstate.NextListingAt(tx, w.LinkID, w.Branch)
		if err2 != nil {
			return err2
		}

		next := tx.Now.Add(listing.nextInterval(err))
		if due.Before(lease) { // something has stirred meanwhile
			next = tx.Now
		}

		if err := syncstate.ScheduleListing(tx, w.LinkID, w.Branch, next); err != nil {
			return err
		}

		return job.RescheduleAt(tx, next)
	})
}

// configurationsWithComments reads the configurations of a branch that ask for comments.
func configurationsWithComments(tx *db.Tx, w pullRequestsWork) ([]store.TrackedConfiguration, error) {
	all, err := store.ConfigurationsOfBranch(tx, w.LinkID, w.Branch)
	var cfgs []store.TrackedConfiguration
	for _, cfg := range all {
		if cfg.PullRequestComment == lockstep.Enabled {
			cfgs = append(cfgs, cfg)
		}
	}
	return cfgs, err
}

// stopListing forgets the pull requests of a branch that nothing asks about any more.
// The sweep finds it when something does.
func (p *Controller) stopListing(ctx context.Context, job *queue.Job, w pullRequestsWork) error {
	return p.db.Update(ctx, func(tx *db.Tx) error {
		open, err := syncstate.PullRequests(tx, w.LinkID, w.Branch)
		if err != nil {
			return err
		}

		for _, pr := range open {
			if err := p.close(tx, pr); err != nil {
				return err
			}
		}

		if err := syncstate.ScheduleListing(tx, w.LinkID, w.Branch, time.Time{}); err != nil {
			return err
		}

		return job.Complete(tx)
	})
}

// close forgets a pull request, and has what its previews proposed removed.
func (p *Controller) close(tx *db.Tx, pullRequest syncstate.PullRequest) error {
	previews, err := syncstate.PreviewsOf(tx, pullRequest.ID)
	if err != nil {
		return err
	}
	for _, v := range previews {
		if err := p.abandon(tx, v); err != nil {
			return err
		}
	}
	return syncstate.ClosePullRequest(tx, pullRequest.ID)
}

// abandon says that nobody wants a preview any more.
func (p *Controller) abandon(tx *db.Tx, preview syncstate.Preview) error {
	if err := syncstate.AbandonPreview(tx, preview.ID); err != nil {
		return err
	}
	return p.queue.Wake(tx, previewWork{preview.ResourceID}, tx.Now)
}

// nextInterval says when the pull requests are listed again.
func (l *listing) nextInterval(err error) time.Duration {
	d := idleInterval
	switch {
	case err == nil && l.open > 0:
		d = openInterval
	case err == nil:
	case worker.IsTransient(err):
		d = max(openInterval, min(provider.RetryAfter(err), blockedInterval))
	default:
		d = blockedInterval
	}
	return d + rand.N(d/10)
}

// logLevel is that of the line about a unit of work that ended so.
func logLevel(err error) slog.Level {
	switch {
	case err == nil, errors.Is(err, provider.ErrUnsupported):
		return slog.LevelDebug
	case lockstep.KindOf(err) == lockstep.Internal:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// commenter opens a link's repository as one with pull requests.
func (p *Controller) commenter(ctx context.Context, linkID string) (*repository.Repository, provider.Commenter, error) {
	repo, err := p.repositories.Open(ctx, linkID)
	if err != nil {
		return nil, nil, err
	}

	commenter, err := repository.As[provider.Commenter](repo, "comments on pull requests")
	if err != nil {
		repo.Release()
	}

	return repo, commenter, err
}
