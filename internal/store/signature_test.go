package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
)

func TestSignaturePoliciesAreReadByNameWithTheirConfiguration(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		var want []store.SignedConfiguration
		for _, name := range []string{"Web", "api", "open", "web"} {
			cfg := storetest.InsertConfiguration(t, database, storetest.NewConfiguration(name, link.ID))
			if name == "open" {
				continue
			}

			policy := lockstep.SignaturePolicy{AllowedSigners: "signers of " + name, PublicKeys: "keys\r\n of " + name}
			storetest.Update(t, database, func(tx *db.Tx) error {
				policy.UpdatedAt = tx.Now.Truncate(time.Millisecond)
				return store.PutSignaturePolicy(tx, cfg.ID, policy)
			})
			want = append(want, store.SignedConfiguration{Configuration: cfg, SignaturePolicy: policy})
		}

		for _, limit := range []int{1, 2, 3, 4} {
			var got []store.SignedConfiguration
			storetest.Update(t, database, func(tx *db.Tx) error {
				page := db.Page{Limit: limit}
				for {
					some, next, err := store.SignaturePolicies(tx, account, region, page)
					got = append(got, some...)
					if page.After = next; err != nil || next == (db.Cursor{}) {
						return err
					}
				}
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d at a time (-want +got):\n%s", limit, diff)
			}
		}

		for _, where := range []struct {
			account lockstep.AccountID
			region  string
		}{{other, region}, {account, "us-east-1"}} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				some, _, err := store.SignaturePolicies(tx, where.account, where.region, db.Page{Limit: 10})
				if len(some) > 0 {
					t.Errorf("%v has %v", where, some)
				}
				return err
			})
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.DeleteConfiguration(tx, want[1].Configuration.ID)
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			some, _, err := store.SignaturePolicies(tx, account, region, db.Page{Limit: 10})
			if diff := cmp.Diff([]store.SignedConfiguration{want[0], want[2]}, some); diff != "" {
				t.Errorf("after one configuration was deleted (-want +got):\n%s", diff)
			}
			return err
		})
	})
}
