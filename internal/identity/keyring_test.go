package identity_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

const otherAccount = "210987654321"

func createIn(t testing.TB, d *db.DB, key *seal.Key, input identity.CreateKeyInput) identity.AccessKey {
	t.Helper()
	var accessKey identity.AccessKey
	update(t, d, func(tx *db.Tx) (err error) {
		accessKey, err = identity.CreateKey(tx, key, input)
		return err
	})
	return accessKey
}

func ownKey(t testing.TB, d *db.DB, key *seal.Key) identity.AccessKey {
	t.Helper()
	return createIn(t, d, key, identity.CreateKeyInput{
		Account:     account,
		Principal:   "lockstep.sandbox",
		Role:        identity.Reader,
		ServerOwned: true,
	})
}

func verifies(d *identity.Directory, k identity.AccessKey) error {
	_, err := d.Verify(context.Background(), k.AccessKeyID, "", signedWith(k.Secret))
	return err
}

func idsOf(keys []identity.AccessKey) []string {
	var ids []string
	for _, k := range keys {
		ids = append(ids, k.AccessKeyID)
	}
	return ids
}

func TestKeysOfAnAccountComeInPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		var want []string
		for range 5 {
			want = append(want, create(t, database, key, "ci", identity.Operator).AccessKeyID)
		}

		createIn(t, database, key, identity.CreateKeyInput{
			Account:   otherAccount,
			Principal: "ci",
			Role:      identity.Admin,
		})
		ownKey(t, database, key)

		// Two have the same creation time: the id breaks the tie.
		update(t, database, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE access_key SET created_at = 1000 WHERE account = $1`, account)
			return err
		})
		update(t, database, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE access_key SET created_at = 2000 WHERE id = $1`, want[0])
			return err
		})
		var got []string
		page := db.Page{Limit: 2}
		for {
			var keys []identity.AccessKey
			err := database.View(context.Background(), func(tx *db.Tx) (err error) {
				keys, page.After, err = identity.KeysOfAccount(tx, account, page)
				return err
			})
			if err != nil || len(keys) > 2 {
				t.Fatalf("%d keys, %v", len(keys), err)
			}

			got = append(got, idsOf(keys)...)
			if page.After == (db.Cursor{}) {
				break
			}
		}

		if len(got) != 5 || got[4] != want[0] {
			t.Errorf("got %v, want the keys of the account, %s last", got, want[0])
		}

		seen := map[string]bool{}
		for _, id := range got {
			seen[id] = true
		}

		if len(seen) != 5 {
			t.Errorf("a key came twice: %v", got)
		}
	})
}

func TestKeyOfAnotherAccountIsNotFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		theirs := createIn(t, database, key, identity.CreateKeyInput{
			Account:   otherAccount,
			Principal: "ci",
			Role:      identity.Admin,
		})
		own := ownKey(t, database, key)
		before := list(t, database)

		for _, id := range []string{
			theirs.AccessKeyID, own.AccessKeyID, "LSAKAAAAAAAAAAAAAAAA", "", "LSAK\x00", "\xff",
			"LSSKAAAAAAAAAAAAAAAA",
		} {
			for name, do := range map[string]func(tx *db.Tx) error{
				"disable": func(tx *db.Tx) error { return identity.SetKeyStatus(tx, account, id, false) },
				"enable":  func(tx *db.Tx) error { return identity.SetKeyStatus(tx, account, id, true) },
				"delete":  func(tx *db.Tx) error { return identity.DeleteKey(tx, account, id) },
				"rotate": func(tx *db.Tx) error {
					_, err := identity.RotateKey(tx, key, account, id,
						0)
					return err
				},
			} {
				err := database.Update(context.Background(), do)
				want := "Could not find access key: " + id
				if lockstep.KindOf(err) != lockstep.NotFound || err.Error() != want {
					t.Errorf("%s %q: got %v, want %s", name, id, err, want)
				}
			}
		}

		if diff := cmp.Diff(before, list(t, database)); diff != "" {
			t.Errorf("the keys have changed:\n%s", diff)
		}
	})
}

