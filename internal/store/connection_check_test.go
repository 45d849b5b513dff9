package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
)

// What was there before connections had handshakes is read as having none.
func TestConnectionsOfThePreviousReleaseHaveNoCheckYet(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, on db.Dialect) {
		url := dbtest.URL(t, on)
		database, err := db.Open(t.Context(), url, dbtest.SchemaBefore(t, "0009"))
		if err != nil {
			t.Fatal(err)
		}

		link := storetest.InsertLink(t, database, 1)
		if err := database.Close(); err != nil {
			t.Fatal(err)
		}

		if database, err = db.Open(t.Context(), url, db.Schema()); err != nil {
			t.Fatal(err)
		}

		defer database.Close()

		storetest.Update(t, database, func(tx *db.Tx) error {
			row, err := store.ConnectionCheckOf(tx, link.ConnectionARN)
			if err != nil || row != (store.ConnectionCheck{}) {
				t.Errorf("its handshake is %+v, %v", row, err)
			}

			conn, err := store.ConnectionByARN(tx, link.ConnectionARN)
			if err != nil {
				return err
			}

			host, err := store.HostByARN(tx, conn.HostARN)
			if host.Certificate() != "" {
				t.Errorf("its host has the certificate %q", host.Certificate())
			}

			return err
		})
	})
}

func TestAConnectionCheckIsReadAsItWasSaved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		arn := storetest.InsertLink(t, database, 1).ConnectionARN
		at := func(minutes int) time.Time { return time.Date(2026, 11, 28, 12, minutes, 0, 0, time.UTC) }
		for _, want := range []store.ConnectionCheck{
			{
				Reason:            "refused",
				CheckedAt:         at(1),
				NextCheckAt:       at(2),
				CheckFailures:     3,
				NextRenewalAt:     at(4),
				RenewalLeaseUntil: at(5),
				RenewalFailures:   6,
			},
			{Reason: "only this"}, {},
		} {
			storetest.Update(t, database, func(tx *db.Tx) error { return store.SaveConnectionCheck(tx, arn, want) })
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.ConnectionCheckOf(tx, arn)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return err
			})
		}
	})
}

// A sealed handshake that is copied to another connection or account does not open.
func TestAttack20APendingHandshakeIsBoundToItsConnectionAndAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key, err := seal.Generate()
		if err != nil {
			t.Fatal(err)
		}

		one, two := connectionOf(t, database, storetest.InsertLink(t, database, 1)), connectionOf(t, database,
			storetest.InsertLink(t, database, 2))
		pending := store.PendingAuthorization{
			State:        strings.Repeat("s", 43),
			Verifier:     "canary-verifier",
			ClientID:     "c",
			ClientSecret: "canary-secret",
			RedirectURI:  "https://c.example",
		}
		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.PutPendingAuthorization(tx, key, one, pending, tx.Now.Add(time.Minute))
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO pending_authorization SELECT $1, sealed, expires_at
				FROM pending_authorization`,
				two.ARN)
			return err
		})
		stranger := one
		stranger.Account = "444455556666"

		for _, conn := range []lockstep.Connection{two, stranger} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.TakePendingAuthorization(tx, key, conn, pending.State)
				if err == nil || got != (store.PendingAuthorization{}) {
					t.Errorf("it opens for %s of %s", conn.ARN, conn.Account)
				}
				return nil
			})
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			var box []byte
			if err := tx.QueryRow(`SELECT sealed FROM pending_authorization WHERE connection_arn = $1`,
				one.ARN).Scan(&box); err != nil {
				return err
			}

			if strings.Contains(string(box), "canary") {
				t.Error("it lies open in the database")
			}

			got, err := store.TakePendingAuthorization(tx, key, one, pending.State)
			if got != pending {
				t.Error("the rightful one gets something else")
			}

			return err
		})
	})
}

func connectionOf(t testing.TB, d *db.DB, l lockstep.RepositoryLink) (conn lockstep.Connection) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) (err error) {
		conn, err = store.ConnectionByARN(tx, l.ConnectionARN)
		return err
	})
	return conn
}
