package api

import (
	"context"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListResourceSyncAttempts returns the attempts of a resource, newest first. They
// include attempts of earlier sync configurations of the resource that the caller
// may read.
func (s *Service) ListResourceSyncAttempts(
	ctx context.Context, caller access.Caller, input *wire.ListResourceSyncAttemptsInput,
) (*wire.ListResourceSyncAttemptsOutput, error) {
	list := access.NewList(s.options.Seal, caller, "resource sync attempts", input.SyncType, input.ResourceName)
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListResourceSyncAttemptsOutput{}
	err = s.options.DB.View(ctx, func(tx *db.Tx) error {
		cfg, err := authorizedConfiguration(tx, caller, "lockstep:ListResourceSyncAttempts",
			input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}

		attempts, next, err := access.Visible(tx, caller, policy.SyncConfiguration, page,
			func(page db.Page) ([]syncstate.AttemptEntry, db.Cursor, error) {
				return syncstate.Attempts(tx, cfg.Resource(), page)
			}, access.AttemptSubjects())
		if err != nil {
			return err
		}

		for _, a := range attempts {
			out.Attempts = append(out.Attempts, toWireAttemptSummary(a))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// GetResourceSyncAttempt returns an attempt with its events and its plan.
//
// The caller is authorized for the sync configuration as it was when the attempt
// began.
func (s *Service) GetResourceSyncAttempt(
	ctx context.Context, caller access.Caller, input *wire.GetResourceSyncAttemptInput,
) (*wire.GetResourceSyncAttemptOutput, error) {
	const action = "lockstep:GetResourceSyncAttempt"
	out := &wire.GetResourceSyncAttemptOutput{}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		attempt, err := syncstate.Attempt(tx, caller.Account, caller.Region, input.AttemptId)
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, action, access.AttemptSubject(attempt.AttemptEntry)); err != nil {
			return err
		}

		*out = wire.GetResourceSyncAttemptOutput{
			AttemptId:    attempt.ID,
			ResourceName: attempt.Resource.Name,
			SyncType:     string(attempt.Resource.SyncType),
			Outcome:      strings.ToUpper(string(attempt.Outcome)),
			EndedAt:      wire.Time{Time: attempt.EndedAt},
			Attempt:      toWireResourceSyncAttempt(attempt.ResourceSyncAttempt),
			Plan:         toWirePlan(attempt.Plan),
		}

		return nil
	})

	return out, err
}

func toWireAttemptSummary(entry syncstate.AttemptEntry) wire.ResourceSyncAttemptSummary {
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

func toWirePlan(plan *lockstep.Plan) *wire.SyncPlan {
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
