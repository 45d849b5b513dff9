package preview

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// A look is one listing of the pull requests into a branch.
type look struct {
	*Controller
	pullRequestsWork
	cfgs       []store.TrackedConfiguration
	repository *repository.Repository
	base       lockstep.SHA // head of the branch
	files      lockstep.Tree
	asked      map[int64]target.Inputs // of base, by configuration; read when first needed
	open       int                     // pull requests that are previewed
}

// run lists what is open, has it previewed, and forgets what is not.
func (l *look) run(ctx context.Context) error {
	repo, commenter, err := l.commenter(ctx, l.LinkID)
	if err != nil {
		return err
	}
	defer repo.Release()

	l.repository = repo
	listed, err := commenter.PullRequests(ctx, l.Branch)
	if err != nil {
		return err
	}

	listed = l.admitted(ctx, listed)
	l.open = len(listed)
	if err := l.forget(ctx, listed); err != nil || len(listed) == 0 {
		return err
	}

	if l.base, err = repo.Head(ctx, l.Branch); err != nil {
		return err
	}

	for _, pr := range listed {
		if err := l.consider(ctx, pr); err != nil {
			return err
		}
	}

	return nil
}

// admitted leaves out what is not previewed.
func (l *look) admitted(ctx context.Context, listed []provider.PullRequest) []provider.PullRequest {
	var list []provider.PullRequest
	seen := map[int64]bool{}
	for _, pr := range listed {
		switch {
		case !pr.Head.Valid() || seen[pr.Number] || len(list) == maxPullRequests:
		case pr.Fork && !l.forks:
			l.log.LogAttrs(ctx, slog.LevelDebug, "a pull request from a fork is not previewed", slog.String("link", l.LinkID), slog.Int64("number", pr.Number))
		default:
			list = append(list, pr)
		}

		seen[pr.Number] = true
	}

	return list
}

// forget closes the pull requests that are not listed any more.
func (l *look) forget(ctx context.Context, listed []provider.PullRequest) error {
	return l.db.Update(ctx, func(tx *db.Tx) error {
		known, err := syncstate.PullRequests(tx, l.LinkID, l.Branch)
		if err != nil {
			return err
		}

		for _, k := range known {
			if !slices.ContainsFunc(listed, func(pr provider.PullRequest) bool { return pr.Number == k.Number }) {
				if err := l.close(tx, k); err != nil {
					return err
				}
			}
		}

		return nil
	})
}

// consider decides which configurations a pull request concerns, unless that
// was decided by the same already.
func (l *look) consider(ctx context.Context, pr provider.PullRequest) error {
	row := syncstate.PullRequest{LinkID: l.LinkID, Branch: l.Branch, Number: pr.Number, Head: pr.Head}
	var err error
	if row.Document, err = json.Marshal(pr); err != nil {
		return err
	}

	var seen string
	same := false
	err = l.db.View(ctx, func(tx *db.Tx) error {
		if seen, err = l.seen(tx, pr); err != nil {
			return err
		}

		known, err := syncstate.PullRequests(tx, l.LinkID, l.Branch)
		same = slices.ContainsFunc(known, func(k syncstate.PullRequest) bool { return k.Number == pr.Number && k.Fingerprint == seen })
		return err
	})
	if err != nil || same {
		return err
	}

	files, err := l.repository.Tree(ctx, pr.Head)
	if lockstep.KindOf(err) == lockstep.NotFound {
		l.log.LogAttrs(ctx, slog.LevelDebug, "the head of a pull request is gone", slog.String("link", l.LinkID), slog.Int64("number", pr.Number))
		return nil
	}

	if err != nil {
		return err
	}
	if err := l.db.Update(ctx, func(tx *db.Tx) error { return syncstate.SavePullRequest(tx, &row) }); err != nil {
		return err
	}

	for _, cfg := range l.cfgs {
		if err := l.compare(ctx, cfg, pr, row, files); err != nil {
			return err
		}
	}

	row.Fingerprint = seen
	return l.db.Update(ctx, func(tx *db.Tx) error {
		if err := l.drop(tx, row.ID); err != nil {
			return err
		}
		if err := syncstate.SavePullRequest(tx, &row); err != nil {
			return err
		}

		return l.due(tx, row.ID)
	})
}

