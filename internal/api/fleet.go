package api

import (
	"context"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListResourceSyncs returns the resources of the account with their latest status,
// by name.
func (s *Service) ListResourceSyncs(
	ctx context.Context, caller access.Caller, input *wire.ListResourceSyncsInput,
) (*wire.ListResourceSyncsOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListResourceSyncs"); err != nil {
		return nil, err
	}

	filter, err := fleetFilter(input)
	if err != nil {
		return nil, err
	}

	list := access.NewList(s.options.Seal, caller, "resource syncs", input.AccountId, input.SyncType, filter.LinkID,
		input.OwnerId, input.RepositoryName, input.Branch, input.Status, formatFlag(input.NeverSynced),
		formatFlag(input.Blocked), input.ResourceName, input.Health)
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	counted := input.IncludeCounts != nil && *input.IncludeCounts
	out := &wire.ListResourceSyncsOutput{}
	if input.AccountId != "" && input.AccountId != string(caller.Account) {
		if counted {
			out.Counts = &wire.ResourceSyncCounts{}
		}
		return out, nil
	}

	subjectOf := fleetSubjects()
	err = s.viewFleet(ctx, caller, counted, func(tx *db.Tx) error {
		entries := func(p db.Page) ([]syncstate.FleetEntry, db.Cursor, error) {
			return syncstate.Fleet(tx, caller.Account, caller.Region, filter, p)
		}
		fleet, next, err := access.Visible(tx, caller, policy.SyncConfiguration, page, entries, subjectOf)
		if err != nil {
			return err
		}

		for _, e := range fleet {
			out.ResourceSyncs = append(out.ResourceSyncs, conversion.ToWireResourceSync(caller.Account, e))
		}

		if counted {
			if out.Counts, err = countFleet(tx, caller, filter, entries, subjectOf); err != nil {
				return err
			}
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// GetResourceHealth returns the health of a resource, for callers that may read the
// resource and not list all.
func (s *Service) GetResourceHealth(
	ctx context.Context, caller access.Caller, input *wire.GetResourceHealthInput,
) (*wire.GetResourceHealthOutput, error) {
	out := &wire.GetResourceHealthOutput{}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		cfg, err := authorizedConfiguration(tx, caller, "lockstep:GetResourceHealth", input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}

		filter := syncstate.FleetFilter{SyncType: cfg.SyncType, ResourceName: cfg.ResourceName}
		entries, _, err := syncstate.Fleet(tx, caller.Account, caller.Region, filter, db.Page{Limit: 1})
		for _, entry := range entries {
			out.Health = conversion.ToWireHealth(entry.Health)
		}

		return err
	})

	return out, err
}

// viewFleet is viewList, but in a transaction if the resources are counted too.
func (s *Service) viewFleet(
	ctx context.Context, caller access.Caller, counted bool, read func(tx *db.Tx) error,
) error {
	if counted {
		return s.options.DB.View(ctx, read)
	}
	return s.viewList(ctx, caller, policy.SyncConfiguration, read)
}

func fleetFilter(input *wire.ListResourceSyncsInput) (syncstate.FleetFilter, error) {
	filter := syncstate.FleetFilter{
		SyncType:       lockstep.SyncType(input.SyncType),
		ResourceName:   input.ResourceName,
		LinkID:         linkID(input.RepositoryLinkId),
		OwnerID:        input.OwnerId,
		RepositoryName: input.RepositoryName,
		Branch:         input.Branch,
		Status:         lockstep.ResourceSyncStatus(input.Status),
		Health:         lockstep.HealthState(input.Health),
		NeverSynced:    input.NeverSynced,
		Blocked:        input.Blocked,
	}
	if input.Status != "" && input.NeverSynced != nil && *input.NeverSynced {
		return filter, lockstep.Errorf(lockstep.Invalid,
			"Status and NeverSynced cannot be used together: a resource that was never synced has no status.")
	}

	return filter, nil
}

// formatFlag returns "" for a flag that was not given.
func formatFlag(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func fleetSubjects() func(syncstate.FleetEntry) access.Subject {
	subjectOf := access.ConfigurationSubjects()
	return func(e syncstate.FleetEntry) access.Subject { return subjectOf(e.Configuration) }
}

// countPage is the number of entries that countFleet reads at a time.
const countPage = 1000

// countFleet counts the resources that the caller may read. The database counts if
// these are all.
func countFleet(
	tx *db.Tx, caller access.Caller, filter syncstate.FleetFilter, read access.Read[syncstate.FleetEntry],
	subjectOf func(syncstate.FleetEntry) access.Subject,
) (*wire.ResourceSyncCounts, error) {
	if caller.CanReadAll(policy.SyncConfiguration) {
		total, err := syncstate.FleetCounts(tx, caller.Account, caller.Region, filter)
		return conversion.ToWireCounts(total), err
	}

	var total syncstate.FleetCount
	page := db.Page{Limit: countPage}
	for more := true; more; more = page.After != (db.Cursor{}) {
		fleet, next, err := read(page)
		if err != nil {
			return nil, err
		}

		for _, entry := range fleet {
			sees, err := caller.CanRead(tx, subjectOf(entry))
			if err != nil {
				return nil, err
			}

			if sees {
				total.Add(entry)
			}
		}

		page.After = next
	}

	return conversion.ToWireCounts(total), nil
}
