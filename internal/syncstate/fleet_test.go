package syncstate_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

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
				ByStatus:    counts("INITIATED", "FAILED", "SUCCEEDED"),
			},
		},
		{
			name:   "a link",
			filter: syncstate.FleetFilter{LinkID: storetest.NewLink(1, "").ID},
			want:   []string{"api", "web"},
			count:  syncstate.FleetCount{Total: 2, ByStatus: counts("FAILED", "SUCCEEDED")},
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
			count:  syncstate.FleetCount{Total: 1, ByStatus: counts("FAILED")},
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
			count:  syncstate.FleetCount{Total: 1, ByStatus: counts("FAILED")},
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
				test.count.ByHealth = healthCounts(test.want)
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

// healthCounts returns the health of resources of aFleet.
func healthCounts(names []string) map[lockstep.HealthState]int {
	byHealth := map[lockstep.HealthState]int{}
	for _, name := range names {
		byHealth[map[string]lockstep.HealthState{
			"web": lockstep.HealthInStep,
			"api": lockstep.HealthBlocked,
			"db":  lockstep.HealthSyncing,
			"new": lockstep.HealthBehind,
		}[name]]++
	}
	return byHealth
}

func TestTheFleetHasThePolicyAttributesAndTheLatestAttempt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfgs := aFleet(t, database)
		link := storetest.NewLink(2, storetest.NewConnection("conn-2", "").ARN)
		entry := readFleet(t, database, account, syncstate.FleetFilter{})[1]
		want := syncstate.FleetEntry{Configuration: cfgs["db"], LinkARN: link.ARN, ConnectionARN: link.ConnectionARN,
			Status: lockstep.ResourceInitiated, TargetSHA: "db1", TargetBranch: "main", DesiredSHA: "db1",
			StartedAt: entry.StartedAt,
			Health:    lockstep.Health{State: lockstep.HealthSyncing, Since: entry.StartedAt}}
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

// healthOf returns the health of web.
func healthOf(t testing.TB, database *db.DB) lockstep.Health {
	t.Helper()
	return readFleet(t, database, account, syncstate.FleetFilter{ResourceName: "web"})[0].Health
}

func TestHealthKnowsWhetherTheRepositoryCanBeRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := aFleet(t, database)["web"]
		lockBranch := func(tx *db.Tx) error {
			_, err := syncstate.LockBranch(tx, cfg.LinkID, cfg.Branch)
			return err
		}
		storetest.Update(t, database, lockBranch)
		if got := healthOf(t, database); got.State != lockstep.HealthInStep || got.Reason != "" {
			t.Errorf("after a success it is %+v, want IN_STEP without a reason", got)
		}

		finishPoll := func(failures int64, message string) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				poll := store.Poll{LinkID: cfg.LinkID, Failures: failures, Error: message}
				return store.FinishPoll(tx, poll, tx.Now.Add(time.Minute))
			})
		}
		finishPoll(1, "The host does not answer.")
		first := healthOf(t, database)
		if first.State != lockstep.HealthUnknown {
			t.Errorf("after a failed poll it is %s, want UNKNOWN", first.State)
		}
		if first.Reason != "The host does not answer." {
			t.Errorf("after a failed poll the reason is %q", first.Reason)
		}
		if first.Since.IsZero() || first.NextProbe.IsZero() {
			t.Errorf("after a failed poll Since is %s and NextProbe %s, want both", first.Since, first.NextProbe)
		}

		finishPoll(2, "Not authorized.")
		second := healthOf(t, database)
		if second.Reason != "Not authorized." {
			t.Errorf("after another error the reason is %q", second.Reason)
		}
		if !second.Since.Equal(first.Since) {
			t.Errorf("after another error Since is %s, want that of the first, %s", second.Since, first.Since)
		}

		finishPoll(0, "")
		if got := healthOf(t, database).State; got != lockstep.HealthInStep {
			t.Errorf("after a poll that succeeded it is %s, want IN_STEP", got)
		}

		setProblem := func(problem string) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				return syncstate.SetBranchProblem(tx, cfg.LinkID, cfg.Branch, problem)
			})
		}
		setProblem("Branch main was not found in repository acme/infra.")
		got := healthOf(t, database)
		if got.State != lockstep.HealthUnknown {
			t.Errorf("without the branch it is %s, want UNKNOWN", got.State)
		}
		if want := "Branch main was not found in repository acme/infra."; got.Reason != want {
			t.Errorf("without the branch the reason is %q, want %q", got.Reason, want)
		}

		setProblem("")
		if got := healthOf(t, database).State; got != lockstep.HealthInStep {
			t.Errorf("with the branch again it is %s, want IN_STEP", got)
		}
	})
}

