package identity_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	permitBo = `permit (principal == User::"bo", action == Action::"codeconnections:ListConnections", resource);`
	forbidBo = `forbid (principal == User::"bo", action, resource);`
)

func putPolicy(t testing.TB, d *db.DB, key *seal.Key, name, text string) {
	t.Helper()
	update(t, d, func(tx *db.Tx) error { return identity.PutPolicy(tx, key, account, name, text) })
}

func policies(t testing.TB, database *db.DB, key *seal.Key, page db.Page) ([]identity.Policy, db.Cursor) {
	t.Helper()
	var found []identity.Policy
	var next db.Cursor
	err := database.View(context.Background(), func(tx *db.Tx) (err error) {
		found, next, err = identity.Policies(tx, key, account, page)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, next
}

// may reports whether a principal may create a connection in the account.
func may(t testing.TB, dir *identity.Directory, name string, role identity.Role) bool {
	t.Helper()
	set, err := dir.Policies(context.Background(), account)
	if err != nil {
		t.Fatal(err)
	}
	who := identity.Principal{
		AccessKeyID: "LSAK",
		Account:     account,
		Name:        name,
		Role:        role,
	}
	return set.Decide(who.PolicyPrincipal(),
		policy.Request{Action: "codeconnections:ListConnections", Resource: policy.AccountResource(account)}).Allowed
}

func TestPoliciesAreKeptListedAndDeleted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		for _, name := range []string{"c", "a", "b"} {
			putPolicy(t, database, key, name, permitBo)
		}

		update(t, database, func(tx *db.Tx) error {
			return identity.PutPolicy(tx, key, otherAccount, "theirs",
				permitBo)
		})
		putPolicy(t, database, key, "b", forbidBo)
		first, next := policies(t, database, key, db.Page{Limit: 2})
		rest, end := policies(t, database, key, db.Page{Limit: 2, After: next})
		got := map[string]string{}
		for _, p := range append(first, rest...) {
			got[p.Name] = p.Text
			if p.CreatedAt.IsZero() || p.UpdatedAt.Before(p.CreatedAt) {
				t.Errorf("times of %+v", p)
			}
		}

		diff := cmp.Diff(map[string]string{"a": permitBo, "b": forbidBo, "c": permitBo}, got)
		if diff != "" || len(first) != 2 || end != (db.Cursor{}) {
			t.Errorf("%d on the first page, then %v (-want +got):\n%s", len(first), end, diff)
		}

		update(t, database, func(tx *db.Tx) error { return identity.DeletePolicy(tx, account, "b") })
		for name, f := range map[string]func(tx *db.Tx) error{
			"read":   func(tx *db.Tx) error { _, err := identity.PolicyOf(tx, key, account, "b"); return err },
			"delete": func(tx *db.Tx) error { return identity.DeletePolicy(tx, account, "b") },
			"read theirs": func(tx *db.Tx) error {
				_, err := identity.PolicyOf(tx, key, account,
					"theirs")
				return err
			},
			"delete theirs": func(tx *db.Tx) error { return identity.DeletePolicy(tx, account, "theirs") },
			"odd name":      func(tx *db.Tx) error { return identity.DeletePolicy(tx, account, "\x00") },
		} {
			err := database.Update(context.Background(), f)
			if lockstep.KindOf(err) != lockstep.NotFound || !strings.HasPrefix(err.Error(),
				"Could not find policy: ") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestStoredPolicyIsSealed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		putPolicy(t, database, key, "p", permitBo)
		var box []byte
		err := database.View(context.Background(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT sealed FROM policy`).Scan(&box)
		})
		if err != nil || bytes.Contains(box, []byte("permit")) {
			t.Errorf("%v, %q", err, box)
		}
	})
}

func TestPutPolicyRefusesInvalidPolicies(t *testing.T) {
	for name, test := range map[string]struct{ name, text, says string }{
		"no name":       {"", permitBo, "Policy name"},
		"name of slash": {"a/b", permitBo, "Policy name"},
		"long name":     {strings.Repeat("n", 65), permitBo, "Policy name"},
		"our name":      {"lockstep.closed", permitBo, "Policy name"},
		"name in use":   {"built-in", permitBo, "Policy name"},
		"no text":       {"p", "", "0 bytes"},
		"long text":     {"p", strings.Repeat(" ", 16*1024) + permitBo, "bytes"},
		"no Cedar":      {"p", "permit (\n  principal,\n  !!", "line 3, column "},
	} {
		err := identity.PutPolicy(nil, nil, account, test.name, test.text) // validation needs no transaction
		if lockstep.KindOf(err) != lockstep.Invalid || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want an Invalid that says %s", name, err, test.says)
		}
	}
}

func TestPoliciesOfAnAccountAreLimited(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes a hundred rows")
	}

	database, key := dbtest.Open(t), newSealKey(t)
	for i := range 100 {
		putPolicy(t, database, key, fmt.Sprint("p", i), permitBo)
	}

	put := func(account, name string) error {
		return database.Update(context.Background(),
			func(tx *db.Tx) error { return identity.PutPolicy(tx, key, account, name, forbidBo) })
	}
	if err := put(account, "one-more"); lockstep.KindOf(err) != lockstep.Limit {
		t.Errorf("one more: %v", err)
	}

	if err := put(account, "p7"); err != nil {
		t.Errorf("one that is there: %v", err)
	}

	if err := put(otherAccount, "one-more"); err != nil {
		t.Errorf("another account: %v", err)
	}
}

func TestChangedPolicyCountsWithinCacheForOrAtOnce(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		synctest.Test(t, func(t *testing.T) {
			database, key := dbtest.OpenOn(t, engine, db.Schema()), newSealKey(t)
			here, there := newDirectory(t, database, key), newDirectory(t, database, key)
			if may(t, here, "bo", identity.None) || may(t, there, "bo", identity.None) {
				t.Fatal("allowed by nothing")
			}

			putPolicy(t, database, key, "p", permitBo)
			here.InvalidatePolicies(account)
			if !may(t, here, "bo", identity.None) {
				t.Error("forgotten, and still denied")
			}

			if may(t, there, "bo", identity.None) {
				t.Error("on another node the policies were read again within CacheFor")
			}

			time.Sleep(identity.CacheFor)
			if !may(t, there, "bo", identity.None) {
				t.Error("another node has not taken notice within CacheFor")
			}

			putPolicy(t, database, key, "q", forbidBo)
			time.Sleep(identity.CacheFor)
			if may(t, here, "bo", identity.None) || may(t, there, "bo", identity.None) {
				t.Error("allowed against a policy that forbids it")
			}

			if may(t, here, "jo", identity.None) {
				t.Error("a policy applies to another principal")
			}
		})
	})
}

func TestAttack26BadStoredPolicyClosesTheAccountToAllButAdmins(t *testing.T) {
	for _, bad := range []string{
		`UPDATE policy SET sealed = (SELECT sealed FROM policy WHERE name = 'mine')
			WHERE name = 'other'`, // a moved box
		`UPDATE policy SET account = '210987654321' WHERE name = 'theirs'`, // no effect
		"no Cedar",
	} {
		dbtest.Each(t, func(t *testing.T, database *db.DB) {
			key, out := newSealKey(t), &bytes.Buffer{}
			dir, err := identity.NewDirectory(identity.Options{
				DB:  database,
				Key: key,
				Log: slog.New(slog.NewTextHandler(out, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}

			putPolicy(t, database, key, "mine", permitBo)
			putPolicy(t, database, key, "other", `forbid (principal == User::"root", action, resource);`)
			update(t, database, func(tx *db.Tx) error {
				if bad != "no Cedar" {
					_, err := tx.Exec(bad)
					return err
				}

				// Sealed correctly, as by a version with another schema.
				box, err := key.Seal([]byte(bad), []byte(`policy "`+account+`" "other"`))
				if err != nil {
					return err
				}

				_, err = tx.Exec(`UPDATE policy SET sealed = $1 WHERE name = 'other'`, []byte(box))
				return err
			})

			closed := !strings.Contains(bad, "theirs")
			if got := may(t, dir, "bo", identity.None); got == closed {
				t.Errorf("%s: whom a good policy allows is allowed: %v", bad, got)
			}

			if got := may(t, dir, "boss", identity.Admin); !got {
				t.Errorf("%s: an admin is locked out", bad)
			}

			if got := strings.Contains(out.String(), `policy=other`); got != closed {
				t.Errorf("%s: the log says %s", bad, out)
			}

			// Replacing the policy restores access.
			putPolicy(t, database, key, "other", forbidBo)
			dir.InvalidatePolicies(account)
			if may(t, dir, "bo", identity.None) || !may(t, dir, "boss", identity.Admin) {
				t.Errorf("%s: mended, and still closed or open", bad)
			}
		})
	}
}

func TestBadPolicyCanBeReadAndDeleted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		key := newSealKey(t)
		putPolicy(t, database, key, "p", permitBo)
		other := newSealKey(t)
		found, _ := policies(t, database, other, db.Page{Limit: 5})
		if len(found) != 1 || found[0].Name != "p" || found[0].Text != "" {
			t.Errorf("listed: %+v", found)
		}

		putPolicy(t, database, other, "p", permitBo)
		if found, _ := policies(t, database, other, db.Page{Limit: 5}); found[0].Text != permitBo {
			t.Errorf("put again: %+v", found)
		}

		update(t, database, func(tx *db.Tx) error { return identity.DeletePolicy(tx, account, "p") })
	})
}

func TestPoliciesReturnsADatabaseError(t *testing.T) {
	dir := newDirectory(t, dbtest.Open(t), newSealKey(t))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if set, err := dir.Policies(ctx, account); err == nil || set != nil {
		t.Errorf("got %v, %v", set, err)
	}
}
