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
	// blockedInterval is the time to the next try if a person has to act, or if the
	// host does not support it. Activity in the repository makes it sooner.
	blockedInterval = 6 * time.Hour
)

// list reconciles the previews of the pull requests into a branch.
func (c *Controller) list(ctx context.Context, job *queue.Job, args listingArgs) error {
	var lease time.Time
	var cfgs []store.TrackedConfiguration
	err := c.db.Update(ctx, func(tx *db.Tx) (err error) {
		lease = tx.Now.Add(2 * listTimeout)
		if cfgs, err = configurationsWithComments(tx, args); err != nil {
			return err
		}
		return syncstate.ScheduleListing(tx, args.LinkID, args.Branch, lease)
	})
	if err != nil {
		return err
	}

	if len(cfgs) == 0 {
		return c.stopListing(ctx, job, args)
	}

	began := time.Now()
	listing := listing{Controller: c, listingArgs: args, configurations: cfgs}
	err = worker.Guard(func() error { return listing.reconcile(ctx) })

	if ctx.Err() != nil {
		return ctx.Err()
	}

	c.log.LogAttrs(ctx, logLevel(err), "pull requests", slog.String("link", args.LinkID),
		slog.String("branch", args.Branch),
		slog.Int("open", listing.open), slog.Duration("duration", time.Since(began)), slog.Any("err", err))
	return c.db.Update(ctx, func(tx *db.Tx) error {
		due, err2 := syncstate.NextListingAt(tx, args.LinkID, args.Branch)
		if err2 != nil {
			return err2
		}

		next := tx.Now.Add(listing.nextInterval(err))
		if due.Before(lease) { // activity meanwhile
			next = tx.Now
		}

		if err := syncstate.ScheduleListing(tx, args.LinkID, args.Branch, next); err != nil {
			return err
		}

		return job.RescheduleAt(tx, next)
	})
}

// configurationsWithComments returns the configurations of a branch that request
// comments.
func configurationsWithComments(tx *db.Tx, args listingArgs) ([]store.TrackedConfiguration, error) {
	all, err := store.ConfigurationsOfBranch(tx, args.LinkID, args.Branch)
	var cfgs []store.TrackedConfiguration
	for _, cfg := range all {
		if cfg.PullRequestComment == lockstep.Enabled {
			cfgs = append(cfgs, cfg)
		}
	}
	return cfgs, err
}

// stopListing closes the pull requests of a branch without configurations that
// request comments. The sweep restarts it when there is one.
func (c *Controller) stopListing(ctx context.Context, job *queue.Job, args listingArgs) error {
	return c.db.Update(ctx, func(tx *db.Tx) error {
		open, err := syncstate.PullRequests(tx, args.LinkID, args.Branch)
		if err != nil {
			return err
		}

		for _, pr := range open {
			if err := c.close(tx, pr); err != nil {
				return err
			}
		}

		if err := syncstate.ScheduleListing(tx, args.LinkID, args.Branch, time.Time{}); err != nil {
			return err
		}

		return job.Complete(tx)
	})
}

// close closes a pull request and abandons its previews.
func (c *Controller) close(tx *db.Tx, pullRequest syncstate.PullRequest) error {
	previews, err := syncstate.PreviewsOf(tx, pullRequest.ID)
	if err != nil {
		return err
	}
	for _, v := range previews {
		if err := c.abandon(tx, v); err != nil {
			return err
		}
	}
	return syncstate.ClosePullRequest(tx, pullRequest.ID)
}

// abandon marks a preview as unwanted, so that its proposed changes are removed.
func (c *Controller) abandon(tx *db.Tx, preview syncstate.Preview) error {
	if err := syncstate.AbandonPreview(tx, preview.ID); err != nil {
		return err
	}
	return c.queue.Wake(tx, previewArgs{preview.ResourceID}, tx.Now)
}

// nextInterval returns the time to the next listing.
func (l *listing) nextInterval(err error) time.Duration {
	interval := idleInterval
	switch {
	case err == nil && l.open > 0:
		interval = openInterval
	case err == nil:
	case worker.IsTransient(err):
		interval = max(openInterval, min(provider.RetryAfter(err), blockedInterval))
	default:
		interval = blockedInterval
	}
	return interval + rand.N(interval/10)
}

// logLevel returns the level of the log line about a unit of work.
func logLevel(err error) slog.Level {
	switch {
	case err == nil, errors.Is(err, provider.ErrUnsupported):
		return slog.LevelDebug
	case lockstep.KindOf(err) == lockstep.Internal:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// commenter opens a link's repository, if its host supports comments on pull
// requests.
func (c *Controller) commenter(
	ctx context.Context,
	linkID string,
) (*repository.Repository, provider.Commenter, error) {
	repo, err := c.repositories.Open(ctx, linkID)
	if err != nil {
		return nil, nil, err
	}

	commenter, err := repository.As[provider.Commenter](repo, "comments on pull requests")
	if err != nil {
		repo.Release()
	}

	return repo, commenter, err
}
