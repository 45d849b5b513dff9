package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListSyncEvents reads what has happened since a cursor, or last, for whoever
// watches. The cursor goes on also past what the caller may not see.
func (s *Service) ListSyncEvents(ctx context.Context, c Caller, in *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
	if err := c.onAccount("lockstep:ListSyncEvents"); err != nil {
		return nil, err
	}

	filter := store.EventFilter{SyncType: lockstep.SyncType(in.SyncType), ResourceName: in.ResourceName}
	limit := defaultPage
	if in.MaxResults != nil && *in.MaxResults > 0 {
		limit = *in.MaxResults
	}

	list := s.listing(c, "sync events")
	after, err := list.eventCursor(in.After)
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

		if out.NextCursor = in.After; in.After == "" || next != after {
			out.NextCursor, err = list.eventToken(next)
		}

		return err
	})

	return out, err
}

// visibleEvents leaves out the events of what the caller may not see. A resource's
// event is of the configuration that its attempt was made for.
func (c Caller) visibleEvents(tx *db.Tx, events []store.SyncEvent) ([]store.SyncEvent, error) {
	if c.seesAll(policy.SyncConfiguration) && c.seesAll(policy.RepositoryLink) {
		return events, nil
	}

	the := manyAttempts()
	known := map[string]bool{} // by the id of the link or of the attempt
	var shown []store.SyncEvent
	for _, ev := range events {
		id := ev.AttemptID
		if ev.Resource.Name == "" {
			id = ev.LinkID
		}

		sees, ok := known[id]
		if !ok {
			var err error
			if sees, err = c.seesEvent(tx, ev, the); err != nil {
				return nil, err
			}

			known[id] = sees
		}

		if sees {
			shown = append(shown, ev)
		}
	}

	return shown, nil
}

func (c Caller) seesEvent(tx *db.Tx, ev store.SyncEvent, the func(store.AttemptEntry) thing) (bool, error) {
	if ev.Resource.Name == "" {
		l, err := store.Link(tx, c.Account, c.Region, ev.LinkID)
		if err != nil {
			return false, err
		}
		return c.seesThing(tx, theLink(l))
	}

	a, err := store.Attempt(tx, c.Account, c.Region, ev.AttemptID)
	if err != nil {
		return false, err
	}

	return c.seesThing(tx, the(a.AttemptEntry))
}

// eventToken is token for a place among the events. These are numbered across all
// accounts, and nobody is to learn from the number how much the others do.
func (l listing) eventToken(place int64) (string, error) {
	return l.token(store.Cursor{Number: place, Text: "event"})
}

func (l listing) eventCursor(after string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	place, ok := l.cursor(after)
	if !ok {
		return 0, lockstep.Errorf(lockstep.Invalid, "After is not a cursor that ListSyncEvents gave.")
	}
	return place.Number, nil
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
