package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// GetRepositorySyncStatus reads the latest sync of a branch. A link that is
// not the caller's and a branch that was never synced answer alike, as at AWS.
func (s *Service) GetRepositorySyncStatus(ctx context.Context, c Caller, in *wire.GetRepositorySyncStatusInput) (*wire.GetRepositorySyncStatusOutput, error) {
	id := linkID(in.RepositoryLinkId)
	out := &wire.GetRepositorySyncStatusOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		_, err := store.Link(tx, c.Account, c.Region, id)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return lockstep.Errorf(lockstep.NotFound, "Could not find a sync status for repository link:%s", id)
		}
		if err != nil {
			return err
		}
		attempt, err := store.LatestRepositorySync(tx, id, in.Branch)
		out.LatestSync = showRepositorySync(attempt)
		return err
	})
	return out, err
}

// GetResourceSyncStatus reads what was encoded when the resource's last event
// happened: one SELECT, and no encoding.
func (s *Service) GetResourceSyncStatus(ctx context.Context, c Caller, in *wire.GetResourceSyncStatusInput) (*awsjson.Raw, error) {
	document, err := s.document(ctx, c.resource(in.SyncType, in.ResourceName))
	return (*awsjson.Raw)(&document), err
}

func (s *Service) document(ctx context.Context, r lockstep.Resource) (document []byte, err error) {
	err = s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		document, err = store.StatusDocument(tx, r)
		return err
	})
	return document, err
}

func (c Caller) resource(syncType, name string) lockstep.Resource {
	return lockstep.Resource{Account: c.Account, Region: c.Region, SyncType: lockstep.SyncType(syncType), Name: name}
}

// EncodeStatus makes the answer of GetResourceSyncStatus. It is for the engine,
// which keeps it with the resource. There must have been an attempt: without
// one the answer is that there is no status.
func EncodeStatus(s lockstep.ResourceSync) ([]byte, error) {
	if s.LatestSync == nil {
		return nil, errors.New("encode sync status: there is no attempt to tell of")
	}
	out := wire.GetResourceSyncStatusOutput{LatestSync: showResourceSync(*s.LatestSync)}
	if s.DesiredState != nil {
		rev := showRevision(*s.DesiredState)
		out.DesiredState = &rev
	}
	if s.LatestSuccessfulSync != nil {
		attempt := showResourceSync(*s.LatestSuccessfulSync)
		out.LatestSuccessfulSync = &attempt
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode sync status: %w", err)
	}
	return b, nil
}

func showRepositorySync(a lockstep.RepositorySyncAttempt) wire.RepositorySyncAttempt {
	shown := wire.RepositorySyncAttempt{
		StartedAt: wire.Time{Time: a.StartedAt},
		Status:    string(a.Status),
		Events:    []wire.RepositorySyncEvent{},
	}
	for _, ev := range a.Events {
		shown.Events = append(shown.Events, wire.RepositorySyncEvent{
			Event: ev.Message, ExternalId: ev.ExternalID, Time: wire.Time{Time: ev.Time}, Type: ev.Type,
		})
	}
	return shown
}

func showResourceSync(a lockstep.ResourceSyncAttempt) wire.ResourceSyncAttempt {
	shown := wire.ResourceSyncAttempt{
		Events:          []wire.ResourceSyncEvent{},
		InitialRevision: showRevision(a.InitialRevision),
		StartedAt:       wire.Time{Time: a.StartedAt},
		Status:          string(a.Status),
		TargetRevision:  showRevision(a.TargetRevision),
		Target:          a.Target,
	}
	for _, ev := range a.Events {
		shown.Events = append(shown.Events, wire.ResourceSyncEvent{
			Event: ev.Message, ExternalId: ev.ExternalID, Time: wire.Time{Time: ev.Time}, Type: ev.Type,
		})
	}
	return shown
}

func showRevision(r lockstep.Revision) wire.Revision {
	return wire.Revision{
		Branch:         r.Branch,
		Directory:      r.Directory,
		OwnerId:        r.OwnerID,
		RepositoryName: r.RepositoryName,
		ProviderType:   string(r.ProviderType),
		Sha:            string(r.SHA),
	}
}
