package identity_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

var errSignature = errors.New("wrong signature")

// signedWith returns a check that succeeds for signatures made with secret.
func signedWith(secret seal.Secret) func(seal.Secret) error {
	return func(got seal.Secret) error {
		if !got.Equal(secret) {
			return errSignature
		}
		return nil
	}
}

func newDirectory(t testing.TB, d *db.DB, key *seal.Key) *identity.Directory {
	t.Helper()
	dir, err := identity.NewDirectory(identity.Options{DB: d, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVerifyReturnsThePrincipalOfASignedRequest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := newSealKey(t)
		accessKey := create(t, d, key, "ci", identity.Reader)
		dir := newDirectory(t, d, key)
		want := identity.Principal{
			AccessKeyID: accessKey.AccessKeyID,
			Account:     account,
			Name:        "ci",
			Role:        identity.Reader,
		}
		for range 2 { // from the database, then from the cache
			got, err := dir.Verify(context.Background(), accessKey.AccessKeyID, "", signedWith(accessKey.Secret))
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
		}
	})
}

func TestVerifyReturnsNoPrincipalWithAnError(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		accessKey, gone := create(t, database, key, "ci", identity.Admin), create(t, database, key, "gone",
			identity.Admin)
		disable(t, database, gone.AccessKeyID)
		dir := newDirectory(t, database, key)
		for _, test := range []struct {
			name, id string
			secret   seal.Secret
			want     error
		}{
			{name: "wrong signature", id: accessKey.AccessKeyID, secret: gone.Secret, want: errSignature},
			{name: "wrong signature again", id: accessKey.AccessKeyID, secret: gone.Secret, want: errSignature},
			{name: "empty secret", id: accessKey.AccessKeyID, secret: seal.Secret{}, want: errSignature},
			{name: "disabled", id: gone.AccessKeyID, secret: gone.Secret, want: identity.ErrUnknownKey},
			{name: "unknown", id: "LSAKAAAAAAAAAAAAAAAA", secret: accessKey.Secret, want: identity.ErrUnknownKey},
			{
				name:   "unknown, empty secret",
				id:     "LSAKAAAAAAAAAAAAAAAA",
				secret: seal.Secret{},
				want:   identity.ErrUnknownKey,
			},
			{name: "of AWS", id: "AKIAIOSFODNN7EXAMPLE", secret: accessKey.Secret, want: identity.ErrUnknownKey},
			{name: "empty id", id: "", secret: accessKey.Secret, want: identity.ErrUnknownKey},
			{
				name:   "id with NUL",
				id:     "LSAK\x00AAAAAAAAAAAAAAA",
				secret: accessKey.Secret,
				want:   identity.ErrUnknownKey,
			},
			{
				name:   "id that is no UTF-8",
				id:     "LSAK\xff\xfeAAAAAAAAAAAAAA",
				secret: accessKey.Secret,
				want:   identity.ErrUnknownKey,
			},
			{
				name:   "id in lower case",
				id:     "lsak" + accessKey.AccessKeyID[4:],
				secret: accessKey.Secret,
				want:   identity.ErrUnknownKey,
			},
		} {
			p, err := dir.Verify(context.Background(), test.id, "", signedWith(test.secret))
			if !errors.Is(err, test.want) || p != (identity.Principal{}) {
				t.Errorf("%s: got %+v, %v, want %v", test.name, p, err, test.want)
			}
		}
	})
}

// A check that accepts everything must not let an unknown key pass.
func TestVerifyRefusesAnUnknownKeyWhateverTheCheckSays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		dir := newDirectory(t, d, newSealKey(t))
		for _, id := range []string{"LSAKAAAAAAAAAAAAAAAA", "not a key"} {
			checks := 0
			principal, err := dir.Verify(context.Background(), id, "", func(secret seal.Secret) error {
				checks++
				if len(secret.Reveal()) != 40 {
					t.Errorf("%q is checked against a secret of %d characters", id, len(secret.Reveal()))
				}
				return nil
			})
			if !errors.Is(err, identity.ErrUnknownKey) {
				t.Errorf("%q: got %v, want %v", id, err, identity.ErrUnknownKey)
			}
			if principal != (identity.Principal{}) {
				t.Errorf("%q: got %+v, want no principal", id, principal)
			}
			if checks != 1 {
				t.Errorf("%q: got %d signature checks, want one", id, checks)
			}
		}
	})
}

func TestLookupReturnsADummySecretForAnUnknownKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := newSealKey(t)
		k := create(t, d, key, "ci", identity.Admin)
		dir, other := newDirectory(t, d, key), newDirectory(t, d, key)
		principal, secret, err := dir.Lookup(context.Background(), k.AccessKeyID, "")
		if err != nil || principal != k.Principal || !secret.Equal(k.Secret) {
			t.Errorf("a known key: %+v, %v", principal, err)
		}

		principal, first, err := dir.Lookup(context.Background(), "LSAKAAAAAAAAAAAAAAAA", "")
		if !errors.Is(err, identity.ErrUnknownKey) || principal != (identity.Principal{}) {
			t.Errorf("an unknown key: %+v, %v", principal, err)
		}

		_, second, _ := other.Lookup(context.Background(), "LSAKAAAAAAAAAAAAAAAA", "")
		if len(first.Reveal()) != 40 || first.Equal(second) {
			t.Error("the made-up secret can be foreseen")
		}
	})
}

