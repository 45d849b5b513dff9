package db_test

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

func TestEveryConnectionHasTimeouts(t *testing.T) {
	database := dbtest.OpenOn(t, db.Postgres, schema(items))
	for name, want := range map[string]string{
		"idle_in_transaction_session_timeout": "15s",
		"lock_timeout":                        "10s",
	} {
		var got string
		err := database.View(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow("SELECT current_setting($1)", name).Scan(&got)
		})
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// A node that is frozen in a transaction loses its locks, and others go on.
func TestAFrozenTransactionLosesItsLocks(t *testing.T) {
	url := dbtest.URL(t, db.Postgres) + "&idle_in_transaction_session_timeout=200&lock_timeout=100"
	database, err := db.Open(t.Context(), url, schema(items))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()

	err = database.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec("INSERT INTO item (id, name) VALUES (1, 'one')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	locked, thaw := make(chan struct{}), make(chan struct{})
	frozen := make(chan error)
	go func() {
		frozen <- database.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("UPDATE item SET name = 'frozen' WHERE id = 1")
			close(locked)
			<-thaw
			return err
		})
	}()

	<-locked
	err = database.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE item SET name = 'next' WHERE id = 1")
		return err
	})
	close(thaw)
	if err != nil {
		t.Errorf("another transaction: %v", err)
	}
	if err := <-frozen; err == nil {
		t.Error("the frozen transaction was committed")
	}
}
