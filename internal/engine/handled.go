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
	// Pending: no repository sync has acted on the commit yet, or on what was
	// asked for since.
	Pending RevisionState = "PENDING"
	// NotAffected: the commit changes nothing the resource is made of.
	NotAffected RevisionState = "NOT_AFFECTED"
	// InProgress: an attempt for it, or for a later commit, is under way.
	InProgress RevisionState = "IN_PROGRESS"
	// Succeeded: the resource was brought to the commit.
	Succeeded RevisionState = "SUCCEEDED"
	// LaterSucceeded: the resource was brought to a later commit of the branch.
	LaterSucceeded RevisionState = "LATER_SUCCEEDED"
	// Failed: the latest attempt for it, or for a later commit, failed.
	Failed RevisionState = "FAILED"
	// Blocked: Failed, and nothing goes on until a person removes the cause.
	Blocked RevisionState = "BLOCKED"
)

// A RevisionStatus is what became of a commit for one resource.
type RevisionStatus struct {
	State RevisionState
	SHA   lockstep.SHA // the commit asked about
	// Answer is the commit whose attempt gave the state, "" if none did.
	Answer lockstep.SHA
	Reason string // of Failed and Blocked
}

// historyDepth is how far back a commit is looked for below a head.
const historyDepth = 1000

// RevisionStatus says what became of a commit for a configuration's resource. A commit
// that was never seen as a head is looked for in the history of the head that
// was, so that it is not waited for in vain.
func (e *Engine) RevisionStatus(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) (RevisionStatus, error) {
	h, head, err := e.handling(ctx, cfg, sha)
	if err != nil || h.State != Pending || head == "" || head == sha {
		return h, err
	}

	client, release, err := e.Open(ctx, cfg.LinkID)
	if err != nil {
		return h, err
	}
	defer release()

	historian, ok := client.(provider.Historian)
	if !ok {
		return h, nil
	}

	contains, err := historian.Contains(ctx, head, sha, historyDepth)
	if err != nil || !contains {
		return h, err
	}

	later, _, err := e.handling(ctx, cfg, head)
	if err != nil {
		return h, err
	}

	if later.State == Succeeded {
		later.State = LaterSucceeded
	}

	later.SHA = sha
	return later, nil
}

// handling answers from the database alone, and gives the branch's head as
// last seen.
func (e *Engine) handling(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) (h RevisionStatus, head lockstep.SHA, err error) {
	err = e.db.View(ctx, func(tx *db.Tx) error {
		h = RevisionStatus{State: Pending, SHA: sha}
		if head, err = syncstate.BranchHead(tx, cfg.LinkID, cfg.Branch); err != nil {
			return err
		}

		if head == sha {
			// Not acted on since it became the head (again), or since something was
			// asked for: what became of it before says nothing.
			if waiting, err := awaited(tx, cfg, sha); err != nil || waiting {
				return err
			}
		}

		s, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}

		seq, err := syncstate.DesiredSeqOf(tx, s.ID, sha)
		if err != nil {
			return err
		}

		if seq == 0 {
			seen, err := syncstate.HasSyncedHead(tx, cfg.LinkID, cfg.Branch, sha)
			if err == nil && seen {
				h.State = NotAffected
			}
			return err
		}

		h, err = outcomeOf(tx, s, sha, seq)
		return err
	})

	return h, head, err
}

// awaited says whether a repository sync has yet to act on a branch's head.
func awaited(tx *db.Tx, cfg lockstep.SyncConfiguration, head lockstep.SHA) (bool, error) {
	handled, err := syncstate.LastSyncedHead(tx, cfg.LinkID, cfg.Branch)
	if err != nil || handled != head {
		return true, err
	}
	return store.HasUnobservedChange(tx, cfg.ID)
}

// outcomeOf says what became of a commit that concerned a resource as its
// desire number seq: the latest attempt for that or a later desire tells.
func outcomeOf(tx *db.Tx, s syncstate.ResourceState, sha lockstep.SHA, seq int64) (RevisionStatus, error) {
	h := RevisionStatus{State: InProgress, SHA: sha}
	success, ok, err := syncstate.LatestSuccess(tx, s)
	if err != nil {
		return h, err
	}

	if ok && success.DesiredSeq >= seq {
		h.State, h.Answer = LaterSucceeded, success.TargetRevision.SHA
		if h.Answer == sha {
			h.State = Succeeded
		}
		return h, nil
	}

	blocker, blocked, err := syncstate.ActiveBlocker(tx, s.ID)
	if err != nil {
		return h, err
	}

	if blocked {
		h.State, h.Reason = Blocked, blocker.CreatedReason
		return h, nil
	}

	latest, ok, err := syncstate.LatestAttempt(tx, s)
	if err != nil || !ok || latest.DesiredSeq < seq || latest.Outcome != lockstep.Failed || s.IsBehind() {
		return h, err
	}

	h.State, h.Answer = Failed, latest.TargetRevision.SHA
	events, err := syncstate.ResourceEvents(tx, latest.ID)
	if n := len(events); n > 0 {
		h.Reason = events[n-1].Message
	}

	return h, err
}