func TestDisabledKeyStopsWithinCacheFor(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		synctest.Test(t, func(t *testing.T) {
			database, key := dbtest.OpenOn(t, engine, db.Schema()), newSealKey(t)
			accessKey := create(t, database, key, "ci", identity.Admin)
			dir := newDirectory(t, database, key)
			verify := func() error {
				_, err := dir.Verify(context.Background(), accessKey.AccessKeyID, "", signedWith(accessKey.Secret))
				return err
			}
			if err := verify(); err != nil {
				t.Fatal(err)
			}

			disable(t, database, accessKey.AccessKeyID)
			time.Sleep(identity.CacheFor / 2)
			if err := verify(); err != nil {
				t.Errorf("before CacheFor is over: %v", err)
			}

			time.Sleep(identity.CacheFor / 2)
			if err := verify(); !errors.Is(err, identity.ErrUnknownKey) {
				t.Errorf("after CacheFor: got %v, want ErrUnknownKey", err)
			}
		})
	})
}

// A valid lookup is cached; a failed one reads the database each time, so that all
// failures cost the same. A read in the cancelled context returns an error.
func TestOnlyValidLookupsAreCached(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := newSealKey(t)
		accessKey := create(t, d, key, "ci", identity.Admin)
		dir := newDirectory(t, d, key)
		_, _ = dir.Verify(context.Background(), "LSAKAAAAAAAAAAAAAAAA", "", signedWith(accessKey.Secret))
		_, err := dir.Verify(context.Background(), accessKey.AccessKeyID, "", signedWith(accessKey.Secret))
		if err != nil {
			t.Fatal(err)
		}

		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := dir.Verify(ctx, accessKey.AccessKeyID, "", signedWith(accessKey.Secret)); err != nil {
			t.Errorf("a good request: %v", err)
		}

		for name, id := range map[string]string{
			"wrong signature": accessKey.AccessKeyID,
			"unknown key":     "LSAKAAAAAAAAAAAAAAAA",
		} {
			_, err := dir.Verify(ctx, id, "", signedWith(seal.Secret{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v: the database was not asked", name, err)
			}
		}
	})
}

func TestNewKeyWorksAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := newSealKey(t)
		dir := newDirectory(t, d, key)
		k := create(t, d, key, "ci", identity.Reader)
		if _, err := dir.Verify(context.Background(), k.AccessKeyID, "", signedWith(k.Secret)); err != nil {
			t.Error(err)
		}
	})
}

func TestKeyChangedInTheDatabaseIsWorthNothing(t *testing.T) {
	for _, change := range []string{
		`UPDATE access_key SET role = 'admin'`,
		`UPDATE access_key SET account = '999999999999'`,
		`UPDATE access_key SET principal = 'root'`,
		`UPDATE access_key SET id = 'LSAKAAAAAAAAAAAAAAAA'`,
	} {
		dbtest.Each(t, func(t *testing.T, database *db.DB) {
			key := newSealKey(t)
			accessKey := create(t, database, key, "ci", identity.Reader)
			update(t, database, func(tx *db.Tx) error { _, err := tx.Exec(change); return err })
			dir := newDirectory(t, database, key)
			for _, id := range []string{accessKey.AccessKeyID, "LSAKAAAAAAAAAAAAAAAA"} {
				p, err := dir.Verify(context.Background(), id, "", signedWith(accessKey.Secret))
				if err == nil || p != (identity.Principal{}) {
					t.Errorf("after %s, %s is %+v, %v", change, id, p, err)
				}
			}
		})
	}
}

func TestKeySealedForAnotherInstallationIsAnError(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := create(t, d, newSealKey(t), "ci", identity.Admin)
		_, err := newDirectory(t, d, newSealKey(t)).Verify(context.Background(), k.AccessKeyID, "",
			signedWith(k.Secret))
		if !errors.Is(err, seal.ErrWrongKey) {
			t.Errorf("got %v, want ErrWrongKey", err)
		}
	})
}

func TestDirectoryIsSafeForConcurrentUse(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		accessKey, gone := create(t, database, key, "ci", identity.Admin), create(t, database, key, "gone",
			identity.Admin)
		disable(t, database, gone.AccessKeyID)
		dir := newDirectory(t, database, key)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 20 {
					_, err := dir.Verify(context.Background(), accessKey.AccessKeyID, "", signedWith(accessKey.Secret))
					if err != nil {
						t.Error(err)
					}
					_, err = dir.Verify(context.Background(), gone.AccessKeyID, "", signedWith(gone.Secret))
					if !errors.Is(err, identity.ErrUnknownKey) {
						t.Errorf("a disabled key: %v", err)
					}
				}
			})
		}

		group.Wait()
	})
}
