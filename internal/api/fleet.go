package api

import (
	"context"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListResourceSyncs reads the fleet: each configured resource with its latest
// status, by name.
func (s *Service) ListResourceSyncs(ctx context.Context, c Caller, in *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
	filter := store.FleetFilter{LinkID: linkID(in.RepositoryLinkId), Status: lockstep.ResourceSyncStatus(in.Status)}
	list := c.listing("resource syncs", filter)
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &wire.ListResourceSyncsOutput{}
	err = s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		fleet, next, err := store.Fleet(tx, c.Account, c.Region, filter, page)
		for _, e := range fleet {
			out.ResourceSyncs = append(out.ResourceSyncs, showFleetEntry(e))
		}
		out.NextToken = list.token(next)
		return err
	})
	return out, err
}

func showFleetEntry(e store.FleetEntry) wire.ResourceSyncSummary {
	return wire.ResourceSyncSummary{
		ResourceName:     e.Configuration.ResourceName,
		SyncType:         string(e.Configuration.SyncType),
		RepositoryLinkId: e.Configuration.LinkID,
		RepositoryName:   e.Configuration.RepositoryName,
		Branch:           e.Configuration.Branch,
		ConfigFile:       e.Configuration.ConfigFile,
		Status:           string(e.Status),
		TargetSha:        string(e.TargetSHA),
		DesiredSha:       string(e.DesiredSHA),
		StartedAt:        wire.Time{Time: e.StartedAt},
		Blocked:          e.Blocked,
	}
}

// ListSyncEvents reads what has happened since a cursor, or last, for whoever
// watches.
func (s *Service) ListSyncEvents(ctx context.Context, c Caller, in *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
	filter := store.EventFilter{SyncType: lockstep.SyncType(in.SyncType), ResourceName: in.ResourceName}
	limit := defaultPage
	if in.MaxResults != nil && *in.MaxResults > 0 {
		limit = *in.MaxResults
	}
	after, err := eventCursor(in.After)
	if err != nil {
		return nil, err
	}
	out := &wire.ListSyncEventsOutput{}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		read := func() ([]store.SyncEvent, int64, error) {
			if in.After == "" {
				return store.NewestEvents(tx, c.Account, c.Region, filter, limit)
			}
			return store.SyncEvents(tx, c.Account, c.Region, filter, after, limit)
		}
		events, next, err := read()
		for _, ev := range events {
			out.Events = append(out.Events, showEvent(ev))
		}
		out.NextCursor = strconv.FormatInt(next, 10)
		return err
	})
	return out, err
}

func eventCursor(after string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(after, 10, 64)
	if err != nil || n < 0 {
		return 0, lockstep.Errorf(lockstep.Invalid, "After is not a cursor that ListSyncEvents gave.")
	}
	return n, nil
}

func showEvent(ev store.SyncEvent) wire.SyncEvent {
	return wire.SyncEvent{
		Time:             wire.Time{Time: ev.Time},
		Event:            ev.Message,
		Type:             ev.Type,
		ExternalId:       ev.ExternalID,
		ResourceName:     ev.Resource.Name,
		SyncType:         string(ev.Resource.SyncType),
		RepositoryLinkId: ev.LinkID,
		Branch:           ev.Branch,
		Sha:              string(ev.SHA),
		AttemptId:        ev.AttemptID,
		Status:           ev.Status,
	}
}
