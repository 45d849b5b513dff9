package conversion

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireCounts returns the numbers of resources.
func ToWireCounts(total syncstate.FleetCount) *wire.ResourceSyncCounts {
	return &wire.ResourceSyncCounts{
		Total:       total.Total,
		Initiated:   total.ByStatus[lockstep.ResourceInitiated],
		InProgress:  total.ByStatus[lockstep.ResourceInProgress],
		Succeeded:   total.ByStatus[lockstep.ResourceSucceeded],
		Failed:      total.ByStatus[lockstep.ResourceFailed],
		NeverSynced: total.NeverSynced,
		Blocked:     total.ByHealth[lockstep.HealthBlocked],
		Health: wire.ResourceHealthCounts{
			Blocked: total.ByHealth[lockstep.HealthBlocked],
			Syncing: total.ByHealth[lockstep.HealthSyncing],
			Failed:  total.ByHealth[lockstep.HealthFailed],
			Unknown: total.ByHealth[lockstep.HealthUnknown],
			Behind:  total.ByHealth[lockstep.HealthBehind],
			InStep:  total.ByHealth[lockstep.HealthInStep],
		},
	}
}

// ToWireResourceSync returns a resource as lists show it.
func ToWireResourceSync(account lockstep.AccountID, entry syncstate.FleetEntry) wire.ResourceSyncSummary {
	return wire.ResourceSyncSummary{
		ResourceName:     entry.Configuration.ResourceName,
		SyncType:         string(entry.Configuration.SyncType),
		AccountId:        string(account),
		RepositoryLinkId: entry.Configuration.LinkID,
		OwnerId:          entry.Configuration.OwnerID,
		RepositoryName:   entry.Configuration.RepositoryName,
		Branch:           entry.Configuration.Branch,
		ConfigFile:       entry.Configuration.ConfigFile,
		Status:           string(entry.Status),
		TargetSha:        string(entry.TargetSHA),
		TargetBranch:     entry.TargetBranch,
		DesiredSha:       string(entry.DesiredSHA),
		StartedAt:        wire.Time{Time: entry.StartedAt},
		Blocked:          entry.Blocked,
		StatusProblem:    entry.StatusProblem,
		Health:           ToWireHealth(entry.Health),
	}
}

// ToWireHealth returns the health of a resource.
func ToWireHealth(health lockstep.Health) wire.ResourceHealth {
	return wire.ResourceHealth{
		Status:      string(health.State),
		Reason:      health.Reason,
		Since:       wire.Time{Time: health.Since},
		NextProbeAt: wire.Time{Time: health.NextProbe},
	}
}
