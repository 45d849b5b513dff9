package syncstate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// insertEvents makes an attempt with events E1 to En, as old as given.
func insertEvents(t testing.TB, d *db.DB, n int, age time.Duration) {
	t.Helper()
	l := storetest.InsertLink(t, d, 1)
	storetest.Update(t, d, func(tx *db.Tx) error {
		attempt, err := syncstate.InsertRepositoryAttempt(tx, l.ID, "main", lockstep.RepositoryInitiated)
		if err != nil {
			return err
		}

		for i := range n {
			ev := lockstep.Event{Time: tx.Now.Add(-age), Type: fmt.Sprintf("E%d", i+1), Message: "m"}
			if err := syncstate.AddRepositoryEvents(tx, attempt.ID, ev); err != nil {
				return err
			}
		}

		return nil
	})
}

func deleteEvent(t testing.TB, d *db.DB, id int) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM sync_event WHERE id = $1`, id)
		return err
	})
}

// seen reads all that a watcher sees now.
func seen(t testing.TB, d *db.DB) (types []string, next int64) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		list, place, err := syncstate.SyncEvents(tx, account, region, syncstate.EventFilter{}, 0, 100)
		for _, ev := range list {
			types = append(types, ev.Type)
		}
		next = place
		return err
	})
	return types, next
}

// On PostgreSQL an id is given before its row is committed, so that event 3 may
// be seen before event 2. A watcher who went on from 3 would never see 2.
func TestWatcherWaitsForAnEventThatMayStillBeCommitted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		insertEvents(t, database, 4, 0)
		deleteEvent(t, database, 2)
		types, next := seen(t, database)
		if diff := cmp.Diff([]string{"E1"}, types); diff != "" || next != 1 {
			t.Errorf("a gap that may be filled, going on at %d (-want +got):\n%s", next, diff)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			list, place, err := syncstate.NewestEvents(tx, account, region, syncstate.EventFilter{}, 100)
			if len(list) != 1 || place != 1 {
				t.Errorf("the newest: %v, going on at %d", list, place)
			}
			return err
		})
	})
}

func TestWatcherSkipsAGapThatStays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		insertEvents(t, d, 4, time.Minute)
		deleteEvent(t, d, 2)
		types, next := seen(t, d)
		if diff := cmp.Diff([]string{"E1", "E3", "E4"}, types); diff != "" || next != 4 {
			t.Errorf("an old gap, going on at %d (-want +got):\n%s", next, diff)
		}
	})
}

func TestEventsOfAnotherAccountAreNotSeen(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		insertEvents(t, database, 2, 0)
		for _, scope := range []struct {
			account lockstep.AccountID
			region  string
		}{{other, region}, {account, "us-east-1"}} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, next, err := syncstate.SyncEvents(tx, scope.account, scope.region,
					syncstate.EventFilter{}, 0, 100)
				if len(list) != 0 || next != 2 {
					t.Errorf("%v sees %v, going on at %d", scope, list, next)
				}
				return err
			})
		}
	})
}

func TestEventsAreReadInPagesOfAResourceWithoutGapOrRepetition(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "one")
		attempt := endAttempt(t, database, cfg, "")
		storetest.Update(t, database, func(tx *db.Tx) error {
			repositoryAttempt, err := syncstate.InsertRepositoryAttempt(tx, cfg.LinkID, "main",
				lockstep.RepositoryInitiated)
			if err != nil {
				return err
			}

			for i := range 5 {
				if err := syncstate.AddRepositoryEvents(tx, repositoryAttempt.ID,
					lockstep.Event{Type: "P"}); err != nil {
					return err
				}
				if err := syncstate.AddResourceEvents(tx, attempt.ID, lockstep.Event{
					Type:       fmt.Sprint("R", i),
					ExternalID: "x",
				}); err != nil {
					return err
				}
			}

			return nil
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			var types []string
			place, pages := int64(0), 0
			for {
				list, next, err := syncstate.SyncEvents(tx, account, region, syncstate.EventFilter{ResourceName: "web",
					SyncType: cfg.SyncType}, place, 2)
				if err != nil || next == place {
					break
				}

				for _, event := range list {
					types = append(types, event.Type)
					if event.AttemptID != attempt.ID {
						t.Errorf("AttemptID is %v, want %v", event.AttemptID, attempt.ID)
					}
					if event.Resource != cfg.Resource() {
						t.Errorf("Resource is %v, want %v", event.Resource, cfg.Resource())
					}
					if event.SHA != "one" {
						t.Errorf("SHA is %q, want %q", event.SHA, "one")
					}
					if event.Branch != "main" {
						t.Errorf("Branch is %q, want %q", event.Branch, "main")
					}
					if event.Status != "INITIATED" {
						t.Errorf("Status is %q, want %q", event.Status, "INITIATED")
					}
				}

				place, pages = next, pages+1
			}

			if diff := cmp.Diff([]string{"R0", "R1", "R2", "R3", "R4"}, types); diff != "" || pages != 3 {
				t.Errorf("%d pages: %s", pages, diff)
			}

			newest, next, err := syncstate.NewestEvents(tx, account, region, syncstate.EventFilter{}, 3)
			if len(newest) != 3 || newest[0].Type != "R3" || newest[1].Type != "P" || newest[2].Type != "R4" ||
				next != place {
				t.Errorf("the newest: %+v, going on at %d", newest, next)
			}

			if newest[1].LinkID != cfg.LinkID {
				t.Errorf("a repository sync's event: LinkID is %v, want %v", newest[1].LinkID, cfg.LinkID)
			}
			if newest[1].Branch != "main" {
				t.Errorf("a repository sync's event: Branch is %q, want %q", newest[1].Branch, "main")
			}
			if newest[1].Resource != (lockstep.Resource{}) {
				t.Errorf("a repository sync's event: Resource is %+v, want none", newest[1].Resource)
			}

			return err
		})
	})
}

func TestRepositorySyncsAreOverdueUntilTheirEndAndItIsFinal(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		overdue := func(want int) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, err := syncstate.OverdueRepositorySyncs(tx, 10)
				if len(list) != want {
					t.Errorf("overdue: %v", list)
				}
				return err
			})
		}

		overdue(0)
		var attempt syncstate.RepositoryAttempt
		storetest.Update(t, database, func(tx *db.Tx) (err error) {
			if _, err = syncstate.InsertRepositoryAttempt(tx, link.ID, "main", lockstep.RepositoryQueued); err != nil {
				return err
			}

			_, err = syncstate.InsertRepositoryAttempt(tx, link.ID, "failed", lockstep.RepositoryFailed)
			return err
		})

		overdue(1)
		storetest.Update(t, database, func(tx *db.Tx) (err error) {
			attempt, err = syncstate.InsertRepositoryAttempt(tx, link.ID, "main", lockstep.RepositoryInitiated)
			return err
		})
		overdue(1)
		attempt.Status, attempt.SHA = lockstep.RepositorySucceeded, "one"
		storetest.Update(t, database, func(tx *db.Tx) error { return syncstate.SaveRepositoryAttempt(tx, attempt) })
		storetest.RequireKind(t, database, lockstep.Stale,
			func(tx *db.Tx) error { return syncstate.SaveRepositoryAttempt(tx, attempt) })
		storetest.Update(t, database, func(tx *db.Tx) error {
			for branch, want := range map[string]bool{"main": true, "failed": false} {
				if handled, err := syncstate.HasSyncedHead(tx, link.ID, branch, "one"); handled != want || err != nil {
					t.Errorf("%s was handled: %t, %v", branch, handled, err)
				}
			}

			latest, err := syncstate.LatestRepositorySync(tx, link.ID, "main")
			if latest.ID != attempt.ID {
				t.Errorf("the latest: %+v", latest)
			}

			return err
		})
	})
}
