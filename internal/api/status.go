package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// GetRepositorySyncStatus reads the latest sync of a branch. A link that is
// not the caller's and a branch that was never synced answer alike, as at AWS.
func (s *Service) GetRepositorySyncStatus(ctx context.Context, c Caller, in *wire.GetRepositorySyncStatusInput) (*wire.GetRepositorySyncStatusOutput, error) {
	id := linkID(in.RepositoryLinkId)
	out := &wire.GetRepositorySyncStatusOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		l, err := store.Link(tx, c.Account, c.Region, id)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return store.NoRepositoryStatus(id)
		}
		if err != nil {
			return err
		}

		if err := c.on(tx, "codeconnections:GetRepositorySyncStatus", theLink(l).but(store.NoRepositoryStatus(id))); err != nil {
			return err
		}

		attempt, err := store.LatestRepositorySync(tx, id, in.Branch)
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
func (s *Service) GetResourceSyncStatus(ctx context.Context, c Caller, in *wire.GetResourceSyncStatusInput) (*awsjson.Raw, error) {
	const action = "codeconnections:GetResourceSyncStatus"
	r := c.resource(in.SyncType, in.ResourceName)
	if c.everywhere(action, policy.SyncConfiguration) {
		document, err := s.statuses.Document(ctx, r)
		return (*awsjson.Raw)(&document), err
	}

	var document []byte
	err := s.o.DB.View(ctx, func(tx *db.Tx) (err error) {
		if err := c.onStatus(tx, action, r); err != nil {
			return err
		}

		document, err = store.StatusDocument(tx, r)
		return err
	})
	if err != nil {
		return nil, err
	}

	return (*awsjson.Raw)(&document), nil
}

// onStatus is on for a resource whose status is asked for. Without a
// configuration it has none.
func (c Caller) onStatus(tx *db.Tx, action string, r lockstep.Resource) error {
	missing := store.NoStatus(r.Name)
	return c.on(tx, action, thing{policy.SyncConfiguration, func(tx *db.Tx) (policy.Resource, error) {
		cfg, err := store.Configuration(tx, r.Account, r.Region, r.SyncType, r.Name)
		if lockstep.KindOf(err) == lockstep.NotFound {
			return policy.Resource{}, missing
		}
		if err != nil {
			return policy.Resource{}, err
		}
		return theConfiguration(cfg).describe(tx)
	}, missing})
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