func TestAFailureAndABlockerExplainTheHealth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := aFleet(t, database)["web"]
		setDesired(t, database, cfg, "web2")
		if got := healthOf(t, database); got.State != lockstep.HealthBehind || got.Reason != "Commit web2 waits to be synced." {
			t.Errorf("before an attempt it is %+v, want BEHIND with the commit", got)
		}

		attempt := endAttempt(t, database, cfg, "")
		storetest.Update(t, database, func(tx *db.Tx) error {
			err := syncstate.AddResourceEvents(tx, attempt.ID,
				lockstep.Event{Type: "SYNC_STARTED", Message: "Sync started."},
				lockstep.Event{Type: "CHANGESET_FAILED", Message: "A step failed."},
				lockstep.Event{Type: "STACK_RESOURCE_FAILED", Message: "Queue failed."},
				lockstep.Event{Type: "STACK_RESOURCE_FAILED", Message: "Topic was cancelled."},
				lockstep.Event{Type: "STACK_UPDATE_FAILED", Message: "Stack update failed."})
			if err != nil {
				return err
			}
			return syncstate.FinishAttempt(tx, attempt.ID, lockstep.Failed)
		})
		if got := healthOf(t, database); got.State != lockstep.HealthFailed || got.Reason != "Queue failed." {
			t.Errorf("after a failure it is %+v, want FAILED with its root cause", got)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			poll := store.Poll{LinkID: cfg.LinkID, Failures: 1, Error: "The host does not answer."}
			return store.FinishPoll(tx, poll, tx.Now.Add(time.Minute))
		})
		got := healthOf(t, database)
		if got.State != lockstep.HealthFailed {
			t.Errorf("after a failure, without the repository, it is %s, want FAILED", got.State)
		}
		pattern := regexp.MustCompile(
			`^Queue failed\. The repository cannot be read since \S+Z: The host does not answer\.$`)
		if !pattern.MatchString(got.Reason) {
			t.Errorf("after a failure, without the repository, the reason is %q", got.Reason)
		}

		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			return syncstate.InsertBlocker(tx, state.ID, "The stack was changed.", nil)
		})
		got = healthOf(t, database)
		if got.State != lockstep.HealthBlocked {
			t.Errorf("with a blocker it is %s, want BLOCKED", got.State)
		}
		pattern = regexp.MustCompile(
			`^The stack was changed\. The repository cannot be read since \S+Z: The host does not answer\.$`)
		if !pattern.MatchString(got.Reason) {
			t.Errorf("with a blocker, without the repository, the reason is %q", got.Reason)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.FinishPoll(tx, store.Poll{LinkID: cfg.LinkID}, tx.Now.Add(time.Minute))
		})
		if got := healthOf(t, database).Reason; got != "The stack was changed." {
			t.Errorf("with a blocker the reason is %q, want its own", got)
		}
	})
}

