package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// GetRepositorySyncStatus reads the latest sync of a branch. A link that is
// not the caller's and a branch that was never synced answer alike, as at AWS.
func (s *Service) GetRepositorySyncStatus(ctx context.Context, caller access.Caller, input *wire.GetRepositorySyncStatusInput) (*wire.GetRepositorySyncStatusOutput, error) {
	id := linkID(input.RepositoryLinkId)
	out := &wire.GetRepositorySyncStatusOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		link, err := store.Link(tx, caller.Account, caller.Region, id)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return syncstate.NoRepositoryStatus(id)
		}
		if err != nil {
			return err
		}

		if err := caller.Authorize(tx, "codeconnections:GetRepositorySyncStatus", access.LinkSubject(link).WithNotFound(syncstate.NoRepositoryStatus(id))); err != nil {
			return err
		}

		attempt, err := syncstate.LatestRepositorySync(tx, id, input.Branch)
		out.LatestSync = showRepositorySync(attempt)
		return err
	})

	return out, err
}

// GetResourceSyncStatus reads where a resource stands: its latest attempt, its
// latest success, and the newest revision that concerns it.
//
// The answer was encoded when the resource's last event happened: one SELECT,
// and no encoding. Where the policies look at what is configured, that is read
// as well.
func (s *Service) GetResourceSyncStatus(ctx context.Context, caller access.Caller, in *wire.GetResourceSyncStatusInput) (*awsjson.Raw, error) {
	const action = "codeconnections:GetResourceSyncStatus"
	resource := caller.Resource(in.SyncType, in.ResourceName)
	if caller.AuthorizeAll(action, policy.SyncConfiguration) {
		document, err := s.statuses.Document(ctx, resource)
		return (*awsjson.Raw)(&document), err
	}

	var document []byte
	err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		if err := caller.Authorize(tx, action, access.StatusSubject(resource)); err != nil {
			return err
		}

		document, err = syncstate.StatusDocument(tx, resource)
		return err
	})
	if err != nil {
		return nil, err
	}

	return (*awsjson.Raw)(&document), nil
}

// EncodeStatus makes the answer of GetResourceSyncStatus. It is for the engine,
// which keeps it with the resource. There must have been an attempt: without
// one the answer is that there is no status.
func EncodeStatus(status lockstep.ResourceSync) ([]byte, error) {
	if status.LatestSync == nil {
		return nil, errors.New("encode sync status: there is no attempt to tell of")
	}

	out := wire.GetResourceSyncStatusOutput{LatestSync: showResourceSync(*status.LatestSync)}
	if status.DesiredState != nil {
		rev := showRevision(*status.DesiredState)
		out.DesiredState = &rev
	}

	if status.LatestSuccessfulSync != nil {
		attempt := showResourceSync(*status.LatestSuccessfulSync)
		out.LatestSuccessfulSync = &attempt
	}

	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode sync status: %w", err)
	}

	return b, nil
}

func showRepositorySync(attempt lockstep.RepositorySyncAttempt) wire.RepositorySyncAttempt {
	shown := wire.RepositorySyncAttempt{
		StartedAt: wire.Time{Time: attempt.StartedAt},
		Status:    string(attempt.Status),
		Events:    []wire.RepositorySyncEvent{},
	}
	for _, ev := range attempt.Events {
		shown.Events = append(shown.Events, wire.RepositorySyncEvent{
			Event: ev.Message, ExternalId: ev.ExternalID, Time: wire.Time{Time: ev.Time}, Type: ev.Type,
		})
	}
	return shown
}

func showResourceSync(attempt lockstep.ResourceSyncAttempt) wire.ResourceSyncAttempt {
	shown := wire.ResourceSyncAttempt{
		Events:          []wire.ResourceSyncEvent{},
		InitialRevision: showRevision(attempt.InitialRevision),
		StartedAt:       wire.Time{Time: attempt.StartedAt},
		Status:          string(attempt.Status),
		TargetRevision:  showRevision(attempt.TargetRevision),
		Target:          attempt.Target,
	}
	for _, ev := range attempt.Events {
		shown.Events = append(shown.Events, wire.ResourceSyncEvent{
			Event: ev.Message, ExternalId: ev.ExternalID, Time: wire.Time{Time: ev.Time}, Type: ev.Type,
		})
	}

	return shown
}

func showRevision(revision lockstep.Revision) wire.Revision {
	return wire.Revision{
		Branch:         revision.Branch,
		Directory:      revision.Directory,
		OwnerId:        revision.OwnerID,
		RepositoryName: revision.RepositoryName,
		ProviderType:   string(revision.ProviderType),
		Sha:            string(revision.SHA),
	}
}