// drop abandons the previews of configurations that do not ask for comments any
// more.
func (l *look) drop(tx *db.Tx, pullRequestID int64) error {
	previews, err := syncstate.PreviewsOf(tx, pullRequestID)
	if err != nil {
		return err
	}

	for _, v := range previews {
		if slices.ContainsFunc(l.cfgs, func(cfg store.TrackedConfiguration) bool { return cfg.ID == v.ConfigurationID }) {
			continue
		}
		if err := l.abandon(tx, v); err != nil {
			return err
		}
	}

	return nil
}

// seen is equal for two looks at a pull request that would decide the same.
func (l *look) seen(tx *db.Tx, pr provider.PullRequest) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, pr.Head, l.base, pr.Fork)
	for _, cfg := range l.cfgs {
		s, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return "", err
		}
		fmt.Fprintln(h, cfg.ID, cfg.Version, s.ConfigurationID, s.AttemptedSeq)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// compare has one configuration previewed if the head asks something else of it
// than the branch's head does.
func (l *look) compare(ctx context.Context, cfg store.TrackedConfiguration, pr provider.PullRequest, row syncstate.PullRequest, files lockstep.Tree) error {
	before, err := l.ofBase(ctx, cfg)
	if err != nil {
		return err
	}

	v := syncstate.Preview{PullRequestID: row.ID, ConfigurationID: cfg.ID, Configuration: cfg.SyncConfiguration, Head: pr.Head}
	if pr.Fork {
		v.Base = l.base
		files = repository.Overlay(files, l.files, cfg.ConfigFile)
	}

	after, err := l.engine.ReadInputs(ctx, cfg.SyncConfiguration, files)
	if err != nil {
		return err
	}

	v.Fingerprint = fingerprint(cfg.SyncConfiguration, v.Base != "", before, after)
	return l.db.Update(ctx, func(tx *db.Tx) error {
		s, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}

		v.ResourceID, v.AttemptedSeq = s.ID, s.AttemptedSeq
		return l.settle(tx, v, s.ConfigurationID == cfg.ID && !maps.Equal(before, after))
	})
}

// settle makes a preview the one of its pull request and configuration, if one is
// wanted and there is none of the same.
func (l *look) settle(tx *db.Tx, v syncstate.Preview, wanted bool) error {
	previews, err := syncstate.PreviewsOf(tx, v.PullRequestID)
	if err != nil {
		return err
	}

	for _, old := range previews {
		if old.ConfigurationID != v.ConfigurationID {
			continue
		}

		current := old.Fingerprint == v.Fingerprint && old.AttemptedSeq == v.AttemptedSeq &&
			(old.Head == v.Head || old.State != syncstate.PreviewPlanning)
		if wanted && current {
			return nil
		}
		if err := l.abandon(tx, old); err != nil {
			return err
		}
	}

	if !wanted {
		return nil
	}
	if err := syncstate.InsertPreview(tx, v); err != nil {
		return err
	}

	return l.queue.Wake(tx, previewWork{v.ResourceID}, tx.Now)
}

// ofBase gives what the branch's head asks of a configuration.
func (l *look) ofBase(ctx context.Context, cfg store.TrackedConfiguration) (target.Inputs, error) {
	if known, ok := l.asked[cfg.ID]; ok {
		return known, nil
	}

	if l.files == nil {
		files, err := l.repository.Tree(ctx, l.base)
		if err != nil {
			return nil, err
		}

		l.files, l.asked = files, map[int64]target.Inputs{}
	}

	inputs, err := l.engine.ReadInputs(ctx, cfg.SyncConfiguration, l.files)
	if err == nil {
		l.asked[cfg.ID] = inputs
	}

	return inputs, err
}

// fingerprint is equal for two previews that would say the same, as far as files
// go.
func fingerprint(cfg lockstep.SyncConfiguration, fork bool, before, after target.Inputs) string {
	return fmt.Sprintf("%s %s fork=%t", engine.Fingerprint(cfg, before), engine.Fingerprint(cfg, after), fork)
}
