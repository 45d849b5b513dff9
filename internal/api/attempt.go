package api

import (
	"context"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListResourceSyncAttempts reads the history of a configured resource, newest
// first. It reaches back beyond the present configuration, to attempts that the
// caller may see by what was configured then.
func (s *Service) ListResourceSyncAttempts(ctx context.Context, c Caller, in *wire.ListResourceSyncAttemptsInput) (*wire.ListResourceSyncAttemptsOutput, error) {
	list := s.listing(c, "resource sync attempts", in.SyncType, in.ResourceName)
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListResourceSyncAttemptsOutput{}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		cfg, err := store.Configuration(tx, c.Account, c.Region, lockstep.SyncType(in.SyncType), in.ResourceName)
		if err != nil {
			return err
		}
		if err := c.on(tx, "lockstep:ListResourceSyncAttempts", theConfiguration(cfg)); err != nil {
			return err
		}

		attempts, next, err := visible(tx, c, policy.SyncConfiguration, page, func(p store.Page) ([]store.AttemptEntry, store.Cursor, error) {
			return store.Attempts(tx, cfg.Resource(), p)
		}, manyAttempts())
		if err != nil {
			return err
		}

		for _, a := range attempts {
			out.Attempts = append(out.Attempts, showAttempt(a))
		}

		out.NextToken, err = list.token(next)
		return err
	})

	return out, err
}

// GetResourceSyncAttempt reads one attempt whole: its events, and what it
// proposed to change. Who may read it is decided by the configuration that it was
// made for, as that was then.
func (s *Service) GetResourceSyncAttempt(ctx context.Context, c Caller, in *wire.GetResourceSyncAttemptInput) (*wire.GetResourceSyncAttemptOutput, error) {
	const action = "lockstep:GetResourceSyncAttempt"
	out := &wire.GetResourceSyncAttemptOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		a, err := store.Attempt(tx, c.Account, c.Region, in.AttemptId)
		if err != nil {
			return err
		}
		if err := c.on(tx, action, theAttempt(a.AttemptEntry)); err != nil {
			return err
		}

		*out = wire.GetResourceSyncAttemptOutput{
			AttemptId:    a.ID,
			ResourceName: a.Resource.Name,
			SyncType:     string(a.Resource.SyncType),
			Outcome:      strings.ToUpper(string(a.Outcome)),
			EndedAt:      wire.Time{Time: a.EndedAt},
			Attempt:      showResourceSync(a.ResourceSyncAttempt),
			Plan:         showPlan(a.Plan),
		}

		return nil
	})

	return out, err
}

// theAttempt is the configuration of an attempt, as that was then. Once its link
// is gone nobody knows what a policy would have said of that: it is missing for
// whoever may not see all.
func theAttempt(a store.AttemptEntry) thing { return manyAttempts()(a) }

func manyAttempts() func(store.AttemptEntry) thing {
	the := manyConfigurations()
	return func(a store.AttemptEntry) thing {
		t := the(a.Configuration).but(store.NoAttempt(a.ID))
		describe := t.describe
		t.describe = func(tx *db.Tx) (policy.Resource, error) {
			r, err := describe(tx)
			if lockstep.KindOf(err) == lockstep.NotFound {
				err = t.missing
			}
			return r, err
		}

		return t
	}
}

func showAttempt(a store.AttemptEntry) wire.ResourceSyncAttemptSummary {
	return wire.ResourceSyncAttemptSummary{
		AttemptId:  a.ID,
		Status:     string(a.Status),
		Outcome:    strings.ToUpper(string(a.Outcome)),
		Branch:     a.TargetRevision.Branch,
		InitialSha: string(a.InitialRevision.SHA),
		TargetSha:  string(a.TargetRevision.SHA),
		StartedAt:  wire.Time{Time: a.StartedAt},
		EndedAt:    wire.Time{Time: a.EndedAt},
		LastEvent:  a.LastEvent,
	}
}

func showPlan(p *lockstep.Plan) *wire.SyncPlan {
	if p == nil {
		return nil
	}

	shown := &wire.SyncPlan{ChangeSetId: p.ID, ChangeSetName: p.Name, Truncated: p.Truncated}
	for _, change := range p.Changes {
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

	for _, v := range p.Parameters {
		shown.Parameters = append(shown.Parameters, wire.ValueChange(v))
	}

	for _, v := range p.Tags {
		shown.Tags = append(shown.Tags, wire.ValueChange(v))
	}

	return shown
}
