package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

var (
	// ErrNoBlocker is behind the NotFound of a blocker, so that it can be told
	// from that of a configuration.
	ErrNoBlocker = errors.New("no such blocker")
	// ErrNotRetried is behind every error that says why the latest commit cannot
	// be tried again.
	ErrNotRetried = errors.New("not retried")
)

// Retry syncs the head of a configuration's branch now, even if that was tried
// before, and resolves what blocks the resource: asking for it is the word of
// a person that the cause is gone.
func (e *Engine) Retry(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	s, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return err
	}
	if err := unblock(tx, s, "A retry of the latest commit was requested."); err != nil {
		return err
	}
	return e.retryHead(tx, s, cfg)
}

// ResolveBlocker resolves a blocker of a configuration's resource and syncs the head of
// its branch now, as Retry does. A blocker that is resolved already is given as
// it is, and nothing is started: the word it waited for has been spoken. Its
// errors wrap ErrNoBlocker, or ErrNotRetried where the sync could not even begin;
// the blocker then stays active once the transaction is rolled back.
func (e *Engine) ResolveBlocker(tx *db.Tx, cfg lockstep.SyncConfiguration, blockerID, reason string) (lockstep.Blocker, error) {
	s, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return lockstep.Blocker{}, err
	}

	b, err := syncstate.BlockerByID(tx, cfg, blockerID)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return b, lockstep.Wrapf(lockstep.NotFound, ErrNoBlocker, "%s", lockstep.Shown(err))
	}
	if err != nil || b.Status != lockstep.BlockerActive {
		return b, err
	}

	if err := e.retriable(tx, cfg); err != nil {
		return b, err
	}
	if _, err := syncstate.ResolveBlockerByID(tx, s.ID, b.ID, reason); err != nil {
		return b, err
	}
	if err := syncstate.SaveBaseline(tx, s.ID, nil); err != nil {
		return b, err
	}

	if err := e.retryHead(tx, s, cfg); err != nil {
		return b, err
	}

	return syncstate.BlockerByID(tx, cfg, blockerID)
}

// retriable says whether a repository sync of a configuration's branch could
// begin. What only the Git host knows is left to that sync.
func (e *Engine) retriable(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	_, err := e.driver(cfg.SyncType)
	if err == nil {
		_, err = e.repositories.driver(cfg.ProviderType)
	}
	if err == nil {
		_, err = e.repositories.describeIn(tx, cfg.LinkID)
	}
	if err == nil || lockstep.KindOf(err) == lockstep.Internal {
		return err
	}
	return lockstep.Wrapf(lockstep.KindOf(err), errors.Join(ErrNotRetried, err), "%s", lockstep.Shown(err))
}

// retryHead has the head of a configuration's branch synced, whatever it is.
func (e *Engine) retryHead(tx *db.Tx, s syncstate.ResourceState, cfg lockstep.SyncConfiguration) error {
	if err := syncstate.PinAtHead(tx, s.ID, ""); err != nil {
		return err
	}
	if err := store.TouchConfiguration(tx, cfg.ID); err != nil {
		return err
	}
	return e.RequestSync(tx, cfg.LinkID, cfg.Branch)
}

// unblock resolves what blocks a resource, if something does. The target is then
// taken as it is found.
func unblock(tx *db.Tx, s syncstate.ResourceState, reason string) error {
	resolved, err := syncstate.ResolveBlocker(tx, s.ID, reason)
	if err != nil || !resolved {
		return err
	}
	return syncstate.SaveBaseline(tx, s.ID, nil)
}

// asked is a commit that somebody asked for by its id.
type asked struct {
	planned
	sha  lockstep.SHA
	head lockstep.SHA // of the branch, when it was looked at
}

