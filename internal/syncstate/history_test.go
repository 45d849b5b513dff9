package syncstate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

func TestHistoryIsReadNewestFirstInPagesAndOutlivesItsConfiguration(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		var want []string
		for i := range 5 {
			if i == 3 { // created again
				storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, cfg.ID) })
				cfg = storetest.InsertConfiguration(t, database, storetest.NewConfiguration("web", cfg.LinkID))
				withResource(t, database, cfg, func(tx *db.Tx,
					s syncstate.ResourceState) error {
					return syncstate.BindResource(tx, s.ID, cfg.ID)
				})
			}

			setDesired(t, database, cfg, lockstep.SHA(fmt.Sprint(i)))
			attempt := endAttempt(t, database, cfg, lockstep.Applied)
			want = append([]string{attempt.ID + " " + fmt.Sprint(i)}, want...)
		}

		var got []string
		storetest.Update(t, database, func(tx *db.Tx) error {
			page := db.Page{Limit: 2}
			for {
				list, next, err := syncstate.Attempts(tx, cfg.Resource(), page)
				for _, attempt := range list {
					got = append(got, attempt.ID+" "+string(attempt.TargetRevision.SHA))
					if attempt.Resource != cfg.Resource() || attempt.Configuration.ConfigFile != cfg.ConfigFile {
						t.Errorf("entry %+v", attempt)
					}
				}

				if page.After = next; err != nil || next == (db.Cursor{}) {
					return err
				}
			}
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}

		for _, resource := range []lockstep.Resource{
			{Account: other, Region: region, SyncType: cfg.SyncType, Name: cfg.ResourceName},
			{Account: account, Region: region, SyncType: cfg.SyncType, Name: "none"},
		} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, next, err := syncstate.Attempts(tx, resource, db.Page{Limit: 2})
				if len(list) != 0 || next != (db.Cursor{}) {
					t.Errorf("%v has the history %v", resource, list)
				}
				return err
			})
		}
	})
}

func TestAttemptIsReadWithItsEventsAndItsPlan(t *testing.T) {
	plan := lockstep.Plan{ID: "arn:changeset", Name: "lockstep-1", Truncated: true, Changes: []lockstep.ProposedChange{{
		Action: "Modify", LogicalID: "Bucket", PhysicalID: "b\x00", ResourceType: "AWS::S3::Bucket",
		Replacement: "Conditional",
		Scope:       []string{"Properties"}, Details: []lockstep.ChangeDetail{{
			Attribute:          "Properties",
			Name:               "BucketName",
			Path:               "/Properties/BucketName",
			RequiresRecreation: "Always",
			ChangeSource:       "ParameterReference",
			CausingEntity:      "Name",
			Evaluation:         "Static",
		}},
	}}}
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "one")
		attempt := endAttempt(t, database, cfg, "")
		read := func() (record syncstate.AttemptRecord) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) (err error) {
				record, err = syncstate.Attempt(tx, account, region, attempt.ID)
				return err
			})
			return record
		}
		initial := read()
		if initial.Plan != nil {
			t.Errorf("at first, Plan is %+v, want none", initial.Plan)
		}
		if initial.Events != nil {
			t.Errorf("at first, Events is %+v, want none", initial.Events)
		}
		if initial.LastEvent != "" {
			t.Errorf("at first, LastEvent is %q, want %q", initial.LastEvent, "")
		}
		if initial.Status != lockstep.ResourceInitiated {
			t.Errorf("at first, Status is %v, want %v", initial.Status, lockstep.ResourceInitiated)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return errors.Join(syncstate.SavePlan(tx, attempt.ID, plan),
				syncstate.AddResourceEvents(tx, attempt.ID,
					lockstep.Event{Type: "E1", Message: "m1"},
					lockstep.Event{Type: "E2", Message: "m2"}))
		})
		record := read()
		if diff := cmp.Diff(&plan, record.Plan); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}

		if len(record.Events) != 2 || record.Events[0].Message != "m1" || record.LastEvent != "m2" ||
			record.Resource != cfg.Resource() || record.TargetRevision != cfg.Revision("one") {
			t.Errorf("record %+v", record)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return syncstate.SavePlan(tx, attempt.ID, lockstep.Plan{})
		})
		if record := read(); record.Plan != nil {
			t.Errorf("a plan that was given up: %+v", record.Plan)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return syncstate.FinishAttempt(tx, attempt.ID, lockstep.Applied)
		})
		storetest.RequireKind(t, database, lockstep.Stale, func(tx *db.Tx) error {
			return syncstate.SavePlan(tx, attempt.ID, plan)
		})
		for _, scope := range []struct {
			account lockstep.AccountID
			region  string
			id      string
		}{{other, region, attempt.ID}, {account, "us-east-1", attempt.ID}, {account, region, "none"}} {
			storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
				_, err := syncstate.Attempt(tx, scope.account, scope.region, scope.id)
				return err
			})
		}
	})
}

// insertBlocker creates a blocker for the configuration's resource, and resolves it if
// resolved is true.
func insertBlocker(
	t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration, reason string, resolved bool,
) (b lockstep.Blocker) {
	t.Helper()
	withResource(t, d, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
		err := syncstate.InsertBlocker(tx, state.ID, reason, []lockstep.Context{{Key: "StackName", Value: "web"}})
		if err != nil {
			return err
		}
		if b, _, err = syncstate.ActiveBlocker(tx, state.ID); err != nil || !resolved {
			return err
		}

		ok, err := syncstate.ResolveBlockerByID(tx, state.ID, b.ID, "mended\x00")
		if !ok || err != nil {
			t.Errorf("resolved %t, %v", ok, err)
		}

		return err
	})

	return b
}

