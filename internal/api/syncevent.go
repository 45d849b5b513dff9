package api

import (
	"context"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListSyncEvents reads what has happened since a cursor, or last, for whoever
// watches.
func (s *Service) ListSyncEvents(ctx context.Context, c Caller, in *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
	if err := c.onAccount("lockstep:ListSyncEvents"); err != nil {
		return nil, err
	}
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
		if err != nil {
			return err
		}
		if events, err = c.visibleEvents(tx, events); err != nil {
			return err
		}
		for _, ev := range events {
			out.Events = append(out.Events, showEvent(ev))
		}
		out.NextCursor = strconv.FormatInt(next, 10)
		return nil
	})
	return out, err
}

// visibleEvents leaves out the events of what the caller may not see, and of
// resources that have lost their configuration where it may not see all.
func (c Caller) visibleEvents(tx *db.Tx, events []store.SyncEvent) ([]store.SyncEvent, error) {
	if c.seesAll(policy.SyncConfiguration) && c.seesAll(policy.RepositoryLink) {
		return events, nil
	}
	known := map[lockstep.Resource]bool{}
	links := map[string]bool{}
	var shown []store.SyncEvent
	for _, ev := range events {
		sees, err := c.seesEvent(tx, ev, known, links)
		if err != nil {
			return nil, err
		}
		if sees {
			shown = append(shown, ev)
		}
	}
	return shown, nil
}

// seesEvent asks for each resource and each link once.
func (c Caller) seesEvent(tx *db.Tx, ev store.SyncEvent, known map[lockstep.Resource]bool, links map[string]bool) (bool, error) {
	var t thing
	var err error
	if ev.Resource.Name == "" {
		if sees, ok := links[ev.LinkID]; ok {
			return sees, nil
		}
		var l lockstep.RepositoryLink
		l, err = store.Link(tx, c.Account, c.Region, ev.LinkID)
		t = theLink(l)
	} else {
		if sees, ok := known[ev.Resource]; ok {
			return sees, nil
		}
		var cfg lockstep.SyncConfiguration
		cfg, err = store.Configuration(tx, c.Account, c.Region, ev.Resource.SyncType, ev.Resource.Name)
		t = theConfiguration(cfg)
	}
	sees := false
	if err == nil {
		var r policy.Resource
		if r, err = t.describe(tx); err == nil {
			sees = c.sees(r)
		}
	}
	if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
		return false, err
	}
	if ev.Resource.Name == "" {
		links[ev.LinkID] = sees
	} else {
		known[ev.Resource] = sees
	}
	return sees, nil
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
