package engine

import (
	"context"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// firstPollDelay is when a link is polled for the first time. The repository sync
// that is requested with it reads the repository at once.
const firstPollDelay = 5 * time.Second

// RequestSync requests a repository sync of a branch. If one is running, another is
// queued behind it, which resolves the head when it starts. If one is queued already,
// RequestSync only wakes its worker.
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

	return e.queue.Wake(tx, repositoryJob{LinkID: linkID, Branch: branch}, tx.Now)
}

// AttachConfiguration binds the resource of a configuration that was created or
// changed in the same transaction, and requests a sync of it, whatever the head is.
func (e *Engine) AttachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	if err := includeInDiscovery(tx, cfg); err != nil {
		return err
	}
	if err := e.bindResource(tx, cfg); err != nil {
		return err
	}
	if err := store.StartPolling(tx, cfg.LinkID, tx.Now.Add(firstPollDelay)); err != nil {
		return err
	}
	return e.RequestSync(tx, cfg.LinkID, cfg.Branch)
}

// bindResource binds a configuration's resource to it. A resource of another
// configuration starts with an empty status. A commit that was requested by its id is
// no longer kept.
func (e *Engine) bindResource(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	resource, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return err
	}
	if resource.ConfigurationID == cfg.ID {
		return syncstate.PinAtHead(tx, resource.ID, "")
	}
	return rebindResource(tx, resource, cfg.ID, "The sync configuration was created again.")
}

// DetachConfiguration unbinds the resource of a configuration that the same
// transaction deletes afterwards. A running attempt is cancelled unless it has
// committed its intent to execute; then it is followed to its end. The stack is never
// touched.
func (e *Engine) DetachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error {
	if err := excludeFromDiscovery(tx, cfg); err != nil {
		return err
	}

	resource, err := syncstate.LockResourceByName(tx, cfg.Resource())
	if err != nil {
		return err
	}
	if err := rebindResource(tx, resource, 0, "The sync configuration was deleted."); err != nil {
		return err
	}

	return e.queue.Wake(tx, resourceJob{ResourceID: resource.ID}, tx.Now)
}

func rebindResource(tx *db.Tx, resource syncstate.ResourceState, configurationID int64, reason string) error {
	if _, err := syncstate.ResolveBlocker(tx, resource.ID, reason); err != nil {
		return err
	}
	return syncstate.BindResource(tx, resource.ID, configurationID)
}

// Probe reads the heads of a link's tracked branches and records them, as the poller
// does. It returns the branches that have never had a commit.
func (e *Engine) Probe(ctx context.Context, linkID string) (unborn []string, err error) {
	var branches []string
	err = e.db.View(ctx, func(tx *db.Tx) (err error) {
		branches, err = store.TrackedBranches(tx, linkID)
		return err
	})
	if err != nil || len(branches) == 0 {
		return nil, err
	}

	repo, err := e.repositories.Open(ctx, linkID)
	if err != nil {
		return nil, err
	}
	defer repo.Release()

	heads, err := repo.Client.Heads(ctx, branches)
	if err != nil {
		return nil, err
	}

	err = e.db.Update(ctx, func(tx *db.Tx) error {
		known, err := syncstate.PolledHeads(tx, linkID)
		if err != nil {
			return err
		}

		unborn = nil
		for _, branch := range branches {
			if heads[branch] == "" && known[branch] == "" {
				unborn = append(unborn, branch)
				continue
			}
			if err := e.RecordHead(tx, linkID, branch, heads[branch]); err != nil {
				return err
			}
		}

		return nil
	})

	return unborn, err
}

// ResolveHead reads the head of a configuration's branch from the Git host, and
// requests a repository sync if it has changed. If the branch does not exist, the error
// is NotFound.
func (e *Engine) ResolveHead(ctx context.Context, cfg lockstep.SyncConfiguration) (lockstep.SHA, error) {
	sha, err := e.repositories.ReadHead(ctx, cfg.LinkID, cfg.Branch)
	if err != nil {
		return "", err
	}
	return sha, e.db.Update(ctx, func(tx *db.Tx) error { return e.RecordHead(tx, cfg.LinkID, cfg.Branch, sha) })
}

// RecordHead records the head of a branch, "" if the branch does not exist, and
// requests a repository sync if it has changed. The sync of a missing branch fails and
// says so.
func (e *Engine) RecordHead(tx *db.Tx, linkID, branch string, sha lockstep.SHA) error {
	known, err := syncstate.LockBranch(tx, linkID, branch)
	if err != nil || known == sha {
		return err
	}
	if err := syncstate.SetBranchHead(tx, linkID, branch, sha); err != nil {
		return err
	}
	return e.RequestSync(tx, linkID, branch)
}

// RecordProbe records that a probe of a link's repository failed, or succeeded again
// (cause is nil). Call it as the last statement of the transaction that records the
// probe.
func (e *Engine) RecordProbe(tx *db.Tx, linkID string, cause error) error {
	return e.onProbe(tx, linkID, cause)
}

// RecordUnreachable creates a FAILED repository sync attempt for a branch that could
// not be probed. If an attempt is running, it does nothing: that attempt fails itself.
func (e *Engine) RecordUnreachable(tx *db.Tx, linkID, branch string, cause error) error {
	if _, err := syncstate.LockBranch(tx, linkID, branch); err != nil {
		return err
	}

	_, running, err := syncstate.RunningRepositoryAttempt(tx, linkID, branch)
	if err != nil || running {
		return err
	}

	attempt, err := syncstate.InsertRepositoryAttempt(tx, linkID, branch, lockstep.RepositoryFailed)
	if err != nil {
		return err
	}
	if err := syncstate.SetBranchProblem(tx, linkID, branch, lockstep.Shown(cause)); err != nil {
		return err
	}

	return syncstate.AddRepositoryEvents(tx, attempt.ID, cloneStarted, cloneFailed(cause))
}
