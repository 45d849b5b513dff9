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

// concerns returns the configurations that a commit affects.
func concerns(t testing.TB, d *db.DB, link string, sha lockstep.SHA) (list []syncstate.AffectedConfiguration) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) (err error) {
		list, err = syncstate.AffectedConfigurations(tx, link, sha)
		return err
	})
	return list
}

func TestAnAffectedConfigurationHasTheTimesOfItsAttempt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "a")
		if list := concerns(t, database, cfg.LinkID, "a"); len(list) != 0 {
			t.Errorf("what does not publish is read: %+v", list)
		}

		cfg.PublishDeploymentStatus = "ENABLED"
		storetest.Update(t, database, func(tx *db.Tx) error { return store.UpdateConfiguration(tx, &cfg) })
		affected := concerns(t, database, cfg.LinkID, "a")[0]
		if !affected.IsPending {
			t.Error("before an attempt, IsPending is false, want true")
		}
		if affected.AttemptID != "" {
			t.Errorf("before an attempt, AttemptID is %q, want %q", affected.AttemptID, "")
		}
		if !affected.StartedAt.IsZero() {
			t.Errorf("before an attempt, StartedAt is %v, want none", affected.StartedAt)
		}
		if !affected.EndedAt.IsZero() {
			t.Errorf("before an attempt, EndedAt is %v, want none", affected.EndedAt)
		}

		attempt := endAttempt(t, database, cfg, "")
		affected = concerns(t, database, cfg.LinkID, "a")[0]
		if affected.IsPending {
			t.Error("while it runs, IsPending is true, want false")
		}
		if affected.AttemptID != attempt.ID {
			t.Errorf("while it runs, AttemptID is %v, want %v", affected.AttemptID, attempt.ID)
		}
		if !affected.StartedAt.Equal(attempt.StartedAt) {
			t.Errorf("while it runs, StartedAt is %v, want %v", affected.StartedAt, attempt.StartedAt)
		}
		if !affected.EndedAt.IsZero() {
			t.Errorf("while it runs, EndedAt is %v, want none", affected.EndedAt)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return syncstate.FinishAttempt(tx, attempt.ID, lockstep.Failed)
		})
		affected = concerns(t, database, cfg.LinkID, "a")[0]
		if affected.Outcome != lockstep.Failed {
			t.Errorf("after it, Outcome is %v, want %v", affected.Outcome, lockstep.Failed)
		}
		if !affected.StartedAt.Equal(attempt.StartedAt) {
			t.Errorf("after it, StartedAt is %v, want %v", affected.StartedAt, attempt.StartedAt)
		}
		if affected.EndedAt.IsZero() {
			t.Error("after it, EndedAt is not set")
		}
	})
}

func TestTheLastEventsAreReadInTheirOrder(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "a")
		attempt := endAttempt(t, database, cfg, "")
		storetest.Update(t, database, func(tx *db.Tx) error {
			for i := range 5 {
				if err := syncstate.AddResourceEvents(tx, attempt.ID, lockstep.Event{
					Type:    "T",
					Message: fmt.Sprint(i),
				}); err != nil {
					return err
				}
			}
			return nil
		})

		for limit, want := range map[int][]string{
			0: nil,
			2: {"3", "4"},
			5: {"0", "1", "2", "3", "4"},
			9: {"0", "1", "2", "3", "4"},
		} {
			var got []string
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, err := syncstate.LastResourceEvents(tx, attempt.ID, limit)
				for _, ev := range list {
					got = append(got, ev.Message)
				}
				return err
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d: %s", limit, diff)
			}
		}
	})
}

func TestAReportIsFoundByItsCommitInItsEnvironment(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1).ID
		recordChange(t, database, link, "a", 0, true)
		recordChange(t, database, storetest.InsertLink(t, database, 2).ID, "b", 0, true)
		read := func(link, environment string, sha lockstep.SHA) func(tx *db.Tx) error {
			return func(tx *db.Tx) error {
				r, err := syncstate.StatusReportOf(tx, link, environment, sha)
				if err == nil && (r.SHA != sha || r.Branch != "main") {
					t.Errorf("%+v", r)
				}
				return err
			}
		}

		storetest.Update(t, database, read(link, "e", "a"))
		storetest.RequireKind(t, database, lockstep.NotFound, read(link, "e", "b"))
		storetest.RequireKind(t, database, lockstep.NotFound, read(link, "f", "a"))
		storetest.RequireKind(t, database, lockstep.NotFound, read("another", "e", "a"))
	})
}
