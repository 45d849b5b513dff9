package conversion

import (
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireEvent returns an event.
func ToWireEvent(event syncstate.SyncEvent) wire.SyncEvent {
	return wire.SyncEvent{
		Time:             wire.Time{Time: event.Time},
		Event:            event.Message,
		Type:             event.Type,
		ExternalId:       event.ExternalID,
		ResourceName:     event.Resource.Name,
		SyncType:         string(event.Resource.SyncType),
		RepositoryLinkId: event.LinkID,
		Branch:           event.Branch,
		Sha:              string(event.SHA),
		AttemptId:        event.AttemptID,
		Status:           event.Status,
	}
}
