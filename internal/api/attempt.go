package api

import (
	"context"
	"strings"

	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
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
			out.Attempts = append(out.Attempts, conversion.ToWireAttemptSummary(a))
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
			Attempt:      conversion.ToWireResourceSyncAttempt(attempt.ResourceSyncAttempt),
			Plan:         conversion.ToWirePlan(attempt.Plan),
		}

		return nil
	})

	return out, err
}
