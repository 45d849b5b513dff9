package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
)

// putWebhook creates a link with a webhook.
func putWebhook(t testing.TB, d *db.DB, key *seal.Key, n int) lockstep.Webhook {
	t.Helper()
	w := lockstep.Webhook{LinkID: storetest.InsertLink(t, d, n).ID, Kind: lockstep.GitHubWebhook}
	storetest.Update(t, d, func(tx *db.Tx) error {
		return store.PutWebhook(tx, key, &w, store.NewWebhookSecret(w.Kind))
	})
	return w
}

func sealKey(t testing.TB) *seal.Key {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestANewSecretOfAWebhookReplacesTheOld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := sealKey(t)
		before := putWebhook(t, database, key, 1)
		after := lockstep.Webhook{LinkID: before.LinkID, Kind: lockstep.GitLabWebhook}
		secret := seal.NewSecret("sixteen characters")
		storetest.Update(t, database, func(tx *db.Tx) error { return store.PutWebhook(tx, key, &after, secret) })

		if after.ID != before.ID {
			t.Errorf("the id %s has become %s", before.ID, after.ID)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			got, opened, err := store.OpenWebhook(tx, key, before.ID)
			if got.Kind != after.Kind {
				t.Errorf("Kind is %v, want %v", got.Kind, after.Kind)
			}
			if got.LinkID != before.LinkID {
				t.Errorf("LinkID is %v, want %v", got.LinkID, before.LinkID)
			}
			if !opened.Equal(secret) {
				t.Error("the secret is not the new one")
			}
			return err
		})

		storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteWebhook(tx, before.LinkID) })
		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			return store.DeleteWebhook(tx, before.LinkID)
		})
		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			_, _, err := store.OpenWebhook(tx, key, before.ID)
			return err
		})
	})
}

func TestAnUnsuitableWebhookSecretIsRejected(t *testing.T) {
	database := dbtest.OpenOn(t, db.SQLite, db.Schema())
	link := storetest.InsertLink(t, database, 1)
	for _, test := range []struct {
		kind   lockstep.WebhookKind
		secret string
	}{
		{lockstep.GitHubWebhook, ""}, {lockstep.GitHubWebhook, "fifteen letters"},
		{lockstep.GitLabSigningWebhook, "sixteen characters"}, {lockstep.GitLabSigningWebhook, "whsec_*************"},
		{lockstep.GitLabSigningWebhook, "whsec_c2hvcnQ=     "}, {lockstep.GitLabSigningWebhook, "whsec_c2hvcnQxMjM="},
	} {
		storetest.RequireKind(t, database, lockstep.Invalid, func(tx *db.Tx) error {
			return store.PutWebhook(tx, sealKey(t), &lockstep.Webhook{LinkID: link.ID, Kind: test.kind},
				seal.NewSecret(test.secret))
		})
	}
}

// A secret is bound to its link and kind. An attacker who can write to the database
// cannot make one repository's deliveries request polls of another, or use a signing
// secret as a token.
func TestAttack14AWebhookMovedInTheDatabaseIsWorthNothing(t *testing.T) {
	for name, move := range map[string]string{
		"kind": `UPDATE webhook SET kind = 'GITLAB'`,
		"link": `UPDATE webhook SET link_id = '` + storetest.NewLink(2, "").ID + `'`,
		"id":   `UPDATE webhook SET id = 'w'`,
	} {
		t.Run(name, func(t *testing.T) {
			database := dbtest.OpenOn(t, db.SQLite, db.Schema())
			key := sealKey(t)
			w := putWebhook(t, database, key, 1)
			storetest.InsertLink(t, database, 2)

			if name == "id" {
				w.ID = "w"
			}

			storetest.Update(t, database, func(tx *db.Tx) error {
				_, err := tx.Exec(move)
				return err
			})
			err := database.View(t.Context(), func(tx *db.Tx) error {
				_, _, err := store.OpenWebhook(tx, key, w.ID)
				return err
			})
			if !errors.Is(err, seal.ErrCorrupted) {
				t.Errorf("it opens with %v", err)
			}
		})
	}
}

// take records a delivery and returns whether it is new.
func take(t testing.TB, d *db.DB, w lockstep.Webhook, delivery string) (news bool) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) (err error) {
		news, err = store.RecordDelivery(tx, w, delivery)
		return err
	})
	return news
}

func TestADeliveryIsNewOncePerWebhook(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := sealKey(t)
		one, other := putWebhook(t, database, key, 1), putWebhook(t, database, key, 2)
		for i, test := range []struct {
			of       lockstep.Webhook
			delivery string
			news     bool
		}{
			{one, "a", true}, {one, "a", false}, {one, "b", true}, {other, "a", true}, {one, "", true},
			{one, "", true}, {one, "a", false},
		} {
			if got := take(t, database, test.of, test.delivery); got != test.news {
				t.Errorf("delivery %d: news %t", i, got)
			}
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			w, err := store.WebhookOfLink(tx, one.LinkID)
			if !w.DeliveredAt.Equal(tx.Now) && tx.Now.Sub(w.DeliveredAt) > time.Minute {
				t.Errorf("delivered at %s", w.DeliveredAt)
			}
			return err
		})
	})
}

func TestADeliveryOfADeletedWebhookIsRejected(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := sealKey(t)
		deleted, changed, unlinked := putWebhook(t, database, key, 1), putWebhook(t, database, key, 2), putWebhook(t,
			database, key, 3)
		take(t, database, unlinked, "a")
		storetest.Update(t, database, func(tx *db.Tx) error {
			w := lockstep.Webhook{LinkID: changed.LinkID, Kind: lockstep.GenericWebhook}
			return errors.Join(store.DeleteWebhook(tx, deleted.LinkID), store.PutWebhook(tx, key, &w,
				store.NewWebhookSecret(w.Kind)),
				store.DeleteLink(tx, account, region, unlinked.LinkID))
		})

		for _, w := range []lockstep.Webhook{deleted, changed, unlinked} {
			storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
				_, err := store.RecordDelivery(tx, w, "x")
				return err
			})
		}
	})
}

func TestDeliveriesAreDeletedAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := dbtest.OpenOn(t, db.SQLite, db.Schema())
		w := putWebhook(t, database, sealKey(t), 1)
		for i := range 30 {
			take(t, database, w, fmt.Sprint("old-", i))
		}

		time.Sleep(25 * time.Hour)
		for i := range 10 {
			take(t, database, w, fmt.Sprint("new-", i))
		}

		if n := deliveries(t, database); n != 10 {
			t.Errorf("%d deliveries are remembered, want those of the last day, 10", n)
		}
	})
}

func TestAttack15OnlySoManyDeliveriesAreRemembered(t *testing.T) {
	database := dbtest.OpenOn(t, db.SQLite, db.Schema())
	w := putWebhook(t, database, sealKey(t), 1)
	storetest.Update(t, database, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO webhook_delivery (webhook_id, delivery, seq, received_at)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
			SELECT $1, 'd' || i, i, $2 FROM n`, w.ID, db.Millis(tx.Now))
		if err != nil {
			return err
		}

		_, err = tx.Exec(`UPDATE webhook SET delivery_seq = 10000`)
		return err
	})

	for i := range 30 {
		take(t, database, w, strings.Repeat("x", i+1))
	}

	if n := deliveries(t, database); n != 10000 {
		t.Errorf("%d deliveries are remembered", n)
	}
}

func deliveries(t testing.TB, d *db.DB) (count int) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM webhook_delivery`).Scan(&count)
	})
	return count
}
