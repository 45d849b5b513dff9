package conversion

import (
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireAttemptSummary returns an attempt as lists show it.
func ToWireAttemptSummary(entry syncstate.AttemptEntry) wire.ResourceSyncAttemptSummary {
	return wire.ResourceSyncAttemptSummary{
		AttemptId:  entry.ID,
		Status:     string(entry.Status),
		Outcome:    strings.ToUpper(string(entry.Outcome)),
		Branch:     entry.TargetRevision.Branch,
		InitialSha: string(entry.InitialRevision.SHA),
		TargetSha:  string(entry.TargetRevision.SHA),
		StartedAt:  wire.Time{Time: entry.StartedAt},
		EndedAt:    wire.Time{Time: entry.EndedAt},
		LastEvent:  entry.LastEvent,
	}
}

// ToWirePlan returns the changes of an attempt, or nil if plan is nil.
func ToWirePlan(plan *lockstep.Plan) *wire.SyncPlan {
	if plan == nil {
		return nil
	}

	shown := &wire.SyncPlan{ChangeSetId: plan.ID, ChangeSetName: plan.Name, Truncated: plan.Truncated}
	for _, change := range plan.Changes {
		one := wire.ProposedChange{
			Action:             change.Action,
			LogicalResourceId:  change.LogicalID,
			PhysicalResourceId: change.PhysicalID,
			ResourceType:       change.ResourceType,
			Replacement:        change.Replacement,
			Scope:              change.Scope,
		}
		for _, d := range change.Details {
			one.Details = append(one.Details, wire.ChangeDetail(d))
		}

		shown.Changes = append(shown.Changes, one)
	}

	for _, value := range plan.Parameters {
		shown.Parameters = append(shown.Parameters, wire.ValueChange(value))
	}

	for _, value := range plan.Tags {
		shown.Tags = append(shown.Tags, wire.ValueChange(value))
	}

	return shown
}
