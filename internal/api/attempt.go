package api

import (
	"context"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListResourceSyncAttempts reads the history of a configured resource, newest
// first. It reaches back beyond the present configuration, to attempts that the
// caller may see by what was configured then.
func (s *Service) ListResourceSyncAttempts(ctx context.Context, caller access.Caller, input *wire.ListResourceSyncAttemptsInput) (*wire.ListResourceSyncAttemptsOutput, error) {
	list := access.NewList(s.o.Seal, caller, "resource sync attempts", input.SyncType, input.ResourceName)
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListResourceSyncAttemptsOutput{}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		cfg, err := store.Configuration(tx, caller.Account, caller.Region, lockstep.SyncType(input.SyncType), input.ResourceName)
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "lockstep:ListResourceSyncAttempts", access.ConfigurationSubject(cfg)); err != nil {
			return err
		}

		attempts, next, err := access.Visible(tx, caller, policy.SyncConfiguration, page, func(p db.Page) ([]syncstate.AttemptEntry, db.Cursor, error) {
			return syncstate.Attempts(tx, cfg.Resource(), p)
		}, access.AttemptSubjects())
		if err != nil {
			return err
		}

		for _, a := range attempts {
			out.Attempts = append(out.Attempts, showAttempt(a))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// GetResourceSyncAttempt reads one attempt whole: its events, and what it
// proposed to change. Who may read it is decided by the configuration that it was
// made for, as that was then.
func (s *Service) GetResourceSyncAttempt(ctx context.Context, caller access.Caller, input *wire.GetResourceSyncAttemptInput) (*wire.GetResourceSyncAttemptOutput, error) {
	const action = "lockstep:GetResourceSyncAttempt"
	out := &wire.GetResourceSyncAttemptOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
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
			Attempt:      showResourceSync(attempt.ResourceSyncAttempt),
			Plan:         showPlan(attempt.Plan),
		}

		return nil
	})

	return out, err
}

func showAttempt(entry syncstate.AttemptEntry) wire.ResourceSyncAttemptSummary {
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

func showPlan(plan *lockstep.Plan) *wire.SyncPlan {
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
