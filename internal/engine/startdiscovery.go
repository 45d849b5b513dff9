package engine

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// Discovery returns which deployment files of a link become sync configurations, or nil if none do.
func (e *Engine) Discovery(ctx context.Context, linkID string) (discovery *lockstep.Discovery, err error) {
	err = e.db.View(ctx, func(tx *db.Tx) error {
		link, err := store.LinkByID(tx, linkID)
		discovery = link.Discovery
		return err
	})
	return discovery, err
}

// StartDiscovery makes the deployment files of a branch sync configurations from now on, beginning
// with those at head. If head is "" the branch has no commit yet, and the poller waits for one.
func (e *Engine) StartDiscovery(ctx context.Context, linkID string, discovery lockstep.Discovery, head lockstep.SHA) error {
	return e.db.Update(ctx, func(tx *db.Tx) error {
		if err := store.SetDiscovery(tx, linkID, &discovery); err != nil {
			return err
		}
		if head == "" {
			return store.RequestPoll(tx, linkID)
		}
		return e.TrackBranch(tx, linkID, discovery.Branch, head)
	})
}

// Probe reads the heads of a link's tracked branches now and records them, as the poller does. It
// returns the branches that have never had a commit.
func (e *Engine) Probe(ctx context.Context, linkID string) (unborn []string, err error) {
	var branches []string
	err = e.db.View(ctx, func(tx *db.Tx) (err error) {
		branches, err = store.TrackedBranches(tx, linkID)
		return err
	})
	if err != nil || len(branches) == 0 {
		return nil, err
	}

	client, release, err := e.Open(ctx, linkID)
	if err != nil {
		return nil, err
	}
	defer release()

	heads, err := client.Heads(ctx, branches)
	if err != nil {
		return nil, err
	}

	err = e.db.Update(ctx, func(tx *db.Tx) error {
		before, err := syncstate.PolledHeads(tx, linkID)
		if err != nil {
			return err
		}

		unborn = nil
		for _, branch := range branches {
			switch sha, exists := heads[branch]; {
			case exists:
				err = e.RecordHead(tx, linkID, branch, sha)
			case before[branch] != "":
				err = e.RecordMissingBranch(tx, linkID, branch)
			default:
				unborn = append(unborn, branch)
			}
			if err != nil {
				return err
			}
		}

		return nil
	})

	return unborn, err
}
