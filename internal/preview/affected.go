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
type listing struct {
	*Controller
	pullRequestsWork
	configurations []store.TrackedConfiguration
	repository     *repository.Repository
	base           lockstep.SHA // head of the branch
	baseFiles      lockstep.Tree
	baseInputs     map[int64]target.Inputs // of base, by configuration; read when first needed
	open           int                     // pull requests that are previewed
}

// reconcile lists what is open, has it previewed, and forgets what is not.
func (l *listing) reconcile(ctx context.Context) error {
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

	listed = l.previewable(ctx, listed)
	l.open = len(listed)
	if err := l.closeUnlisted(ctx, listed); err != nil || len(listed) == 0 {
		return err
	}

	if l.base, err = repo.Head(ctx, l.Branch); err != nil {
		return err
	}

	for _, pr := range listed {
		if err := l.reconcilePullRequest(ctx, pr); err != nil {
			return err
		}
	}

	return nil
}

// previewable leaves out what is not previewed.
func (l *listing) previewable(ctx context.Context, listed []provider.PullRequest) []provider.PullRequest {
	var list []provider.PullRequest
	seen := map[int64]bool{}
	for _, pullRequest := range listed {
		switch {
		case !pullRequest.Head.Valid() || seen[pullRequest.Number] || len(list) == maxPullRequests:
		case pullRequest.Fork && !l.forks:
			l.log.LogAttrs(ctx, slog.LevelDebug, "a pull request from a fork is not previewed", slog.String("link", l.LinkID), slog.Int64("number", pullRequest.Number))
		default:
			list = append(list, pullRequest)
		}

		seen[pullRequest.Number] = true
	}

	return list
}

// closeUnlisted closes the pull requests that are not listed any more.
func (l *listing) closeUnlisted(ctx context.Context, listed []provider.PullRequest) error {
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

// reconcilePullRequest decides which configurations a pull request concerns, unless that
// was decided by the same already.
func (l *listing) reconcilePullRequest(ctx context.Context, pullRequest provider.PullRequest) error {
	row := syncstate.PullRequest{LinkID: l.LinkID, Branch: l.Branch, Number: pullRequest.Number, Head: pullRequest.Head}
	var err error
	if row.Document, err = json.Marshal(pullRequest); err != nil {
		return err
	}

	var seen string
	same := false
	err = l.db.View(ctx, func(tx *db.Tx) error {
		if seen, err = l.stateHash(tx, pullRequest); err != nil {
			return err
		}

		known, err := syncstate.PullRequests(tx, l.LinkID, l.Branch)
		same = slices.ContainsFunc(known, func(k syncstate.PullRequest) bool { return k.Number == pullRequest.Number && k.Fingerprint == seen })
		return err
	})
	if err != nil || same {
		return err
	}

	files, err := l.repository.Tree(ctx, pullRequest.Head)
	if lockstep.KindOf(err) == lockstep.NotFound {
		l.log.LogAttrs(ctx, slog.LevelDebug, "the head of a pull request is gone", slog.String("link", l.LinkID), slog.Int64("number", pullRequest.Number))
		return nil
	}

	if err != nil {
		return err
	}
	if err := l.db.Update(ctx, func(tx *db.Tx) error { return syncstate.SavePullRequest(tx, &row) }); err != nil {
		return err
	}

	for _, cfg := range l.configurations {
		if err := l.reconcilePreview(ctx, cfg, pullRequest, row, files); err != nil {
			return err
		}
	}

	row.Fingerprint = seen
	return l.db.Update(ctx, func(tx *db.Tx) error {
		if err := l.abandonUnwanted(tx, row.ID); err != nil {
			return err
		}
		if err := syncstate.SavePullRequest(tx, &row); err != nil {
			return err
		}

		return l.requestComment(tx, row.ID)
	})
}

// abandonUnwanted abandons the previews of configurations that do not ask for comments any
// more.
func (l *listing) abandonUnwanted(tx *db.Tx, pullRequestID int64) error {
	previews, err := syncstate.PreviewsOf(tx, pullRequestID)
	if err != nil {
		return err
	}

	for _, preview := range previews {
		if slices.ContainsFunc(l.configurations, func(cfg store.TrackedConfiguration) bool { return cfg.ID == preview.ConfigurationID }) {
			continue
		}
		if err := l.abandon(tx, preview); err != nil {
			return err
		}
	}

	return nil
}

// stateHash is equal for two looks at a pull request that would decide the same.
func (l *listing) stateHash(tx *db.Tx, pr provider.PullRequest) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, pr.Head, l.base, pr.Fork)
	for _, cfg := range l.configurations {
		state, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return "", err
		}
		fmt.Fprintln(hash, cfg.ID, cfg.Version, state.ConfigurationID, state.AttemptedSeq)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// reconcilePreview has one configuration previewed if the head asks something else of it