func TestKeyIsDisabledEnabledAndDeleted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		accessKey := create(t, database, key, "ci", identity.None)
		for _, active := range []bool{false, false, true, true} {
			update(t, database, func(tx *db.Tx) error {
				return identity.SetKeyStatus(tx, account,
					accessKey.AccessKeyID, active)
			})
			if err := verifies(newDirectory(t, database, key), accessKey); (err == nil) != active {
				t.Errorf("active %v: %v", active, err)
			}
		}

		update(t, database, func(tx *db.Tx) error { return identity.DeleteKey(tx, account, accessKey.AccessKeyID) })
		if err := verifies(newDirectory(t, database, key), accessKey); !errors.Is(err, identity.ErrUnknownKey) {
			t.Errorf("a deleted key: %v", err)
		}

		if got := list(t, database); len(got) != 0 {
			t.Errorf("left: %+v", got)
		}
	})
}

func rotate(t testing.TB, d *db.DB, key *seal.Key, id string, keep time.Duration) identity.AccessKey {
	t.Helper()
	var accessKey identity.AccessKey
	update(t, d, func(tx *db.Tx) (err error) {
		accessKey, err = identity.RotateKey(tx, key, account, id, keep)
		return err
	})
	return accessKey
}

func TestRotatedKeyIsReplacedAndExpires(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		synctest.Test(t, func(t *testing.T) {
			database, key := dbtest.OpenOn(t, engine, db.Schema()), newSealKey(t)
			dir := newDirectory(t, database, key)
			old := create(t, database, key, "ci", identity.Operator)
			following := rotate(t, database, key, old.AccessKeyID, time.Hour)
			want := identity.Principal{
				AccessKeyID: following.AccessKeyID,
				Account:     account,
				Name:        "ci",
				Role:        identity.Operator,
			}
			if following.AccessKeyID == old.AccessKeyID {
				t.Errorf("the new key has the ID of the old one, %s", old.AccessKeyID)
			}
			got := identity.Principal{
				AccessKeyID: following.AccessKeyID,
				Account:     following.Account,
				Name:        following.Name,
				Role:        following.Role,
			}
			if got != want {
				t.Errorf("the new key: got %+v, want %+v", got, want)
			}

			ends := time.Now().Add(time.Hour).Truncate(time.Millisecond)
			if got := list(t, database); len(got) != 2 ||
				!got[0].ExpiresAt.Equal(ends) && !got[1].ExpiresAt.Equal(ends) {
				t.Errorf("keys: %+v, want one to end at %v", got, ends)
			}

			time.Sleep(time.Hour - time.Second)
			if err := errors.Join(verifies(dir, old), verifies(dir, following)); err != nil {
				t.Errorf("before the end: %v", err)
			}

			time.Sleep(time.Second) // cached until now, and not for another CacheFor
			if err := verifies(dir, old); !errors.Is(err, identity.ErrUnknownKey) {
				t.Errorf("after the end: got %v, want ErrUnknownKey", err)
			}

			update(t, database, func(tx *db.Tx) error {
				return identity.SetKeyStatus(tx, account, old.AccessKeyID,
					true)
			})
			if err := verifies(newDirectory(t, database, key), old); !errors.Is(err, identity.ErrUnknownKey) {
				t.Errorf("enabled after the end: got %v, want ErrUnknownKey", err)
			}

			if err := verifies(dir, following); err != nil {
				t.Errorf("the key that follows: %v", err)
			}
		})
	})
}

func TestRotateWithoutGraceDisablesAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		old := create(t, database, key, "ci", identity.Reader)
		following := rotate(t, database, key, old.AccessKeyID, 0)
		dir := newDirectory(t, database, key)
		if err := verifies(dir, old); !errors.Is(err, identity.ErrUnknownKey) {
			t.Errorf("the old key: %v", err)
		}

		if err := verifies(dir, following); err != nil {
			t.Errorf("the new key: %v", err)
		}

		err := database.Update(context.Background(), func(tx *db.Tx) error {
			_, err := identity.RotateKey(tx, key, account, old.AccessKeyID, time.Hour)
			return err
		})
		if lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("rotate a disabled key: got %v, want an Invalid", err)
		}
	})
}

