package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

var (
	// ErrNoBlocker is wrapped by the NotFound error of a blocker, which distinguishes
	// it from that of a configuration.
	ErrNoBlocker = errors.New("no such blocker")
	// ErrNotRetried is wrapped by the errors that say why the latest commit cannot be
	// retried.
	ErrNotRetried = errors.New("not retried")
)

// Retry syncs the head of a configuration's branch, even if it was attempted before,
// and resolves the blocker of the resource: a request to retry says that its cause is
// gone.
func (e *Engine) Retry(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	resource, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return err
	}
	if err := resolveActiveBlocker(tx, resource, "A retry of the latest commit was requested."); err != nil {
		return err
	}
	return e.requestHead(tx, resource, cfg)
}

// ResolveBlocker resolves a blocker of a configuration's resource and syncs the head of
// its branch, as Retry does. A blocker that is already resolved is returned as it is, and
// nothing is synced.
//
// Errors wrap ErrNoBlocker, or ErrNotRetried if the sync could not start. The caller
// must then roll the transaction back, so that the blocker stays active.
func (e *Engine) ResolveBlocker(
	tx *db.Tx, cfg lockstep.SyncConfiguration, blockerID, reason string,
) (lockstep.Blocker, error) {
	resource, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return lockstep.Blocker{}, err
	}

	blocker, err := syncstate.BlockerByID(tx, cfg, blockerID)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return blocker, lockstep.Wrapf(lockstep.NotFound, ErrNoBlocker, "%s", lockstep.Shown(err))
	}
	if err != nil || blocker.Status != lockstep.BlockerActive {
		return blocker, err
	}

	if err := e.checkRetry(tx, cfg); err != nil {
		return blocker, err
	}
	if _, err := syncstate.ResolveBlockerByID(tx, resource.ID, blocker.ID, reason); err != nil {
		return blocker, err
	}
	if err := syncstate.SaveBaseline(tx, resource.ID, nil); err != nil {
		return blocker, err
	}
	if err := e.requestHead(tx, resource, cfg); err != nil {
		return blocker, err
	}

	return syncstate.BlockerByID(tx, cfg, blockerID)
}

// checkRetry returns an error if a repository sync of a configuration's branch could
// not start. It does not call the Git host.
func (e *Engine) checkRetry(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	_, err := e.TargetDriver(cfg.SyncType)
	if err == nil {
		err = e.repositories.Check(tx, cfg.LinkID)
	}
	if err == nil || lockstep.KindOf(err) == lockstep.Internal {
		return err
	}
	return lockstep.Wrapf(lockstep.KindOf(err), errors.Join(ErrNotRetried, err), "%s", lockstep.Shown(err))
}

// requestHead requests a sync of the head of a configuration's branch, whatever it is.
func (e *Engine) requestHead(tx *db.Tx, resource syncstate.ResourceState, cfg lockstep.SyncConfiguration) error {
	if err := syncstate.PinAtHead(tx, resource.ID, ""); err != nil {
		return err
	}
	if err := store.TouchConfiguration(tx, cfg.ID); err != nil {
		return err
	}
	return e.RequestSync(tx, cfg.LinkID, cfg.Branch)
}

// resolveActiveBlocker resolves the blocker of a resource, if there is one. The next
// attempt then accepts the stack as it is.
func resolveActiveBlocker(tx *db.Tx, resource syncstate.ResourceState, reason string) error {
	resolved, err := syncstate.ResolveBlocker(tx, resource.ID, reason)
	if err != nil || !resolved {
		return err
	}
	return syncstate.SaveBaseline(tx, resource.ID, nil)
}

// A requestedCommit is a commit that was requested by its id.
type requestedCommit struct {
	configurationInputs
	sha  lockstep.SHA
	head lockstep.SHA // of the branch, when the commit was read
}

