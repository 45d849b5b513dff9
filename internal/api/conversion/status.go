package conversion

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireRepositorySync returns the sync of a branch. Events is never nil.
func ToWireRepositorySync(attempt lockstep.RepositorySyncAttempt) wire.RepositorySyncAttempt {
	shown := wire.RepositorySyncAttempt{
		StartedAt: wire.Time{Time: attempt.StartedAt},
		Status:    string(attempt.Status),
		Events:    []wire.RepositorySyncEvent{},
	}
	for _, event := range attempt.Events {
		shown.Events = append(shown.Events, wire.RepositorySyncEvent{
			Event:      event.Message,
			ExternalId: event.ExternalID,
			Time:       wire.Time{Time: event.Time},
			Type:       event.Type,
		})
	}
	return shown
}

// ToWireResourceSyncAttempt returns an attempt with its events. Events is never nil.
func ToWireResourceSyncAttempt(attempt lockstep.ResourceSyncAttempt) wire.ResourceSyncAttempt {
	shown := wire.ResourceSyncAttempt{
		Events:          []wire.ResourceSyncEvent{},
		InitialRevision: ToWireRevision(attempt.InitialRevision),
		StartedAt:       wire.Time{Time: attempt.StartedAt},
		Status:          string(attempt.Status),
		TargetRevision:  ToWireRevision(attempt.TargetRevision),
		Target:          attempt.Target,
	}
	for _, event := range attempt.Events {
		shown.Events = append(shown.Events, wire.ResourceSyncEvent{
			Event:      event.Message,
			ExternalId: event.ExternalID,
			Time:       wire.Time{Time: event.Time},
			Type:       event.Type,
		})
	}

	return shown
}

// ToWireRevision returns a revision.
func ToWireRevision(revision lockstep.Revision) wire.Revision {
	return wire.Revision{
		Branch:         revision.Branch,
		Directory:      revision.Directory,
		OwnerId:        revision.OwnerID,
		RepositoryName: revision.RepositoryName,
		ProviderType:   string(revision.ProviderType),
		Sha:            string(revision.SHA),
	}
}