func TestRotateTwiceDoesNotProlong(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		old := create(t, database, key, "ci", identity.Reader)
		rotate(t, database, key, old.AccessKeyID, time.Hour)
		rotate(t, database, key, old.AccessKeyID, 24*time.Hour)

		for _, k := range list(t, database) {
			if k.AccessKeyID == old.AccessKeyID && time.Until(k.ExpiresAt) > time.Hour {
				t.Errorf("it ends at %v", k.ExpiresAt)
			}
		}

		if err := verifies(newDirectory(t, database, key), old); err != nil {
			t.Error(err)
		}
	})
}

func TestAttack20EndOfAKeyIsNotMovedInTheDatabase(t *testing.T) {
	for _, change := range []string{
		`UPDATE access_key SET expires_at = NULL WHERE id = $1`,
		`UPDATE access_key SET expires_at = expires_at + 1 WHERE id = $1`,
	} {
		dbtest.Each(t, func(t *testing.T, database *db.DB) {
			key := newSealKey(t)
			accessKey := create(t, database, key, "ci", identity.Reader)
			rotate(t, database, key, accessKey.AccessKeyID, time.Hour)

			if err := verifies(newDirectory(t, database, key), accessKey); err != nil {
				t.Fatal(err)
			}

			update(t, database, func(tx *db.Tx) error {
				_, err := tx.Exec(change,
					accessKey.AccessKeyID)
				return err
			})
			if err := verifies(newDirectory(t, database, key), accessKey); !errors.Is(err, seal.ErrCorrupted) {
				t.Errorf("after %s: got %v, want ErrCorrupted", change, err)
			}

			err := database.Update(context.Background(), func(tx *db.Tx) error {
				_, err := identity.RotateKey(tx, key, account, accessKey.AccessKeyID, 0)
				return err
			})
			if !errors.Is(err, seal.ErrCorrupted) {
				t.Errorf("rotate after %s: got %v, want ErrCorrupted", change, err)
			}
		})
	}
}

func TestNamesOfTheServerItselfAreReserved(t *testing.T) {
	for _, input := range []identity.CreateKeyInput{
		{Account: account, Principal: "lockstep.sandbox", Role: identity.Admin},
		{Account: account, Principal: "Lockstep.x", Role: identity.Admin},
		{Account: account, Principal: "lockstep.", Role: identity.Admin},
		{
			Account:     account,
			Principal:   "ci",
			Role:        identity.Admin,
			ServerOwned: true,
		},
	} {
		if _, err := identity.CreateKey(nil, nil, input); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%+v: got %v, want an Invalid", input, err)
		}
	}
}

func TestLongLivedKeysCanBeDisabled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := newSealKey(t)
		accessKey, own := create(t, d, key, "ci", identity.Admin), ownKey(t, d, key)
		dir, err := identity.NewDirectory(identity.Options{DB: d, Key: key, SessionsOnly: true})
		if err != nil {
			t.Fatal(err)
		}

		if err := verifies(dir, own); err != nil {
			t.Errorf("the server's own key: %v", err)
		}

		if err := verifies(dir, accessKey); !errors.Is(err, identity.ErrSessionRequired) {
			t.Errorf("another key: got %v, want ErrLongLivedOff", err)
		}

		// Only its owner learns that the key exists.
		_, err = dir.Verify(context.Background(), accessKey.AccessKeyID, "", signedWith(own.Secret))
		if !errors.Is(err, errSignature) {
			t.Errorf("a wrong signature: %v", err)
		}

		if p, secret, err := dir.Lookup(context.Background(), accessKey.AccessKeyID, ""); !errors.Is(err,
			identity.ErrUnknownKey) || p != (identity.Principal{}) || secret.Equal(accessKey.Secret) {
			t.Errorf("looked up: %+v, %v", p, err)
		}
	})
}