func TestAPinnedResourceIsBehindAHeadThatAffectsIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := aFleet(t, database)["web"]
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			if _, err := syncstate.LockBranch(tx, cfg.LinkID, cfg.Branch); err != nil {
				return err
			}
			if err := syncstate.SetBranchHead(tx, cfg.LinkID, cfg.Branch, "web9"); err != nil {
				return err
			}
			return syncstate.PinAtHead(tx, state.ID, "web9")
		})
		want := "Pinned at commit web1, which was requested by its id. The head of the branch is web9. " +
			"Run `lockstep retry web` to release it."
		if got := healthOf(t, database); got.State != lockstep.HealthInStep || got.Reason != want {
			t.Errorf("with a head that does not affect it, it is %+v, want IN_STEP with %q", got, want)
		}

		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			return syncstate.MarkAffected(tx, state, "web9")
		})
		if got := healthOf(t, database); got.State != lockstep.HealthBehind || got.Reason != want {
			t.Errorf("with a head that affects it, it is %+v, want BEHIND with %q", got, want)
		}
	})
}

func TestAStatusThatTheGitHostRefusesIsAProblemOfItsResources(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		const role = "arn:aws:iam::999988887777:role/sync"
		for name, change := range map[string]func(cfg *lockstep.SyncConfiguration){
			"published":     func(cfg *lockstep.SyncConfiguration) { cfg.PublishDeploymentStatus = lockstep.Enabled },
			"not published": func(cfg *lockstep.SyncConfiguration) {},
			"of another account": func(cfg *lockstep.SyncConfiguration) {
				cfg.PublishDeploymentStatus, cfg.RoleARN = lockstep.Enabled, role
			},
		} {
			cfg := storetest.NewConfiguration(name, link.ID)
			change(&cfg)
			cfg = storetest.InsertConfiguration(t, database, cfg)
			withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
				return syncstate.BindResource(tx, state.ID, cfg.ID)
			})
			setDesired(t, database, cfg, "abc")
			endAttempt(t, database, cfg, lockstep.Applied)
		}

		problems := func() map[string]string {
			found := map[string]string{}
			for _, entry := range readFleet(t, database, account, syncstate.FleetFilter{}) {
				found[entry.Configuration.ResourceName] = entry.StatusProblem
			}
			return found
		}
		none := map[string]string{"published": "", "not published": "", "of another account": ""}

		var stream int64
		storetest.Update(t, database, func(tx *db.Tx) (err error) {
			stream, _, err = syncstate.RecordStatusChange(tx, syncstate.StatusChange{
				LinkID:       link.ID,
				Environment:  "111122223333/" + region,
				SHA:          "abc",
				Branch:       "main",
				CreateReport: true,
			}, tx.Now)
			return err
		})
		if diff := cmp.Diff(none, problems()); diff != "" {
			t.Errorf("before the report (-want +got):\n%s", diff)
		}

		reports, _ := dueReports(t, database, stream)
		for reason, want := range map[string]map[string]string{
			"": none,
			"The token may not.": {
				"published": "The token may not.", "not published": "", "of another account": "",
			},
		} {
			reports[0].Reason = reason
			saveReport(t, database, reports[0])
			if diff := cmp.Diff(want, problems()); diff != "" {
				t.Errorf("reason %q (-want +got):\n%s", reason, diff)
			}
		}
	})
}

func TestARunningSyncOfARepositoryThatCannotBeReadSaysSo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := aFleet(t, database)["db"]
		storetest.Update(t, database, func(tx *db.Tx) error {
			poll := store.Poll{LinkID: cfg.LinkID, Failures: 1, Error: "The host does not answer."}
			return store.FinishPoll(tx, poll, tx.Now.Add(time.Minute))
		})

		health := readFleet(t, database, account, syncstate.FleetFilter{ResourceName: "db"})[0].Health
		if health.State != lockstep.HealthSyncing {
			t.Errorf("the health is %s, want SYNCING", health.State)
		}
		pattern := regexp.MustCompile(`^The repository cannot be read since \S+Z: The host does not answer\.$`)
		if !pattern.MatchString(health.Reason) {
			t.Errorf("the reason is %q", health.Reason)
		}
	})
}
