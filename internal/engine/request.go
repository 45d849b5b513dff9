package engine

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// repositoryWork is the wake-up of a branch.
type repositoryWork struct {
	LinkID string `json:"link"`
	Branch string `json:"branch"`
}

// Kind names the job.
func (repositoryWork) Kind() string { return "repository_sync" }

// resourceWork is the wake-up of a resource.
type resourceWork struct {
	ResourceID int64 `json:"resource"`
}

// Kind names the job.
func (resourceWork) Kind() string { return "resource_sync" }

// RequestSync asks for a repository sync of a branch. If one is running, one more
// is queued behind it, which resolves the head when it starts; if one is
// queued already, that will do.
func (e *Engine) RequestSync(tx *db.Tx, linkID, branch string) error {
	if _, err := syncstate.LockBranch(tx, linkID, branch); err != nil {
		return err
	}

	_, queued, err := syncstate.QueuedRepositoryAttempt(tx, linkID, branch)
	if err != nil {
		return err
	}

	if !queued {
		_, running, err := syncstate.RunningRepositoryAttempt(tx, linkID, branch)
		if err != nil {
			return err
		}

		status := lockstep.RepositoryInitiated
		if running {
			status = lockstep.RepositoryQueued
		}

		if _, err := syncstate.InsertRepositoryAttempt(tx, linkID, branch, status); err != nil {
			return err
		}
	}

	return e.queue.Wake(tx, repositoryWork{LinkID: linkID, Branch: branch}, tx.Now)
}

// AttachConfiguration is to be called when a configuration was made or changed, in the
// same transaction: it will be synced, whatever the head is.
func (e *Engine) AttachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	if err := e.take(tx, cfg); err != nil {
		return err
	}
	if err := store.StartPolling(tx, cfg.LinkID, tx.Now.Add(firstPoll)); err != nil {
		return err
	}
	return e.RequestSync(tx, cfg.LinkID, cfg.Branch)
}

// firstPoll is when a link is polled that was not before: the repository sync
// that was requested beside it looks first.
const firstPoll = 5 * time.Second

// take ties a configuration's resource to it, with an empty status if another
// one had it before. A commit that was asked for is held no longer.
func (e *Engine) take(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	s, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return err
	}
	if s.ConfigurationID == cfg.ID {
		return syncstate.PinAtHead(tx, s.ID, "")
	}
	return e.adopt(tx, s, cfg.ID, "The sync configuration was made anew.")
}

// TrackBranch begins to follow a branch whose head was seen to be sha: it is synced
// and looked at from now on.
func (e *Engine) TrackBranch(tx *db.Tx, linkID, branch string, sha lockstep.SHA) error {
	if _, err := syncstate.LockBranch(tx, linkID, branch); err != nil {
		return err
	}
	if err := syncstate.SetBranchHead(tx, linkID, branch, sha); err != nil {
		return err
	}
	if err := store.StartPolling(tx, linkID, tx.Now.Add(firstPoll)); err != nil {
		return err
	}
	return e.RequestSync(tx, linkID, branch)
}

// DetachConfiguration is to be called before a configuration is deleted, in the same
// transaction. An attempt that has not declared what it executes is cancelled;
// one that has is followed to its end. The stack is never touched.
func (e *Engine) DetachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	if err := forgetFound(tx, cfg); err != nil {
		return err
	}
	s, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return err
	}
	if err := e.adopt(tx, s, 0, "The sync configuration was deleted."); err != nil {
		return err
	}
	return e.queue.Wake(tx, resourceWork{ResourceID: s.ID}, tx.Now)
}

func (e *Engine) adopt(tx *db.Tx, s syncstate.ResourceState, configurationID int64, reason string) error {
	if _, err := syncstate.ResolveBlocker(tx, s.ID, reason); err != nil {
		return err
	}
	return syncstate.BindResource(tx, s.ID, configurationID)
}

// Open gives a client for a link's repository. Call release when done with it
// and with every tree it gave.
func (e *Engine) Open(ctx context.Context, linkID string) (c provider.Client, release func(), err error) {
	return e.repositories.open(ctx, linkID)
}

// ResolveHead asks the Git host for the head of a configuration's branch now, and
// requests a repository sync if it is not the one last seen. NotFound where
// the branch is not there.
func (e *Engine) ResolveHead(ctx context.Context, cfg lockstep.SyncConfiguration) (lockstep.SHA, error) {
	client, release, err := e.Open(ctx, cfg.LinkID)
	if err != nil {
		return "", err
	}
	defer release()

	heads, err := client.Heads(ctx, []string{cfg.Branch})
	if err != nil {
		return "", err
	}

	sha, ok := heads[cfg.Branch]
	if !ok {
		return "", noBranch(cfg.Branch, cfg.RepositoryName)
	}

	return sha, e.db.Update(ctx, func(tx *db.Tx) error { return e.RecordHead(tx, cfg.LinkID, cfg.Branch, sha) })
}

// RecordHead records what a branch's head was seen to be and requests a repository
// sync if that is news.
func (e *Engine) RecordHead(tx *db.Tx, linkID, branch string, sha lockstep.SHA) error {
	seen, err := syncstate.LockBranch(tx, linkID, branch)
	if err != nil || seen == sha {
		return err
	}
	if err := syncstate.SetBranchHead(tx, linkID, branch, sha); err != nil {
		return err
	}
	return e.RequestSync(tx, linkID, branch)
}

// RecordMissingBranch records that a branch is there no more and requests a repository
// sync, which fails and says so.
func (e *Engine) RecordMissingBranch(tx *db.Tx, linkID, branch string) error {
	if _, err := syncstate.LockBranch(tx, linkID, branch); err != nil {
		return err
	}
	if err := syncstate.SetBranchHead(tx, linkID, branch, ""); err != nil {
		return err
	}
	return e.RequestSync(tx, linkID, branch)
}

// RecordProbe is to be called when a look at a link's repository failed, or works again
// after that (cause is nil), as the last statement of the transaction that records
// it: the connection may be why.
func (e *Engine) RecordProbe(tx *db.Tx, linkID string, cause error) error {
	if e.onProbe == nil {
		return nil
	}
	return e.onProbe(tx, linkID, cause)
}

// RecordUnreachable makes a FAILED repository sync attempt for a branch that could
// not be looked at, unless one is under way, which will find out for itself.
func (e *Engine) RecordUnreachable(tx *db.Tx, linkID, branch string, cause error) error {
	if _, err := syncstate.LockBranch(tx, linkID, branch); err != nil {
		return err
	}

	_, running, err := syncstate.RunningRepositoryAttempt(tx, linkID, branch)
	if err != nil || running {
		return err
	}

	a, err := syncstate.InsertRepositoryAttempt(tx, linkID, branch, lockstep.RepositoryFailed)
	if err != nil {
		return err
	}

	return syncstate.AddRepositoryEvents(tx, a.ID, cloneStarted, cloneEvent("CLONE_FAILED", "Clone failed. ", cause))
}

func noBranch(branch, repository string) error {
	return lockstep.Errorf(lockstep.NotFound, "Branch %s was not found in repository %s.", branch, repository)
}
