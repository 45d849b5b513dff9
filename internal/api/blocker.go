package api

import (
	"cmp"
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// latestBlockers is how many a summary lists: "the latest", says the model, and
// gives the list neither a bound nor pages.
const latestBlockers = 50

// GetSyncBlockerSummary reads the latest blockers of a resource, active and
// resolved ones, newest first.
func (s *Service) GetSyncBlockerSummary(ctx context.Context, caller access.Caller, in *wire.GetSyncBlockerSummaryInput) (*wire.GetSyncBlockerSummaryOutput, error) {
	summary := wire.SyncBlockerSummary{ResourceName: in.ResourceName, LatestBlockers: []wire.SyncBlocker{}}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		cfg, err := store.Configuration(tx, caller.Account, caller.Region, lockstep.SyncType(in.SyncType), in.ResourceName)
		if err != nil {
			return err
		}
		if err := caller.Authorize(tx, "codeconnections:GetSyncBlockerSummary", access.ConfigurationSubject(cfg)); err != nil {
			return err
		}

		blockers, err := syncstate.Blockers(tx, cfg, latestBlockers)
		for _, b := range blockers {
			summary.LatestBlockers = append(summary.LatestBlockers, showBlocker(b))
		}

		return err
	})

	return &wire.GetSyncBlockerSummaryOutput{SyncBlockerSummary: summary}, err
}

// UpdateSyncBlocker resolves a blocker and tries the latest commit again. One
// that was resolved before is given back as it is, and nothing is tried.
func (s *Service) UpdateSyncBlocker(ctx context.Context, caller access.Caller, input *wire.UpdateSyncBlockerInput) (*wire.UpdateSyncBlockerOutput, error) {
	var b lockstep.Blocker
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "codeconnections:UpdateSyncBlocker", input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}
		b, err = s.o.Syncs.ResolveBlocker(tx, cfg, input.Id, input.ResolvedReason)
		return err
	})
	return &wire.UpdateSyncBlockerOutput{ResourceName: input.ResourceName, SyncBlocker: showBlocker(b)}, err
}

// ListSyncBlockers reads the blockers of all resources, newest first.
func (s *Service) ListSyncBlockers(ctx context.Context, caller access.Caller, input *wire.ListSyncBlockersInput) (*wire.ListSyncBlockersOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListSyncBlockers"); err != nil {
		return nil, err
	}

	filter := syncstate.BlockerFilter{
		Status:       cmp.Or(lockstep.BlockerStatus(input.Status), lockstep.BlockerActive),
		SyncType:     lockstep.SyncType(input.SyncType),
		ResourceName: input.ResourceName,
	}

	list := access.NewList(s.o.Seal, caller, "sync blockers", filter)
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListSyncBlockersOutput{}
	the := access.ConfigurationSubjects()
	err = s.viewList(ctx, caller, policy.SyncConfiguration, func(tx *db.Tx) error {
		blockers, next, err := access.Visible(tx, caller, policy.SyncConfiguration, page, func(p db.Page) ([]syncstate.FleetBlocker, db.Cursor, error) {
			return syncstate.FleetBlockers(tx, caller.Account, caller.Region, filter, p)
		}, func(b syncstate.FleetBlocker) access.Subject { return the(b.Configuration) })
		if err != nil {
			return err
		}

		for _, b := range blockers {
			out.ResourceSyncBlockers = append(out.ResourceSyncBlockers, wire.ResourceSyncBlocker{
				ResourceName: b.Configuration.ResourceName,
				SyncType:     string(b.Configuration.SyncType),
				SyncBlocker:  showBlocker(b.Blocker),
			})
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

func showBlocker(b lockstep.Blocker) wire.SyncBlocker {
	shown := wire.SyncBlocker{
		Id:             b.ID,
		Type:           string(b.Type),
		Status:         string(b.Status),
		CreatedReason:  b.CreatedReason,
		CreatedAt:      wire.Time{Time: b.CreatedAt},
		ResolvedReason: b.ResolvedReason,
		ResolvedAt:     wire.Time{Time: b.ResolvedAt},
	}
	for _, x := range b.Contexts {
		shown.Contexts = append(shown.Contexts, wire.SyncBlockerContext(x))
	}

	return shown
}
