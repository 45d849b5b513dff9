package api

import (
	"cmp"
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// latestBlockers is the number of blockers in a summary. AWS's model says "the
// latest", without a bound or pages.
const latestBlockers = 50

// GetSyncBlockerSummary returns the latest blockers of a resource, active and
// resolved, newest first.
func (s *Service) GetSyncBlockerSummary(
	ctx context.Context, caller access.Caller, input *wire.GetSyncBlockerSummaryInput,
) (*wire.GetSyncBlockerSummaryOutput, error) {
	summary := wire.SyncBlockerSummary{ResourceName: input.ResourceName, LatestBlockers: []wire.SyncBlocker{}}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		cfg, err := authorizedConfiguration(tx, caller, "codeconnections:GetSyncBlockerSummary",
			input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}

		blockers, err := syncstate.Blockers(tx, cfg, latestBlockers)
		for _, b := range blockers {
			summary.LatestBlockers = append(summary.LatestBlockers, conversion.ToWireBlocker(b))
		}

		return err
	})

	return &wire.GetSyncBlockerSummaryOutput{SyncBlockerSummary: summary}, err
}

// UpdateSyncBlocker resolves a blocker and tries the latest commit again. A blocker
// that is resolved already is returned unchanged, and nothing is tried.
func (s *Service) UpdateSyncBlocker(
	ctx context.Context, caller access.Caller, input *wire.UpdateSyncBlockerInput,
) (*wire.UpdateSyncBlockerOutput, error) {
	var b lockstep.Blocker
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "codeconnections:UpdateSyncBlocker", input.SyncType,
			input.ResourceName)
		if err != nil {
			return err
		}
		b, err = s.options.Syncs.ResolveBlocker(tx, cfg, input.Id, input.ResolvedReason)
		return err
	})
	return &wire.UpdateSyncBlockerOutput{
		ResourceName: input.ResourceName,
		SyncBlocker:  conversion.ToWireBlocker(b),
	}, err
}

// ListSyncBlockers returns the blockers of all resources, newest first.
func (s *Service) ListSyncBlockers(
	ctx context.Context, caller access.Caller, input *wire.ListSyncBlockersInput,
) (*wire.ListSyncBlockersOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListSyncBlockers"); err != nil {
		return nil, err
	}

	filter := syncstate.BlockerFilter{
		Status:       cmp.Or(lockstep.BlockerStatus(input.Status), lockstep.BlockerActive),
		SyncType:     lockstep.SyncType(input.SyncType),
		ResourceName: input.ResourceName,
	}

	list := access.NewList(s.options.Seal, caller, "sync blockers", filter)
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListSyncBlockersOutput{}
	subjectOf := access.ConfigurationSubjects()
	err = s.viewList(ctx, caller, policy.SyncConfiguration, func(tx *db.Tx) error {
		blockers, next, err := access.Visible(tx, caller, policy.SyncConfiguration, page,
			func(page db.Page) ([]syncstate.FleetBlocker, db.Cursor, error) {
				return syncstate.FleetBlockers(tx, caller.Account, caller.Region, filter, page)
			}, func(b syncstate.FleetBlocker) access.Subject { return subjectOf(b.Configuration) })
		if err != nil {
			return err
		}

		for _, b := range blockers {
			out.ResourceSyncBlockers = append(out.ResourceSyncBlockers, wire.ResourceSyncBlocker{
				ResourceName: b.Configuration.ResourceName,
				SyncType:     string(b.Configuration.SyncType),
				SyncBlocker:  conversion.ToWireBlocker(b.Blocker),
			})
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}
