package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

func sleeping(seconds float64) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		var n int
		return tx.QueryRow("SELECT 1 FROM pg_sleep($1)", seconds).Scan(&n)
	}
}

func TestAReadThatHangsEndsAndTheNextOneSucceeds(t *testing.T) {
	database := dbtest.OpenOn(t, db.Postgres, schema(items))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	database.LimitReads(ctx)
	if err := database.ViewOnce(t.Context(), sleeping(600)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	database.LimitReads(t.Context())
	if err := database.ViewOnce(t.Context(), sleeping(0)); err != nil {
		t.Error(err)
	}
}

// TestACancelledReadCostsNoConnection checks that an API caller that hangs up does not
// cause a new connection to PostgreSQL.
func TestACancelledReadCostsNoConnection(t *testing.T) {
	database := dbtest.OpenOn(t, db.Postgres, schema(items))
	before := database.Pool().Stat().NewConnsCount()
	for range 10 {
		ctx, leave := context.WithCancel(t.Context())
		err := database.ViewOnce(ctx, func(tx *db.Tx) error {
			leave()
			return sleeping(0.001)(tx)
		})
		if err != nil {
			t.Error(err)
		}

		if err := database.ViewOnce(ctx, sleeping(0)); !errors.Is(err, context.Canceled) {
			t.Errorf("began after its caller had left: %v", err)
		}
	}

	if after := database.Pool().Stat().NewConnsCount(); after > before {
		t.Errorf("%d connections before, %d after", before, after)
	}
}
