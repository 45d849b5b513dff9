package api

import (
	"context"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ListResourceSyncs reads the fleet: each configured resource with its latest
// status, by name.
func (s *Service) ListResourceSyncs(ctx context.Context, caller access.Caller, input *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
	if err := caller.AuthorizeAccount("lockstep:ListResourceSyncs"); err != nil {
		return nil, err
	}

	filter, err := fleetFilter(input)
	if err != nil {
		return nil, err
	}

	list := access.NewList(s.o.Seal, caller, "resource syncs", input.AccountId, input.SyncType, filter.LinkID, input.OwnerId, input.RepositoryName, input.Branch,
		input.Status, flag(input.NeverSynced), flag(input.Blocked))
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

	the := fleetSubjects()
	err = s.readFleet(ctx, caller, counted, func(tx *db.Tx) error {
		entries := func(p db.Page) ([]syncstate.FleetEntry, db.Cursor, error) {
			return syncstate.Fleet(tx, caller.Account, caller.Region, filter, p)
		}
		fleet, next, err := access.Visible(tx, caller, policy.SyncConfiguration, page, entries, the)
		if err != nil {
			return err
		}

		for _, e := range fleet {
			out.ResourceSyncs = append(out.ResourceSyncs, showFleetEntry(caller.Account, e))
		}

		if counted {
			if out.Counts, err = countFleet(tx, caller, filter, entries, the); err != nil {
				return err
			}
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// readFleet is list, unless there is more to read than the list.
func (s *Service) readFleet(ctx context.Context, caller access.Caller, counted bool, read func(tx *db.Tx) error) error {
	if counted {
		return s.o.DB.View(ctx, read)
	}
	return s.viewList(ctx, caller, policy.SyncConfiguration, read)
}

func fleetFilter(input *wire.ListResourceSyncsInput) (syncstate.FleetFilter, error) {
	filter := syncstate.FleetFilter{
		SyncType:       lockstep.SyncType(input.SyncType),
		LinkID:         linkID(input.RepositoryLinkId),
		OwnerID:        input.OwnerId,
		RepositoryName: input.RepositoryName,
		Branch:         input.Branch,
		Status:         lockstep.ResourceSyncStatus(input.Status),
		NeverSynced:    input.NeverSynced,
		Blocked:        input.Blocked,
	}
	if input.Status != "" && input.NeverSynced != nil && *input.NeverSynced {
		return filter, lockstep.Errorf(lockstep.Invalid, "Status and NeverSynced exclude each other: what was never synced has no status.")
	}

	return filter, nil
}

// flag writes what a caller said of a flag, or that nothing was said.
func flag(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func fleetSubjects() func(syncstate.FleetEntry) access.Subject {
	the := access.ConfigurationSubjects()
	return func(e syncstate.FleetEntry) access.Subject { return the(e.Configuration) }
}

// countedAtOnce is how many entries are read at a time to be counted.
const countedAtOnce = 1000

// countFleet counts what the caller may see of the fleet: by the database, where
// that is all of it.
func countFleet(tx *db.Tx, caller access.Caller, f syncstate.FleetFilter, read func(db.Page) ([]syncstate.FleetEntry, db.Cursor, error),
	the func(syncstate.FleetEntry) access.Subject) (*wire.ResourceSyncCounts, error) {
	if caller.CanReadAll(policy.SyncConfiguration) {
		total, err := syncstate.FleetCounts(tx, caller.Account, caller.Region, f)
		return showCounts(total), err
	}

	var total syncstate.FleetCount
	page := db.Page{Limit: countedAtOnce}
	for more := true; more; more = page.After != (db.Cursor{}) {
		fleet, next, err := read(page)
		if err != nil {
			return nil, err
		}

		for _, entry := range fleet {
			sees, err := caller.CanRead(tx, the(entry))
			if err != nil {
				return nil, err
			}

			if sees {
				total.Add(entry)
			}
		}

		page.After = next
	}

	return showCounts(total), nil
}

func showCounts(total syncstate.FleetCount) *wire.ResourceSyncCounts {
	return &wire.ResourceSyncCounts{
		Total:       total.Total,
		Initiated:   total.ByStatus[lockstep.ResourceInitiated],
		InProgress:  total.ByStatus[lockstep.ResourceInProgress],
		Succeeded:   total.ByStatus[lockstep.ResourceSucceeded],
		Failed:      total.ByStatus[lockstep.ResourceFailed],
		NeverSynced: total.NeverSynced,
		Blocked:     total.Blocked,
	}
}

func showFleetEntry(account lockstep.AccountID, entry syncstate.FleetEntry) wire.ResourceSyncSummary {
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
		DesiredSha:       string(entry.DesiredSHA),
		StartedAt:        wire.Time{Time: entry.StartedAt},
		Blocked:          entry.Blocked,
	}
}