// RetryCommit syncs a commit of a configuration's branch in place of its head, and
// resolves the blocker of the resource. The commit stays desired, whatever is pushed,
// until the configuration is changed or retried, or another commit is requested. The
// head that is requested by its id is no exception from later heads.
//
// RetryCommit calls the Git host and must not be called within a transaction. The error
// is Invalid if the commit is not on the branch, NotFound if the commit or the branch
// does not exist, Stale if the configuration has changed since cfg was read, and
// Unavailable if the host cannot be reached.
func (e *Engine) RetryCommit(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error {
	if !sha.Valid() {
		return lockstep.Errorf(lockstep.Invalid,
			"%q is not a commit id: give all 40 hexadecimal digits, in lower case.", string(sha))
	}

	commit, err := e.readCommit(ctx, cfg, sha)
	if err != nil {
		return err
	}

	return e.db.Update(ctx, func(tx *db.Tx) error { return e.setRequestedCommit(tx, commit) })
}

// readCommit checks that a commit is on a configuration's branch, and reads its inputs.
func (e *Engine) readCommit(
	ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA,
) (commit requestedCommit, err error) {
	commit.sha = sha
	wasHead := false
	err = e.db.View(ctx, func(tx *db.Tx) error {
		if commit.TrackedConfiguration, err = store.TrackedConfigurationByID(tx, cfg.ID); err != nil {
			return err
		}

		cfg.CreatedAt = commit.CreatedAt // the same time may have another form
		if commit.SyncConfiguration != cfg {
			return errConfigurationChanged()
		}

		wasHead, err = syncstate.HasSyncedHead(tx, cfg.LinkID, cfg.Branch, sha)
		return err
	})
	if err != nil {
		return commit, err
	}

	repo, err := e.repositories.Open(ctx, cfg.LinkID)
	if err != nil {
		return commit, err
	}
	defer repo.Release()

	if commit.head, err = repo.Head(ctx, cfg.Branch); err != nil {
		return commit, err
	}
	if sha != commit.head && !wasHead {
		if err := checkOnBranch(ctx, repo, cfg.Branch, commit.head, sha); err != nil {
			return commit, err
		}
	}

	files, err := repo.Tree(ctx, sha)
	if err != nil {
		return commit, err
	}

	inputs, err := e.ReadInputs(ctx, cfg, files)
	commit.fingerprint = Fingerprint(cfg, inputs)
	return commit, err
}

// checkOnBranch returns an error unless a commit is an ancestor of the branch's head.
// That the host has the commit is no proof: large hosts return those of every fork.
func checkOnBranch(ctx context.Context, repo *repository.Repository, branch string, head, sha lockstep.SHA) error {
	history, ok := repo.Client.(provider.HistoryReader)
	if !ok {
		return lockstep.Errorf(lockstep.Invalid,
			"It is not known whether commit %s is on branch %s: this kind of Git host has no API for history.",
			sha, branch)
	}

	contains, err := history.Contains(ctx, head, sha, historyDepth)
	if err != nil || contains {
		return err
	}
	if _, err := repo.Client.Files(ctx, sha); lockstep.KindOf(err) == lockstep.NotFound {
		return lockstep.Wrapf(lockstep.NotFound, err, "Commit %s was not found in repository %s.", sha,
			repo.Link.Path())
	}

	return lockstep.Errorf(lockstep.Invalid,
		"Commit %s is not on branch %s, or not among its last %d commits.", sha, branch, historyDepth)
}

// setRequestedCommit makes a commit the desired revision. A repository sync that is
// running skips the configuration, because it is touched here; the one that is requested
// here finds the resource pinned at the head.
func (e *Engine) setRequestedCommit(tx *db.Tx, commit requestedCommit) error {
	resource, err := syncstate.LockResourceByName(tx, commit.Resource())
	if err != nil {
		return err
	}

	unchanged, err := store.SetObservedVersion(tx, commit.TrackedConfiguration)
	if err != nil {
		return err
	}
	if !unchanged {
		return errConfigurationChanged()
	}

	if err := store.TouchConfiguration(tx, commit.ID); err != nil {
		return err
	}
	reason := fmt.Sprintf("A sync of commit %s was requested.", commit.sha)
	if err := resolveActiveBlocker(tx, resource, reason); err != nil {
		return err
	}

	var changes commitstatus.Changes
	if err := e.setDesired(tx, &changes, resource, commit.configurationInputs, commit.sha); err != nil {
		return err
	}
	if err := syncstate.PinAtHead(tx, resource.ID, commit.head); err != nil {
		return err
	}

	if _, err := syncstate.LockBranch(tx, commit.LinkID, commit.Branch); err != nil {
		return err
	}
	if err := syncstate.SetBranchHead(tx, commit.LinkID, commit.Branch, commit.head); err != nil {
		return err
	}
	if err := e.RequestSync(tx, commit.LinkID, commit.Branch); err != nil {
		return err
	}

	return e.reporter.Enqueue(tx, changes)
}

func errConfigurationChanged() error {
	return lockstep.Errorf(lockstep.Stale, "The sync configuration was changed meanwhile.")
}