// RetryCommit syncs a commit of a configuration's branch in place of its head, and
// resolves what blocks the resource. The commit stays desired until the branch
// moves on, or the configuration is changed or retried.
//
// It asks the Git host, so it is not to be called within a transaction. Invalid
// where the commit is not on the branch, NotFound where there is no such commit or
// branch, Stale where cfg is not what the database has, Unavailable where the host
// cannot be asked now.
func (e *Engine) RetryCommit(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error {
	if !sha.Valid() {
		return lockstep.Errorf(lockstep.Invalid, "A commit is named by its whole id: 40 hexadecimal digits, none of them a capital.")
	}
	at, err := e.look(ctx, cfg, sha)
	if err != nil {
		return err
	}
	return e.db.Update(ctx, func(tx *db.Tx) error { return e.retryAt(tx, at) })
}

// look finds out whether a commit is on a configuration's branch, and what it
// asks for.
func (e *Engine) look(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) (asked, error) {
	at := asked{sha: sha}
	known := false
	if err := e.db.View(ctx, func(tx *db.Tx) (err error) {
		if at.TrackedConfiguration, err = store.TrackedConfigurationByID(tx, cfg.ID); err != nil {
			return err
		}

		cfg.CreatedAt = at.CreatedAt // the same moment, perhaps in another form
		if at.SyncConfiguration != cfg {
			return changedMeanwhile()
		}

		known, err = syncstate.HasSyncedHead(tx, cfg.LinkID, cfg.Branch, sha)
		return err
	}); err != nil {
		return at, err
	}

	client, release, err := e.Open(ctx, cfg.LinkID)
	if err != nil {
		return at, err
	}
	defer release()

	heads, err := client.Heads(ctx, []string{cfg.Branch})
	if err != nil {
		return at, err
	}
	if at.head = heads[cfg.Branch]; at.head == "" {
		return at, noBranch(cfg.Branch, cfg.RepositoryName)
	}

	if sha != at.head && !known {
		if err := onBranch(ctx, client, cfg, at.head, sha); err != nil {
			return at, err
		}
	}

	files, err := client.Files(ctx, sha)
	if err != nil {
		return at, fmt.Errorf("read commit %s: %w", sha, err)
	}

	at.planned, err = e.planOne(ctx, at.TrackedConfiguration, files)
	return at, err
}

// onBranch is an error unless a commit is among the ancestors of a head. That a
// host gives a commit by its id is no proof: large hosts give those of every fork.
func onBranch(ctx context.Context, client provider.Client, cfg lockstep.SyncConfiguration, head, sha lockstep.SHA) error {
	historian, ok := client.(provider.Historian)
	if !ok {
		return lockstep.Errorf(lockstep.Invalid, "Whether commit %s is on branch %s cannot be told: this kind of Git host gives no history.", sha, cfg.Branch)
	}

	contains, err := historian.Contains(ctx, head, sha, historyDepth)
	if err != nil || contains {
		return err
	}
	if _, err := client.Files(ctx, sha); lockstep.KindOf(err) == lockstep.NotFound {
		return lockstep.Wrapf(lockstep.NotFound, err, "Commit %s was not found in repository %s.", sha, cfg.RepositoryName)
	}

	return lockstep.Errorf(lockstep.Invalid, "Commit %s is not on branch %s, or not among its last %d commits.", sha, cfg.Branch, historyDepth)
}

// retryAt makes a commit what the resource should be. A repository sync that is
// under way knows nothing of that: it finds the configuration touched and leaves
// it to the one that is requested here, which finds the head held.
func (e *Engine) retryAt(tx *db.Tx, at asked) error {
	s, err := syncstate.LockResourceByName(tx, at.Resource())
	if err != nil {
		return err
	}

	same, err := store.SetObservedVersion(tx, at.TrackedConfiguration)
	if err != nil {
		return err
	}
	if !same {
		return changedMeanwhile()
	}

	if err := store.TouchConfiguration(tx, at.ID); err != nil {
		return err
	}
	if err := unblock(tx, s, fmt.Sprintf("A sync of commit %s was requested.", at.sha)); err != nil {
		return err
	}

	var n news
	if err := e.desire(tx, &n, s, at.planned, at.sha); err != nil {
		return err
	}
	if err := syncstate.PinAtHead(tx, s.ID, at.head); err != nil {
		return err
	}

	if _, err := syncstate.LockBranch(tx, at.LinkID, at.Branch); err != nil {
		return err
	}
	if err := syncstate.SetBranchHead(tx, at.LinkID, at.Branch, at.head); err != nil {
		return err
	}
	if err := e.RequestSync(tx, at.LinkID, at.Branch); err != nil {
		return err
	}

	return e.spread(tx, n)
}

func changedMeanwhile() error {
	return lockstep.Errorf(lockstep.Stale, "The sync configuration was changed meanwhile.")
}
