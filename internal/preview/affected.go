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

// A listing reconciles the previews of the pull requests into one branch.
type listing struct {
	*Controller
	listingArgs
	configurations []store.TrackedConfiguration
	repository     *repository.Repository
	base           lockstep.SHA // the branch's head
	baseFiles      lockstep.Tree
	baseInputs     map[int64]target.Inputs // by configuration; read when first needed
	open           int                     // previewed pull requests
}

// reconcile lists the open pull requests, creates their previews, and closes those
// that are no longer open.
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

// previewable returns the pull requests that are previewed.
func (l *listing) previewable(ctx context.Context, listed []provider.PullRequest) []provider.PullRequest {
	var list []provider.PullRequest
	seen := map[int64]bool{}
	for _, pullRequest := range listed {
		switch {
		case !pullRequest.Head.Valid() || seen[pullRequest.Number] || len(list) == maxPullRequests:
		case pullRequest.Fork && !l.forks:
			l.log.LogAttrs(ctx, slog.LevelDebug, "pull request from fork ignored", slog.String("link", l.LinkID),
				slog.Int64("number", pullRequest.Number))
		default:
			list = append(list, pullRequest)
		}

		seen[pullRequest.Number] = true
	}

	return list
}

// closeUnlisted closes the pull requests that are no longer listed.
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

// reconcilePullRequest determines which configurations a pull request affects,
// unless that was done with the same inputs.
func (l *listing) reconcilePullRequest(ctx context.Context, pullRequest provider.PullRequest) error {
	row := syncstate.PullRequest{
		LinkID: l.LinkID,
		Branch: l.Branch,
		Number: pullRequest.Number,
		Head:   pullRequest.Head,
	}
	var err error
	if row.Document, err = json.Marshal(pullRequest); err != nil {
		return err
	}

	var fingerprint string
	isUnchanged := false
	err = l.db.View(ctx, func(tx *db.Tx) error {
		if fingerprint, err = l.fingerprint(tx, pullRequest); err != nil {
			return err
		}

		known, err := syncstate.PullRequests(tx, l.LinkID, l.Branch)
		isUnchanged = slices.ContainsFunc(known, func(stored syncstate.PullRequest) bool {
			return stored.Number == pullRequest.Number && stored.Fingerprint == fingerprint
		})
		return err
	})
	if err != nil || isUnchanged {
		return err
	}

	files, err := l.repository.Tree(ctx, pullRequest.Head)
	if lockstep.KindOf(err) == lockstep.NotFound {
		l.log.LogAttrs(ctx, slog.LevelDebug, "head of pull request not found", slog.String("link", l.LinkID),
			slog.Int64("number", pullRequest.Number))
		return nil
	}

	if err != nil {
		return err
	}
	err = l.db.Update(ctx, func(tx *db.Tx) error { return syncstate.SavePullRequest(tx, &row) })
	if err != nil {
		return err
	}

	for _, cfg := range l.configurations {
		if err := l.reconcilePreview(ctx, cfg, pullRequest, row, files); err != nil {
			return err
		}
	}

	row.Fingerprint = fingerprint
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

// abandonUnwanted abandons the previews of configurations that no longer request
// comments.
func (l *listing) abandonUnwanted(tx *db.Tx, pullRequestID int64) error {
	previews, err := syncstate.PreviewsOf(tx, pullRequestID)
	if err != nil {
		return err
	}

	for _, preview := range previews {
		isTracked := slices.ContainsFunc(l.configurations, func(cfg store.TrackedConfiguration) bool {
			return cfg.ID == preview.ConfigurationID
		})
		if isTracked {
			continue
		}
		if err := l.abandon(tx, preview); err != nil {
			return err
		}
	}

	return nil
}

// fingerprint returns a hash of everything that the result of reconcilePullRequest
// depends on.
func (l *listing) fingerprint(tx *db.Tx, pullRequest provider.PullRequest) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, pullRequest.Head, l.base, pullRequest.Fork)
	for _, cfg := range l.configurations {
		state, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return "", err
		}
		fmt.Fprintln(hash, cfg.ID, cfg.Version, state.ConfigurationID, state.AttemptedSeq)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// reconcilePreview creates a preview of one configuration if its inputs at the pull
// request's head differ from those at the branch's head.
func (l *listing) reconcilePreview(
	ctx context.Context,
	cfg store.TrackedConfiguration,
	pullRequest provider.PullRequest,
	row syncstate.PullRequest,
	files lockstep.Tree,
) error {
	before, err := l.inputsAtBase(ctx, cfg)
	if err != nil {
		return err
	}

	preview := syncstate.Preview{
		PullRequestID:   row.ID,
		ConfigurationID: cfg.ID,
		Configuration:   cfg.SyncConfiguration,
		Head:            pullRequest.Head,
	}
	if pullRequest.Fork {
		preview.Base = l.base
		files = repository.Overlay(files, l.baseFiles, cfg.ConfigFile)
	}

	after, err := l.engine.ReadInputs(ctx, cfg.SyncConfiguration, files)
	if err != nil {
		return err
	}

	preview.Fingerprint = previewFingerprint(cfg.SyncConfiguration, preview.Base != "", before, after)
	return l.db.Update(ctx, func(tx *db.Tx) error {
		state, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}

		preview.ResourceID, preview.AttemptedSeq = state.ID, state.AttemptedSeq
		return l.replacePreview(tx, preview, state.ConfigurationID == cfg.ID && !maps.Equal(before, after))
	})
}

// replacePreview replaces the preview of a pull request and configuration, if one
// is wanted and the existing one is outdated.
func (l *listing) replacePreview(tx *db.Tx, preview syncstate.Preview, wanted bool) error {
	previews, err := syncstate.PreviewsOf(tx, preview.PullRequestID)
	if err != nil {
		return err
	}

	for _, old := range previews {
		if old.ConfigurationID != preview.ConfigurationID {
			continue
		}

		isCurrent := old.Fingerprint == preview.Fingerprint && old.AttemptedSeq == preview.AttemptedSeq &&
			(old.Head == preview.Head || old.State != syncstate.PreviewPlanning)
		if wanted && isCurrent {
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

	return l.queue.Wake(tx, previewArgs{preview.ResourceID}, tx.Now)
}

// inputsAtBase returns the inputs of a configuration at the branch's head.
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

// previewFingerprint returns a hash of the files and settings that a preview depends on.
func previewFingerprint(cfg lockstep.SyncConfiguration, fork bool, before, after target.Inputs) string {
	return fmt.Sprintf("%s %s fork=%t", engine.Fingerprint(cfg, before), engine.Fingerprint(cfg, after), fork)
}
