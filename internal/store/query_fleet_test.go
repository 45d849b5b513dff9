package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
)

// aFleet makes resources of two repositories: web applied, api failed and
// blocked, db running for the second time, new without an attempt; and one of
// another account.
func aFleet(t testing.TB, d *db.DB) map[string]lockstep.SyncConfiguration {
	t.Helper()
	first, second := insertLink(t, d, 1), insertLink(t, d, 2)
	cfgs := map[string]lockstep.SyncConfiguration{}
	for name, where := range map[string][2]string{
		"web": {first.ID, "main"}, "api": {first.ID, "prod"}, "db": {second.ID, "main"}, "new": {second.ID, "main"},
	} {
		cfg := newConfiguration(name, where[0])
		cfg.Branch = where[1]
		cfgs[name] = insertConfiguration(t, d, cfg)
		resource(t, d, cfgs[name], func(tx *db.Tx, s store.ResourceState) error { return store.BindResource(tx, s.ID, cfgs[name].ID) })
	}

	for name, outcomes := range map[string][]lockstep.Outcome{
		"web": {lockstep.Failed, lockstep.Applied}, "api": {lockstep.Failed}, "db": {lockstep.Applied, ""},
	} {
		for i, outcome := range outcomes {
			desire(t, d, cfgs[name], lockstep.SHA(fmt.Sprint(name, i)))
			attempt(t, d, cfgs[name], outcome)
		}
	}

	resource(t, d, cfgs["api"], func(tx *db.Tx, s store.ResourceState) error { return store.InsertBlocker(tx, s.ID, "r", nil) })
	return cfgs
}

// fleet reads all pages of two.
func fleet(t testing.TB, d *db.DB, a lockstep.AccountID, f store.FleetFilter) (list []store.FleetEntry) {
	t.Helper()
	update(t, d, func(tx *db.Tx) error {
		page := store.Page{Limit: 2}
		for {
			entries, next, err := store.Fleet(tx, a, region, f, page)
			list = append(list, entries...)
			if page.After = next; err != nil || next == (store.Cursor{}) {
				return err
			}
		}
	})

	return list
}

func TestFleetIsNarrowedByAllThatIsGiven(t *testing.T) {
	yes, no := true, false
	tests := []struct {
		name   string
		filter store.FleetFilter
		want   []string
		count  store.FleetCount
	}{
		{"all", store.FleetFilter{}, []string{"api", "db", "new", "web"},
			store.FleetCount{Total: 4, NeverSynced: 1, Blocked: 1, ByStatus: counts("INITIATED", "FAILED", "SUCCEEDED")}},
		{"a link", store.FleetFilter{LinkID: newLink(1, "").ID}, []string{"api", "web"},
			store.FleetCount{Total: 2, Blocked: 1, ByStatus: counts("FAILED", "SUCCEEDED")}},
		{"a repository", store.FleetFilter{OwnerID: "acme", RepositoryName: "infra2"}, []string{"db", "new"},
			store.FleetCount{Total: 2, NeverSynced: 1, ByStatus: counts("INITIATED")}},
		{"another owner", store.FleetFilter{OwnerID: "emca"}, nil, store.FleetCount{ByStatus: counts()}},
		{"a branch", store.FleetFilter{Branch: "main", LinkID: newLink(1, "").ID}, []string{"web"},
			store.FleetCount{Total: 1, ByStatus: counts("SUCCEEDED")}},
		{"a status", store.FleetFilter{Status: lockstep.ResourceFailed}, []string{"api"},
			store.FleetCount{Total: 1, Blocked: 1, ByStatus: counts("FAILED")}},
		{"never synced", store.FleetFilter{NeverSynced: &yes}, []string{"new"}, store.FleetCount{Total: 1, NeverSynced: 1, ByStatus: counts()}},
		{"synced", store.FleetFilter{NeverSynced: &no, Branch: "main"}, []string{"db", "web"},
			store.FleetCount{Total: 2, ByStatus: counts("INITIATED", "SUCCEEDED")}},
		{"blocked", store.FleetFilter{Blocked: &yes}, []string{"api"},
			store.FleetCount{Total: 1, Blocked: 1, ByStatus: counts("FAILED")}},
		{"not blocked", store.FleetFilter{Blocked: &no}, []string{"db", "new", "web"},
			store.FleetCount{Total: 3, NeverSynced: 1, ByStatus: counts("INITIATED", "SUCCEEDED")}},
		{"a sync type", store.FleetFilter{SyncType: "CFN_STACK_SYNC"}, []string{"api", "db", "new", "web"},
			store.FleetCount{Total: 4, NeverSynced: 1, Blocked: 1, ByStatus: counts("INITIATED", "FAILED", "SUCCEEDED")}},
		{"another sync type", store.FleetFilter{SyncType: "OTHER"}, nil, store.FleetCount{ByStatus: counts()}},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		aFleet(t, d)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				var names []string
				var read store.FleetCount
				for _, e := range fleet(t, d, account, test.filter) {
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

				update(t, d, func(tx *db.Tx) error {
					got, err := store.FleetCounts(tx, account, region, test.filter)
					if diff := cmp.Diff(test.count, got); diff != "" {
						t.Errorf("counts (-want +got):\n%s", diff)
					}
					return err
				})
			})
		}

		if list := fleet(t, d, other, store.FleetFilter{}); list != nil {
			t.Errorf("another account sees %v", list)
		}
	})
}

func counts(statuses ...lockstep.ResourceSyncStatus) map[lockstep.ResourceSyncStatus]int {
	m := map[lockstep.ResourceSyncStatus]int{}
	for _, s := range statuses {
		m[s]++
	}
	return m
}

func TestFleetTellsWhatAPolicyAsksAndTheLatestAttemptOfTheConfigurationThereIs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfgs := aFleet(t, d)
		link := newLink(2, newConnection("conn-2", "").ARN)
		e := fleet(t, d, account, store.FleetFilter{})[1]
		want := store.FleetEntry{Configuration: cfgs["db"], LinkARN: link.ARN, ConnectionARN: link.ConnectionARN,
			Status: lockstep.ResourceInitiated, TargetSHA: "db1", DesiredSHA: "db1", StartedAt: e.StartedAt}
		if diff := cmp.Diff(want, e); diff != "" || e.StartedAt.IsZero() {
			t.Errorf("entry (-want +got):\n%s", diff)
		}

		web := cfgs["web"]
		update(t, d, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, web.ID) })
		web = insertConfiguration(t, d, newConfiguration("web", web.LinkID))
		resource(t, d, web, func(tx *db.Tx, s store.ResourceState) error { return store.BindResource(tx, s.ID, web.ID) })

		if e := fleet(t, d, account, store.FleetFilter{})[3]; e.Status != "" || e.TargetSHA != "" || e.DesiredSHA != "" {
			t.Errorf("made anew: %+v", e)
		}
	})
}
