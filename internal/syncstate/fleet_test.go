package syncstate_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// aFleet makes resources of two repositories: web applied, api failed and
// blocked, db running for the second time, new without an attempt; and one of
// another account.
func aFleet(t testing.TB, database *db.DB) map[string]lockstep.SyncConfiguration {
	t.Helper()
	first, second := storetest.InsertLink(t, database, 1), storetest.InsertLink(t, database, 2)
	cfgs := map[string]lockstep.SyncConfiguration{}
	for name, where := range map[string][2]string{
		"web": {first.ID, "main"}, "api": {first.ID, "prod"}, "db": {second.ID, "main"}, "new": {second.ID, "main"},
	} {
		cfg := storetest.NewConfiguration(name, where[0])
		cfg.Branch = where[1]
		cfgs[name] = storetest.InsertConfiguration(t, database, cfg)
		withResource(t, database, cfgs[name], func(tx *db.Tx, state syncstate.ResourceState) error {
			return syncstate.BindResource(tx, state.ID, cfgs[name].ID)
		})
	}

	for name, outcomes := range map[string][]lockstep.Outcome{
		"web": {lockstep.Failed, lockstep.Applied}, "api": {lockstep.Failed}, "db": {lockstep.Applied, ""},
	} {
		for i, outcome := range outcomes {
			setDesired(t, database, cfgs[name], lockstep.SHA(fmt.Sprint(name, i)))
			endAttempt(t, database, cfgs[name], outcome)
		}
	}

	withResource(t, database, cfgs["api"], func(tx *db.Tx, state syncstate.ResourceState) error {
		return syncstate.InsertBlocker(tx, state.ID, "r", nil)
	})
	return cfgs
}

// readFleet reads all pages of two.
func readFleet(
	t testing.TB, d *db.DB, a lockstep.AccountID, filter syncstate.FleetFilter,
) (list []syncstate.FleetEntry) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		page := db.Page{Limit: 2}
		for {
			entries, next, err := syncstate.Fleet(tx, a, region, filter, page)
			list = append(list, entries...)
			if page.After = next; err != nil || next == (db.Cursor{}) {
				return err
			}
		}
	})

	return list
}