func TestBlockersAreReadNewestFirstAndOnlyThoseOfThisConfiguration(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		storetest.Update(t, database, func(tx *db.Tx) error { // a blocker of a configuration before
			_, err := tx.Exec(`INSERT INTO sync_blocker (id, resource_id, type, status, created_reason, created_at,
				resolved_at)
				SELECT 'old', id, 'AUTOMATED', 'RESOLVED', 'old', 1, 2 FROM resource`)
			return err
		})

		first := insertBlocker(t, database, cfg, "first", true)
		second := insertBlocker(t, database, cfg, "second", false)
		storetest.Update(t, database, func(tx *db.Tx) error {
			// Both may have been made in one millisecond.
			_, err := tx.Exec(`UPDATE sync_blocker SET created_at = created_at + 5 WHERE id = $1`, second.ID)
			return err
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			list, err := syncstate.Blockers(tx, cfg, 10)
			if err != nil || len(list) != 2 {
				t.Fatalf("blockers %+v, %v", list, err)
			}

			if list[0].ID != second.ID {
				t.Errorf("the newest: ID is %v, want %v", list[0].ID, second.ID)
			}
			if list[0].Status != lockstep.BlockerActive {
				t.Errorf("the newest: Status is %v, want %v", list[0].Status, lockstep.BlockerActive)
			}
			if !list[0].ResolvedAt.IsZero() {
				t.Errorf("the newest: ResolvedAt is %v, want none", list[0].ResolvedAt)
			}
			if len(list[0].Contexts) != 1 {
				t.Errorf("the newest: Contexts is %+v, want one", list[0].Contexts)
			}

			resolved := list[1]
			if resolved.ID != first.ID {
				t.Errorf("the resolved one: ID is %v, want %v", resolved.ID, first.ID)
			}
			if resolved.Status != lockstep.BlockerResolved {
				t.Errorf("the resolved one: Status is %v, want %v", resolved.Status, lockstep.BlockerResolved)
			}
			if resolved.ResolvedReason != "mended\uFFFD" {
				t.Errorf("the resolved one: ResolvedReason is %q, want %q", resolved.ResolvedReason, "mended\uFFFD")
			}
			if resolved.ResolvedAt.IsZero() {
				t.Error("the resolved one: ResolvedAt is not set")
			}

			if list, err = syncstate.Blockers(tx, cfg, 1); len(list) != 1 || list[0].ID != second.ID {
				t.Errorf("the newest alone: %+v", list)
			}

			return err
		})

		elsewhere := cfg
		elsewhere.Account = other
		storetest.Update(t, database, func(tx *db.Tx) error {
			got, err := syncstate.BlockerByID(tx, cfg, first.ID)
			if got.ID != first.ID {
				t.Errorf("by id %+v", got)
			}
			return err
		})

		for id, of := range map[string]lockstep.SyncConfiguration{"none": cfg, "old": cfg, first.ID: elsewhere} {
			storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
				_, err := syncstate.BlockerByID(tx, of, id)
				return err
			})
		}

		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			for _, id := range []string{first.ID, "none"} {
				if ok, err := syncstate.ResolveBlockerByID(tx, state.ID, id, "again"); ok || err != nil {
					t.Errorf("resolved %s: %v", id, err)
				}
			}

			ok, err := syncstate.ResolveBlockerByID(tx, state.ID+1, second.ID, "again")
			if ok {
				t.Error("resolved another resource's")
			}

			return err
		})
	})
}

func TestBlockersOfTheFleetAreFilteredAndPaged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfgs := aFleet(t, database) // api is blocked
		for i, name := range []string{"web", "web", "db"} {
			b := insertBlocker(t, database, cfgs[name], fmt.Sprint(name, i), i != 2)
			storetest.Update(t, database, func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE sync_blocker SET created_at = created_at + $2 WHERE id = $1`, b.ID, 5*(i+1))
				return err
			})
		}

		storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, cfgs["new"].ID) })
		for name, test := range map[string]struct {
			account lockstep.AccountID
			filter  syncstate.BlockerFilter
			want    string
		}{
			"all":      {account, syncstate.BlockerFilter{}, "db2 web1 web0 r"},
			"active":   {account, syncstate.BlockerFilter{Status: lockstep.BlockerActive}, "db2 r"},
			"resolved": {account, syncstate.BlockerFilter{Status: lockstep.BlockerResolved}, "web1 web0"},
			"of one": {account, syncstate.BlockerFilter{
				SyncType:     "CFN_STACK_SYNC",
				ResourceName: "web",
			}, "web1 web0"},
			"of a type":  {account, syncstate.BlockerFilter{SyncType: "OTHER"}, ""},
			"of another": {other, syncstate.BlockerFilter{}, ""},
		} {
			var got []string
			storetest.Update(t, database, func(tx *db.Tx) error {
				page := db.Page{Limit: 1}
				for {
					list, next, err := syncstate.FleetBlockers(tx, test.account, region, test.filter, page)
					for _, b := range list {
						got = append(got, b.CreatedReason)
						want := cfgs[b.Configuration.ResourceName]
						if diff := cmp.Diff(want, b.Configuration); diff != "" ||
							!strings.Contains(string(b.LinkARN), want.LinkID) || b.ConnectionARN == "" {
							t.Errorf("%+v: %s", b, diff)
						}
					}

					if page.After = next; err != nil || next == (db.Cursor{}) {
						return err
					}
				}
			})
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: %v, want %s", name, got, test.want)
			}
		}
	})
}
