package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListSyncEvents returns the events after a cursor, or the newest events without
// one. The cursor also moves past events that the caller may not read.
func (s *Service) ListSyncEvents(
	ctx context.Context, caller access.Caller, input *wire.ListSyncEventsInput,
) (*wire.ListSyncEventsOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListSyncEvents"); err != nil {
		return nil, err
	}

	filter := syncstate.EventFilter{SyncType: lockstep.SyncType(input.SyncType), ResourceName: input.ResourceName}
	limit := access.DefaultPageSize
	if input.MaxResults != nil && *input.MaxResults > 0 {
		limit = *input.MaxResults
	}

	list := access.NewList(s.options.Seal, caller, "sync events")
	after, err := eventPlace(list, input.After)
	if err != nil {
		return nil, err
	}

	out := &wire.ListSyncEventsOutput{}
	err = s.options.DB.View(ctx, func(tx *db.Tx) error {
		read := func() ([]syncstate.SyncEvent, int64, error) {
			if input.After == "" {
				return syncstate.NewestEvents(tx, caller.Account, caller.Region, filter, limit)
			}
			return syncstate.SyncEvents(tx, caller.Account, caller.Region, filter, after, limit)
		}

		events, next, err := read()
		if err != nil {
			return err
		}
		if events, err = visibleEvents(tx, caller, events); err != nil {
			return err
		}

		for _, ev := range events {
			out.Events = append(out.Events, conversion.ToWireEvent(ev))
		}

		if out.NextCursor = input.After; input.After == "" || next != after {
			out.NextCursor, err = list.Token(eventCursor(next))
		}

		return err
	})

	return out, err
}

// visibleEvents returns the events that the caller may read. An event of a resource
// belongs to the sync configuration of its attempt.
func visibleEvents(tx *db.Tx, caller access.Caller, events []syncstate.SyncEvent) ([]syncstate.SyncEvent, error) {
	if caller.CanReadAll(policy.SyncConfiguration) && caller.CanReadAll(policy.RepositoryLink) {
		return events, nil
	}

	subjectOf := access.AttemptSubjects()
	known := map[string]bool{} // by the id of the link or of the attempt
	var shown []syncstate.SyncEvent
	for _, event := range events {
		id := event.AttemptID
		if event.Resource.Name == "" {
			id = event.LinkID
		}

		sees, ok := known[id]
		if !ok {
			var err error
			if sees, err = canReadEvent(tx, caller, event, subjectOf); err != nil {
				return nil, err
			}

			known[id] = sees
		}

		if sees {
			shown = append(shown, event)
		}
	}

	return shown, nil
}

func canReadEvent(
	tx *db.Tx, caller access.Caller, event syncstate.SyncEvent, subjectOf func(syncstate.AttemptEntry) access.Subject,
) (bool, error) {
	if event.Resource.Name == "" {
		link, err := store.Link(tx, caller.Account, caller.Region, event.LinkID)
		if err != nil {
			return false, err
		}
		return caller.CanRead(tx, access.LinkSubject(link))
	}

	attempt, err := syncstate.Attempt(tx, caller.Account, caller.Region, event.AttemptID)
	if err != nil {
		return false, err
	}

	return caller.CanRead(tx, subjectOf(attempt.AttemptEntry))
}

// eventCursor is the cursor at a place among the events. Places are numbered across
// all accounts. A token hides them.
func eventCursor(place int64) db.Cursor { return db.Cursor{Number: place, Text: "event"} }

func eventPlace(list access.List, token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	cursor, ok := list.Cursor(token)
	if !ok {
		return 0, lockstep.Errorf(lockstep.Invalid, "After is not a cursor that ListSyncEvents returned.")
	}
	return cursor.Number, nil
}