func TestTheFleetIsFilteredByAllCriteria(t *testing.T) {
	yes, no := true, false
	tests := []struct {
		name   string
		filter syncstate.FleetFilter
		want   []string
		count  syncstate.FleetCount
	}{
		{
			name:   "all",
			filter: syncstate.FleetFilter{},
			want:   []string{"api", "db", "new", "web"},
			count: syncstate.FleetCount{
				Total:       4,
				NeverSynced: 1,
				Blocked:     1,
				ByStatus:    counts("INITIATED", "FAILED", "SUCCEEDED"),
			},
		},
		{
			name:   "a link",
			filter: syncstate.FleetFilter{LinkID: storetest.NewLink(1, "").ID},
			want:   []string{"api", "web"},
			count:  syncstate.FleetCount{Total: 2, Blocked: 1, ByStatus: counts("FAILED", "SUCCEEDED")},
		},
		{
			name:   "a repository",
			filter: syncstate.FleetFilter{OwnerID: "acme", RepositoryName: "infra2"},
			want:   []string{"db", "new"},
			count:  syncstate.FleetCount{Total: 2, NeverSynced: 1, ByStatus: counts("INITIATED")},
		},
		{
			name:   "another owner",
			filter: syncstate.FleetFilter{OwnerID: "emca"},
			count:  syncstate.FleetCount{ByStatus: counts()},
		},
		{
			name:   "a branch",
			filter: syncstate.FleetFilter{Branch: "main", LinkID: storetest.NewLink(1, "").ID},
			want:   []string{"web"},
			count:  syncstate.FleetCount{Total: 1, ByStatus: counts("SUCCEEDED")},
		},
		{
			name:   "a status",
			filter: syncstate.FleetFilter{Status: lockstep.ResourceFailed},
			want:   []string{"api"},
			count:  syncstate.FleetCount{Total: 1, Blocked: 1, ByStatus: counts("FAILED")},
		},
		{
			name:   "never synced",
			filter: syncstate.FleetFilter{NeverSynced: &yes},
			want:   []string{"new"},
			count: syncstate.FleetCount{Total: 1,
				NeverSynced: 1, ByStatus: counts()},
		},
		{
			name:   "synced",
			filter: syncstate.FleetFilter{NeverSynced: &no, Branch: "main"},
			want:   []string{"db", "web"},
			count:  syncstate.FleetCount{Total: 2, ByStatus: counts("INITIATED", "SUCCEEDED")},
		},
		{
			name:   "blocked",
			filter: syncstate.FleetFilter{Blocked: &yes},
			want:   []string{"api"},
			count:  syncstate.FleetCount{Total: 1, Blocked: 1, ByStatus: counts("FAILED")},
		},
		{
			name:   "not blocked",
			filter: syncstate.FleetFilter{Blocked: &no},
			want:   []string{"db", "new", "web"},
			count:  syncstate.FleetCount{Total: 3, NeverSynced: 1, ByStatus: counts("INITIATED", "SUCCEEDED")},
		},
		{
			name:   "a sync type",
			filter: syncstate.FleetFilter{SyncType: "CFN_STACK_SYNC"},
			want:   []string{"api", "db", "new", "web"},
			count: syncstate.FleetCount{
				Total:       4,
				NeverSynced: 1,
				Blocked:     1,
				ByStatus:    counts("INITIATED", "FAILED", "SUCCEEDED"),
			},
		},
		{
			name:   "another sync type",
			filter: syncstate.FleetFilter{SyncType: "OTHER"},
			count:  syncstate.FleetCount{ByStatus: counts()},
		},
	}
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		aFleet(t, database)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				var names []string
				var read syncstate.FleetCount
				for _, e := range readFleet(t, database, account, test.filter) {
					names = append(names, e.Configuration.ResourceName)
					read.Add(e)
				}

				if diff := cmp.Diff(test.want, names); diff != "" {
					t.Errorf("names (-want +got):\n%s", diff)
				}

				if read.Total > 0 {
					if diff := cmp.Diff(test.count, read); diff != "" {
						t.Errorf("counts of what was read (-want +got):\n%s", diff)
					}
				}

				storetest.Update(t, database, func(tx *db.Tx) error {
					got, err := syncstate.FleetCounts(tx, account, region, test.filter)
					if diff := cmp.Diff(test.count, got); diff != "" {
						t.Errorf("counts (-want +got):\n%s", diff)
					}
					return err
				})
			})
		}

		if list := readFleet(t, database, other, syncstate.FleetFilter{}); list != nil {
			t.Errorf("another account sees %v", list)
		}
	})
}

func counts(statuses ...lockstep.ResourceSyncStatus) map[lockstep.ResourceSyncStatus]int {
	byStatus := map[lockstep.ResourceSyncStatus]int{}
	for _, s := range statuses {
		byStatus[s]++
	}
	return byStatus
}

func TestTheFleetHasThePolicyAttributesAndTheLatestAttempt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfgs := aFleet(t, database)
		link := storetest.NewLink(2, storetest.NewConnection("conn-2", "").ARN)
		entry := readFleet(t, database, account, syncstate.FleetFilter{})[1]
		want := syncstate.FleetEntry{Configuration: cfgs["db"], LinkARN: link.ARN, ConnectionARN: link.ConnectionARN,
			Status: lockstep.ResourceInitiated, TargetSHA: "db1", DesiredSHA: "db1", StartedAt: entry.StartedAt}
		if diff := cmp.Diff(want, entry); diff != "" || entry.StartedAt.IsZero() {
			t.Errorf("entry (-want +got):\n%s", diff)
		}

		web := cfgs["web"]
		storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, web.ID) })
		web = storetest.InsertConfiguration(t, database, storetest.NewConfiguration("web", web.LinkID))
		withResource(t, database, web, func(tx *db.Tx, s syncstate.ResourceState) error {
			return syncstate.BindResource(tx, s.ID, web.ID)
		})

		entry = readFleet(t, database, account, syncstate.FleetFilter{})[3]
		if entry.Status != "" {
			t.Errorf("created again: Status is %q, want %q", entry.Status, "")
		}
		if entry.TargetSHA != "" {
			t.Errorf("created again: TargetSHA is %q, want %q", entry.TargetSHA, "")
		}
		if entry.DesiredSHA != "" {
			t.Errorf("created again: DesiredSHA is %q, want %q", entry.DesiredSHA, "")
		}
	})
}
