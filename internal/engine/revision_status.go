package engine

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// A RevisionState is what became of a commit for one resource.
type RevisionState string

// The states of a commit for a resource.
const (
	// Pending: no repository sync has handled the commit yet, or a change of the
	// configuration since.
	Pending RevisionState = "PENDING"
	// NotAffected: the commit does not change the inputs of the resource.
	NotAffected RevisionState = "NOT_AFFECTED"
	// InProgress: an attempt for the commit, or for a later one, is running.
	InProgress RevisionState = "IN_PROGRESS"
	// Succeeded: the resource was brought to the commit.
	Succeeded RevisionState = "SUCCEEDED"
	// LaterSucceeded: the resource was brought to a later commit of the branch.
	LaterSucceeded RevisionState = "LATER_SUCCEEDED"
	// Failed: the latest attempt for the commit, or for a later one, failed.
	Failed RevisionState = "FAILED"
	// Blocked: Failed, and nothing is attempted until a person removes the cause.
	Blocked RevisionState = "BLOCKED"
	// Pinned: the commit is not attempted, because another commit was requested by its
	// id, until that is released.
	Pinned RevisionState = "PINNED"
)

// A RevisionStatus is what became of a commit for one resource.
type RevisionStatus struct {
	State RevisionState
	SHA   lockstep.SHA // the requested commit
	// AttemptedSHA is the commit whose attempt decided the state, "" if none did.
	AttemptedSHA lockstep.SHA
	Reason       string // of Failed, Blocked and Pinned
}

// historyDepth is how many commits below a head are searched.
const historyDepth = 1000

// RevisionStatus returns what became of a commit for a configuration's resource. A
// commit that never was a known head is searched in the history of the head, and then
// has the status of the head: otherwise it would stay Pending forever.
func (e *Engine) RevisionStatus(
	ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA,
) (RevisionStatus, error) {
	status, head, err := e.storedStatus(ctx, cfg, sha)
	if err != nil || status.State != Pending || head == "" || head == sha {
		return status, err
	}

	repo, err := e.repositories.Open(ctx, cfg.LinkID)
	if err != nil {
		return status, err
	}
	defer repo.Release()

	history, ok := repo.Client.(provider.HistoryReader)
	if !ok {
		return status, nil
	}

	contains, err := history.Contains(ctx, head, sha, historyDepth)
	if err != nil || !contains {
		return status, err
	}

	later, _, err := e.storedStatus(ctx, cfg, head)
	if err != nil {
		return status, err
	}

	if later.State == Succeeded {
		later.State = LaterSucceeded
	}
	later.SHA = sha
	return later, nil
}

// storedStatus returns the status of a commit as the database has it, and the last
// known head of the branch.
func (e *Engine) storedStatus(
	ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA,
) (status RevisionStatus, head lockstep.SHA, err error) {
	err = e.db.View(ctx, func(tx *db.Tx) error {
		status = RevisionStatus{State: Pending, SHA: sha}
		if head, err = syncstate.BranchHead(tx, cfg.LinkID, cfg.Branch); err != nil {
			return err
		}

		if head == sha {
			// Attempts from before the commit became the head again, or before the
			// configuration was changed, do not count.
			if pending, err := isPending(tx, cfg, sha); err != nil || pending {
				return err
			}
		}

		resource, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}

		desiredSeq, err := syncstate.DesiredSeqOf(tx, resource.ID, sha)
		if err != nil {
			return err
		}

		if desiredSeq == 0 {
			wasHead, err := syncstate.HasSyncedHead(tx, cfg.LinkID, cfg.Branch, sha)
			if err == nil && wasHead {
				status.State = NotAffected
			}
			return err
		}

		if resource.IsPinned() && resource.Desired.SHA != sha && head == sha {
			status.State = Pinned
			status.AttemptedSHA = resource.Desired.SHA
			status.Reason = lockstep.PinnedReason(resource.Desired.SHA, head, cfg.ResourceName)
			return nil
		}

		status, err = attemptedStatus(tx, resource, sha, desiredSeq)
		return err
	})

	return status, head, err
}

// isPending reports whether no repository sync has handled a branch's head yet.
func isPending(tx *db.Tx, cfg lockstep.SyncConfiguration, head lockstep.SHA) (bool, error) {
	synced, err := syncstate.LastSyncedHead(tx, cfg.LinkID, cfg.Branch)
	if err != nil || synced != head {
		return true, err
	}
	return store.HasUnobservedChange(tx, cfg.ID)
}

// attemptedStatus returns the status of a commit that was the desired revision with the
// number desiredSeq: the latest attempt for that or a later one decides.
func attemptedStatus(
	tx *db.Tx, resource syncstate.ResourceState, sha lockstep.SHA, desiredSeq int64,
) (RevisionStatus, error) {
	status := RevisionStatus{State: InProgress, SHA: sha}
	success, ok, err := syncstate.LatestSuccess(tx, resource)
	if err != nil {
		return status, err
	}

	if ok && success.DesiredSeq >= desiredSeq {
		status.State, status.AttemptedSHA = LaterSucceeded, success.TargetRevision.SHA
		if status.AttemptedSHA == sha {
			status.State = Succeeded
		}
		return status, nil
	}

	blocker, blocked, err := syncstate.ActiveBlocker(tx, resource.ID)
	if err != nil {
		return status, err
	}
	if blocked {
		status.State, status.Reason = Blocked, blocker.CreatedReason
		return status, nil
	}

	latest, ok, err := syncstate.LatestAttempt(tx, resource)
	if err != nil || !ok || latest.DesiredSeq < desiredSeq || latest.Outcome != lockstep.Failed || resource.IsBehind() {
		return status, err
	}

	status.State, status.AttemptedSHA = Failed, latest.TargetRevision.SHA
	events, err := syncstate.ResourceEvents(tx, latest.ID)
	if len(events) > 0 {
		status.Reason = events[len(events)-1].Message
	}

	return status, err
}
