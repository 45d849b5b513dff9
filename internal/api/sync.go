package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// StartResourceSync syncs the head of the branch of a resource now, or one of its
// commits. It resolves the active blocker of the resource.
func (s *Service) StartResourceSync(
	ctx context.Context, caller access.Caller, input *wire.StartResourceSyncInput,
) (*wire.StartResourceSyncOutput, error) {
	if input.Sha != "" {
		return &wire.StartResourceSyncOutput{}, s.startSyncOfCommit(ctx, caller, input)
	}
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "lockstep:StartResourceSync", input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}
		return s.options.Syncs.Retry(tx, cfg)
	})
	return &wire.StartResourceSyncOutput{}, err
}

// startSyncOfCommit is StartResourceSync for a commit. It calls the Git host and so
// runs outside of a transaction. The engine checks that the configuration has not
// changed meanwhile.
func (s *Service) startSyncOfCommit(
	ctx context.Context, caller access.Caller, input *wire.StartResourceSyncInput,
) error {
	sha := lockstep.SHA(input.Sha)
	if !sha.Valid() {
		return invalidSHA()
	}
	cfg, err := s.readConfiguration(ctx, caller, "lockstep:StartResourceSync", input.SyncType, input.ResourceName)
	if err != nil {
		return err
	}
	return asHostFailure(s.options.Syncs.RetryCommit(ctx, cfg, sha))
}

func invalidSHA() error {
	return lockstep.Errorf(lockstep.Invalid, "Sha must be a full commit id: 40 hexadecimal digits in lower case.")
}

// StartRepositorySync syncs a branch of a repository now, or all tracked branches.
func (s *Service) StartRepositorySync(
	ctx context.Context, caller access.Caller, input *wire.StartRepositorySyncInput,
) (*wire.StartRepositorySyncOutput, error) {
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		link, err := store.Link(tx, caller.Account, caller.Region, linkID(input.RepositoryLinkId))
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "lockstep:StartRepositorySync", access.LinkSubject(link)); err != nil {
			return err
		}

		branches, err := store.TrackedBranches(tx, link.ID)
		if err != nil {
			return err
		}

		if input.Branch != "" {
			if !slices.Contains(branches, input.Branch) {
				return lockstep.Errorf(lockstep.Invalid,
					"No sync configuration of repository link:%s tracks branch %s.", link.ID, input.Branch)
			}
			branches = []string{input.Branch}
		}

		return s.requestSyncs(tx, link.ID, branches)
	})

	return &wire.StartRepositorySyncOutput{}, err
}

func (s *Service) requestSyncs(tx *db.Tx, linkID string, branches []string) error {
	for _, branch := range branches {
		if err := s.options.Syncs.RequestSync(tx, linkID, branch); err != nil {
			return err
		}
	}
	return nil
}

// GetRevisionSync returns what became of a commit for a resource. Without a commit,
// it asks the Git host for the head of the branch.
func (s *Service) GetRevisionSync(
	ctx context.Context, caller access.Caller, input *wire.GetRevisionSyncInput,
) (*wire.GetRevisionSyncOutput, error) {
	sha := lockstep.SHA(input.Sha)
	if sha != "" && !sha.Valid() {
		return nil, invalidSHA()
	}

	cfg, err := s.readConfiguration(ctx, caller, "lockstep:GetRevisionSync", input.SyncType, input.ResourceName)
	if err != nil {
		return nil, err
	}

	if sha == "" {
		if sha, err = s.options.Syncs.ResolveHead(ctx, cfg); err != nil {
			return nil, asHostFailure(err)
		}
	}

	status, err := s.options.Syncs.RevisionStatus(ctx, cfg, sha)
	if err != nil {
		return nil, asHostFailure(err)
	}

	out := &wire.GetRevisionSyncOutput{Sha: string(sha), Status: string(status.State), Reason: status.Reason}
	return out, s.addStatus(ctx, cfg, out)
}

// addStatus adds the head of the branch as last seen, and the status of the
// resource.
func (s *Service) addStatus(
	ctx context.Context, cfg lockstep.SyncConfiguration, out *wire.GetRevisionSyncOutput,
) error {
	var document []byte
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		head, err := syncstate.BranchHead(tx, cfg.LinkID, cfg.Branch)
		if err != nil {
			return err
		}

		out.Head = string(head)
		document, err = syncstate.StatusDocument(tx, cfg.Resource())
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}

		return err
	})
	if err != nil || document == nil {
		return err
	}

	out.ResourceSync = &wire.GetResourceSyncStatusOutput{}
	if err := json.Unmarshal(document, out.ResourceSync); err != nil {
		return fmt.Errorf("read sync status of %s: %w", cfg.ResourceName, err)
	}

	return nil
}
