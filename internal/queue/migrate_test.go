package queue_test

import (
	"context"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/queue"
)

// The other node is idle in its transaction while it migrates.
func TestMigrateWaitsForAnotherNodeLongerThanTheTimeoutsOfItsConnection(t *testing.T) {
	const waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
	url := dbtest.URL(t, db.Postgres)
	other, err := db.Open(t.Context(), url, schema())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()

	database, err := db.Open(t.Context(), url+"&lock_timeout=200&idle_in_transaction_session_timeout=200", schema())
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()

	locked, migrated := make(chan struct{}), make(chan error, 1)
	go func() {
		<-locked
		migrated <- queue.New(queue.Options{DB: database}).Migrate(context.WithoutCancel(t.Context()))
	}()

	err = other.Update(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec("SELECT pg_advisory_xact_lock($1)", int64(queue.MigrationLock)); err != nil {
			return err
		}
		close(locked)

		for n := 0; n == 0; {
			if err := tx.QueryRow(waiting).Scan(&n); err != nil {
				return err
			}
		}

		_, err := tx.Exec("SELECT pg_sleep(0.6)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}
