package syncstate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// pruneResource deletes the attempts that r does not keep.
func pruneResource(t *testing.T, database *db.DB, r syncstate.Retention) {
	t.Helper()
	storetest.Update(t, database, func(tx *db.Tx) error {
		expired, err := syncstate.ExpiredResourceAttempts(tx, r, 100)
		if err != nil {
			return err
		}
		return syncstate.DeleteResourceAttempts(tx, expired)
	})
}

func countRows(t *testing.T, database *db.DB, table string) (n int) {
	t.Helper()
	storetest.Update(t, database, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n)
	})
	return n
}

func TestAttemptsBeyondTheNumberToKeepAreDeletedWithTheirEvents(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		for i := range 6 {
			setDesired(t, database, cfg, lockstep.SHA(fmt.Sprint("commit", i)))
			attempt := endAttempt(t, database, cfg, lockstep.Applied)
			storetest.Update(t, database, func(tx *db.Tx) error {
				return syncstate.AddResourceEvents(tx, attempt.ID, lockstep.Event{Type: "T", Message: "m"})
			})
		}

		pruneResource(t, database, syncstate.Retention{MaxAttempts: 2})
		if n := countRows(t, database, "resource_sync_attempt"); n != 2 {
			t.Errorf("%d attempts are left, want 2", n)
		}
		if n := countRows(t, database, "sync_event"); n != 2 {
			t.Errorf("%d events are left, want 2", n)
		}
	})
}

func TestTheLatestAttemptSuccessAndRunningAttemptNeverExpire(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "good")
		good := endAttempt(t, database, cfg, lockstep.Applied)
		var last syncstate.ResourceAttempt
		for i := range 3 {
			setDesired(t, database, cfg, lockstep.SHA(fmt.Sprint("bad", i)))
			last = endAttempt(t, database, cfg, lockstep.Failed)
		}

		tight := syncstate.Retention{MaxAge: time.Nanosecond, MaxAttempts: 1}
		time.Sleep(2 * time.Millisecond)
		pruneResource(t, database, tight)
		if n := countRows(t, database, "resource_sync_attempt"); n != 2 {
			t.Errorf("%d attempts are left, want the latest and the latest success", n)
		}

		withResource(t, database, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			success, _, err := syncstate.LatestSuccess(tx, s)
			if err != nil {
				return err
			}
			if success.ID != good.ID {
				t.Errorf("the latest success is %s, want %s", success.ID, good.ID)
			}

			latest, _, err := syncstate.LatestAttempt(tx, s)
			if latest.ID != last.ID {
				t.Errorf("the latest attempt is %s, want %s", latest.ID, last.ID)
			}
			return err
		})

		setDesired(t, database, cfg, "running")
		running := endAttempt(t, database, cfg, "")
		pruneResource(t, database, tight)
		withResource(t, database, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			got, _, err := syncstate.RunningAttempt(tx, s.ID)
			if got.ID != running.ID {
				t.Errorf("the running attempt is %s, want %s", got.ID, running.ID)
			}
			return err
		})
	})
}

func TestABranchKeepsItsLatestSyncAndItsLatestSuccess(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		for _, end := range []lockstep.RepositorySyncStatus{
			lockstep.RepositorySucceeded, lockstep.RepositorySucceeded, lockstep.RepositoryFailed, lockstep.RepositoryFailed,
		} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				attempt, err := syncstate.InsertRepositoryAttempt(tx, link.ID, "main", lockstep.RepositoryInitiated)
				if err != nil {
					return err
				}

				attempt.Status, attempt.SHA = end, "one"
				return syncstate.SaveRepositoryAttempt(tx, attempt)
			})
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			expired, err := syncstate.ExpiredRepositoryAttempts(tx, syncstate.Retention{MaxAttempts: 1}, 100)
			if err != nil {
				return err
			}
			return syncstate.DeleteRepositoryAttempts(tx, expired)
		})
		if n := countRows(t, database, "repository_sync_attempt"); n != 2 {
			t.Errorf("%d attempts are left, want 2", n)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			head, err := syncstate.LastSyncedHead(tx, link.ID, "main")
			if head != "one" {
				t.Errorf("the last synced head is %q, want one", head)
			}
			return err
		})
	})
}
