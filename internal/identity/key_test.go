package identity_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

const account = "123456789012"

func newSealKey(t testing.TB) *seal.Key {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func update(t testing.TB, d *db.DB, f func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Update(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, d *db.DB, key *seal.Key, name string, role identity.Role) identity.AccessKey {
	t.Helper()
	var accessKey identity.AccessKey
	update(t, d, func(tx *db.Tx) (err error) {
		accessKey, err = identity.CreateKey(tx, key,
			identity.CreateKeyInput{Account: account, Principal: name, Role: role})
		return err
	})
	return accessKey
}

func disable(t testing.TB, d *db.DB, id string) {
	t.Helper()
	update(t, d, func(tx *db.Tx) error { return identity.DisableKey(tx, id) })
}

func list(t testing.TB, d *db.DB) []identity.AccessKey {
	t.Helper()
	var keys []identity.AccessKey
	err := d.View(context.Background(), func(tx *db.Tx) (err error) {
		keys, err = identity.AllKeys(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestCreatedKeyDiffersFromAWSs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := newSealKey(t)
		first, second := create(t, d, key, "ci", identity.Reader), create(t, d, key, "ci", identity.Reader)
		for _, accessKey := range []identity.AccessKey{first, second} {
			if !regexp.MustCompile(`^LSAK[A-Z2-7]{16}$`).MatchString(accessKey.AccessKeyID) ||
				identity.IsAWSKeyID(accessKey.AccessKeyID) {
				t.Errorf("id %q", accessKey.AccessKeyID)
			}
			if !regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(accessKey.Secret.Reveal()) {
				t.Errorf("a secret of %d characters", len(accessKey.Secret.Reveal()))
			}
		}

		if first.AccessKeyID == second.AccessKeyID || first.Secret.Equal(second.Secret) {
			t.Error("two keys are alike")
		}
	})
}

func TestKeysListsOldestFirstWithoutSecrets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		if got := list(t, database); len(got) != 0 {
			t.Errorf("keys of an empty database: %+v", got)
		}

		key := newSealKey(t)
		admin, reader := create(t, database, key, "root", identity.Admin), create(t, database, key, "ci@example",
			identity.Reader)
		update(t, database, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE access_key SET created_at = created_at - 1000 WHERE id = $1`,
				reader.AccessKeyID)
			return err
		})
		disable(t, database, reader.AccessKeyID)
		reader.CreatedAt, reader.Disabled = reader.CreatedAt.Add(-1e9), true
		reader.Secret, admin.Secret = seal.Secret{}, seal.Secret{}

		if diff := cmp.Diff([]identity.AccessKey{reader, admin}, list(t, database)); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}

func TestStoredKeyHidesItsSecret(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		accessKey := create(t, d, newSealKey(t), "ci", identity.Reader)
		var box []byte
		err := d.View(context.Background(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT sealed FROM access_key WHERE id = $1`, accessKey.AccessKeyID).Scan(&box)
		})
		if err != nil {
			t.Fatal(err)
		}

		if strings.Contains(string(box), accessKey.Secret.Reveal()) {
			t.Error("the secret is stored as plain text")
		}
	})
}

func TestCreateKeyRefusesAnInvalidPrincipal(t *testing.T) {
	good := identity.CreateKeyInput{Account: account, Principal: "ci", Role: identity.Reader}
	for name, change := range map[string]identity.CreateKeyInput{
		"no account":        {Principal: "ci", Role: identity.Reader},
		"short account":     {Account: "12345678901", Principal: "ci", Role: identity.Reader},
		"long account":      {Account: account + "3", Principal: "ci", Role: identity.Reader},
		"account of words":  {Account: "abcdefghijkl", Principal: "ci", Role: identity.Reader},
		"account with line": {Account: account + "\n", Principal: "ci", Role: identity.Reader},
		"no name":           {Account: account, Role: identity.Reader},
		"name with space":   {Account: account, Principal: "c i", Role: identity.Reader},
		"name with NUL":     {Account: account, Principal: "c\x00i", Role: identity.Reader},
		"long name":         {Account: account, Principal: strings.Repeat("n", 65), Role: identity.Reader},
		"no role":           {Account: account, Principal: "ci"},
		"unknown role":      {Account: account, Principal: "ci", Role: "root"},
	} {
		// validation needs no transaction
		if _, err := identity.CreateKey(nil, nil, change); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%s: got %v, want an Invalid", name, err)
		}
	}

	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		key := newSealKey(t)
		update(t, d, func(tx *db.Tx) error { _, err := identity.CreateKey(tx, key, good); return err })
		got := list(t, d)
		want := []identity.AccessKey{
			{Principal: identity.Principal{Account: account, Name: "ci", Role: identity.Reader}},
		}
		ignore := cmpopts.IgnoreFields(identity.AccessKey{}, "AccessKeyID", "CreatedAt")
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
	})
}

func TestDisablingAnUnknownKeyIsNotFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, id := range []string{"LSAKAAAAAAAAAAAAAAAA", "", "LSAK\x00", "AKIAIOSFODNN7EXAMPLE", "\xff"} {
			err := d.Update(context.Background(), func(tx *db.Tx) error { return identity.DisableKey(tx, id) })
			if lockstep.KindOf(err) != lockstep.NotFound {
				t.Errorf("disable %q: got %v, want a NotFound", id, err)
			}
		}
	})
}

func TestDisableTwiceIsDisabled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		k := create(t, database, newSealKey(t), "ci", identity.Reader)
		disable(t, database, k.AccessKeyID)
		disable(t, database, k.AccessKeyID)
		if got := list(t, database); len(got) != 1 || !got[0].Disabled {
			t.Errorf("keys: %+v", got)
		}
	})
}
