package api

import (
	"context"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListResourceSyncs reads the fleet: each configured resource with its latest
// status, by name.
func (s *Service) ListResourceSyncs(ctx context.Context, c Caller, in *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
	if err := c.onAccount("lockstep:ListResourceSyncs"); err != nil {
		return nil, err
	}

	filter, err := fleetFilter(in)
	if err != nil {
		return nil, err
	}

	list := s.listing(c, "resource syncs", in.AccountId, in.SyncType, filter.LinkID, in.OwnerId, in.RepositoryName, in.Branch,
		in.Status, flag(in.NeverSynced), flag(in.Blocked))
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	counted := in.IncludeCounts != nil && *in.IncludeCounts
	out := &wire.ListResourceSyncsOutput{}
	if in.AccountId != "" && in.AccountId != string(c.Account) {
		if counted {
			out.Counts = &wire.ResourceSyncCounts{}
		}
		return out, nil
	}

	the := manyEntries()
	err = s.readFleet(ctx, c, counted, func(tx *db.Tx) error {
		entries := func(p store.Page) ([]store.FleetEntry, store.Cursor, error) {
			return store.Fleet(tx, c.Account, c.Region, filter, p)
		}
		fleet, next, err := visible(tx, c, policy.SyncConfiguration, page, entries, the)
		if err != nil {
			return err
		}

		for _, e := range fleet {
			out.ResourceSyncs = append(out.ResourceSyncs, showFleetEntry(c.Account, e))
		}

		if counted {
			if out.Counts, err = c.counts(tx, filter, entries, the); err != nil {
				return err
			}
		}

		out.NextToken, err = list.token(next)
		return err
	})

	return out, err
}

// readFleet is list, unless there is more to read than the list.
func (s *Service) readFleet(ctx context.Context, c Caller, counted bool, f func(tx *db.Tx) error) error {
	if counted {
		return s.o.DB.View(ctx, f)
	}
	return s.list(ctx, c, policy.SyncConfiguration, f)
}

func fleetFilter(in *wire.ListResourceSyncsInput) (store.FleetFilter, error) {
	f := store.FleetFilter{
		SyncType:       lockstep.SyncType(in.SyncType),
		LinkID:         linkID(in.RepositoryLinkId),
		OwnerID:        in.OwnerId,
		RepositoryName: in.RepositoryName,
		Branch:         in.Branch,
		Status:         lockstep.ResourceSyncStatus(in.Status),
		NeverSynced:    in.NeverSynced,
		Blocked:        in.Blocked,
	}
	if in.Status != "" && in.NeverSynced != nil && *in.NeverSynced {
		return f, lockstep.Errorf(lockstep.Invalid, "Status and NeverSynced exclude each other: what was never synced has no status.")
	}

	return f, nil
}

// flag writes what a caller said of a flag, or that nothing was said.
func flag(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func manyEntries() func(store.FleetEntry) thing {
	the := manyConfigurations()
	return func(e store.FleetEntry) thing { return the(e.Configuration) }
}

// countedAtOnce is how many entries are read at a time to be counted.
const countedAtOnce = 1000

// counts counts what the caller may see of the fleet: by the database, where
// that is all of it.
func (c Caller) counts(tx *db.Tx, f store.FleetFilter, read func(store.Page) ([]store.FleetEntry, store.Cursor, error),
	the func(store.FleetEntry) thing) (*wire.ResourceSyncCounts, error) {
	if c.seesAll(policy.SyncConfiguration) {
		n, err := store.FleetCounts(tx, c.Account, c.Region, f)
		return showCounts(n), err
	}

	var n store.FleetCount
	page := store.Page{Limit: countedAtOnce}
	for more := true; more; more = page.After != (store.Cursor{}) {
		fleet, next, err := read(page)
		if err != nil {
			return nil, err
		}

		for _, e := range fleet {
			sees, err := c.seesThing(tx, the(e))
			if err != nil {
				return nil, err
			}

			if sees {
				n.Add(e)
			}
		}

		page.After = next
	}

	return showCounts(n), nil
}

func showCounts(n store.FleetCount) *wire.ResourceSyncCounts {
	return &wire.ResourceSyncCounts{
		Total:       n.Total,
		Initiated:   n.ByStatus[lockstep.ResourceInitiated],
		InProgress:  n.ByStatus[lockstep.ResourceInProgress],
		Succeeded:   n.ByStatus[lockstep.ResourceSucceeded],
		Failed:      n.ByStatus[lockstep.ResourceFailed],
		NeverSynced: n.NeverSynced,
		Blocked:     n.Blocked,
	}
}

func showFleetEntry(account lockstep.AccountID, e store.FleetEntry) wire.ResourceSyncSummary {
	return wire.ResourceSyncSummary{
		ResourceName:     e.Configuration.ResourceName,
		SyncType:         string(e.Configuration.SyncType),
		AccountId:        string(account),
		RepositoryLinkId: e.Configuration.LinkID,
		OwnerId:          e.Configuration.OwnerID,
		RepositoryName:   e.Configuration.RepositoryName,
		Branch:           e.Configuration.Branch,
		ConfigFile:       e.Configuration.ConfigFile,
		Status:           string(e.Status),
		TargetSha:        string(e.TargetSHA),
		DesiredSha:       string(e.DesiredSHA),
		StartedAt:        wire.Time{Time: e.StartedAt},
		Blocked:          e.Blocked,
	}
}