// than the branch's head does.
func (l *listing) reconcilePreview(ctx context.Context, cfg store.TrackedConfiguration, pullRequest provider.PullRequest, row syncstate.PullRequest, files lockstep.Tree) error {
	before, err := l.inputsAtBase(ctx, cfg)
	if err != nil {
		return err
	}

	preview := syncstate.Preview{PullRequestID: row.ID, ConfigurationID: cfg.ID, Configuration: cfg.SyncConfiguration, Head: pullRequest.Head}
	if pullRequest.Fork {
		preview.Base = l.base
		files = repository.Overlay(files, l.baseFiles, cfg.ConfigFile)
	}

	after, err := l.engine.ReadInputs(ctx, cfg.SyncConfiguration, files)
	if err != nil {
		return err
	}

	preview.Fingerprint = fingerprint(cfg.SyncConfiguration, preview.Base != "", before, after)
	return l.db.Update(ctx, func(tx *db.Tx) error {
		state, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}

		preview.ResourceID, preview.AttemptedSeq = state.ID, state.AttemptedSeq
		return l.replacePreview(tx, preview, state.ConfigurationID == cfg.ID && !maps.Equal(before, after))
	})
}

// replacePreview makes a preview the one of its pull request and configuration, if one is
// wanted and there is none of the same.
func (l *listing) replacePreview(tx *db.Tx, preview syncstate.Preview, wanted bool) error {
	previews, err := syncstate.PreviewsOf(tx, preview.PullRequestID)
	if err != nil {
		return err
	}

	for _, old := range previews {
		if old.ConfigurationID != preview.ConfigurationID {
			continue
		}

		current := old.Fingerprint == preview.Fingerprint && old.AttemptedSeq == preview.AttemptedSeq &&
			(old.Head == preview.Head || old.State != syncstate.PreviewPlanning)
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
	if err := syncstate.InsertPreview(tx, preview); err != nil {
		return err
	}

	return l.queue.Wake(tx, previewWork{preview.ResourceID}, tx.Now)
}

// inputsAtBase gives what the branch's head asks of a configuration.
func (l *listing) inputsAtBase(ctx context.Context, cfg store.TrackedConfiguration) (target.Inputs, error) {
	if known, ok := l.baseInputs[cfg.ID]; ok {
		return known, nil
	}

	if l.baseFiles == nil {
		files, err := l.repository.Tree(ctx, l.base)
		if err != nil {
			return nil, err
		}

		l.baseFiles, l.baseInputs = files, map[int64]target.Inputs{}
	}

	inputs, err := l.engine.ReadInputs(ctx, cfg.SyncConfiguration, l.baseFiles)
	if err == nil {
		l.baseInputs[cfg.ID] = inputs
	}

	return inputs, err
}

// fingerprint is equal for two previews that would say the same, as far as files
// go.
func fingerprint(cfg lockstep.SyncConfiguration, fork bool, before, after target.Inputs) string {
	return fmt.Sprintf("%s %s fork=%t", engine.Fingerprint(cfg, before), engine.Fingerprint(cfg, after), fork)
}
