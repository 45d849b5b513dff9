package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
)

// insertEvents makes an attempt with events E1 to En, as old as given.
func insertEvents(t testing.TB, d *db.DB, n int, age time.Duration) {
	t.Helper()
	l := insertLink(t, d, 1)
	update(t, d, func(tx *db.Tx) error {
		a, err := store.InsertRepositoryAttempt(tx, l.ID, "main", lockstep.RepositoryInitiated)
		if err != nil {
			return err
		}
		for i := range n {
			ev := lockstep.Event{Time: tx.Now.Add(-age), Type: fmt.Sprintf("E%d", i+1), Message: "m"}
			if err := store.AddRepositoryEvents(tx, a.ID, ev); err != nil {
				return err
			}
		}
		return nil
	})
}

func deleteEvent(t testing.TB, d *db.DB, id int) {
	t.Helper()
	update(t, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM sync_event WHERE id = $1`, id)
		return err
	})
}

// seen reads all that a watcher sees now.
func seen(t testing.TB, d *db.DB) (types []string, next int64) {
	t.Helper()
	update(t, d, func(tx *db.Tx) error {
		list, place, err := store.SyncEvents(tx, account, region, store.EventFilter{}, 0, 100)
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
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		insertEvents(t, d, 4, 0)
		deleteEvent(t, d, 2)
		types, next := seen(t, d)
		if diff := cmp.Diff([]string{"E1"}, types); diff != "" || next != 1 {
			t.Errorf("a gap that may be filled, going on at %d (-want +got):\n%s", next, diff)
		}
		update(t, d, func(tx *db.Tx) error {
			list, place, err := store.NewestEvents(tx, account, region, store.EventFilter{}, 100)
			if len(list) != 1 || place != 1 {
				t.Errorf("the newest: %v, going on at %d", list, place)
			}
			return err
		})
	})
}

func TestWatcherPassesOverAGapThatStays(t *testing.T) {
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
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		insertEvents(t, d, 2, 0)
		for _, scope := range []struct {
			account lockstep.AccountID
			region  string
		}{{other, region}, {account, "us-east-1"}} {
			update(t, d, func(tx *db.Tx) error {
				list, next, err := store.SyncEvents(tx, scope.account, scope.region, store.EventFilter{}, 0, 100)
				if len(list) != 0 || next != 2 {
					t.Errorf("%v sees %v, going on at %d", scope, list, next)
				}
				return err
			})
		}
	})
}
