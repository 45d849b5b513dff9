package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
)

func TestHostIsReadAsItWasInserted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		plain, inVPC := storetest.NewHost("plain"), storetest.NewHost("in-vpc")
		inVPC.StatusMessage = "fine"
		inVPC.VPC = &lockstep.VPCConfiguration{VPCID: "vpc-1", SubnetIDs: []string{"a", "b"},
			SecurityGroupIDs: []string{"c"}, TLSCertificate: "pem"}

		for _, want := range []lockstep.Host{plain, inVPC} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				if err := store.InsertHost(tx, &want); err != nil {
					return err
				}

				if want.CreatedAt != tx.Now {
					t.Errorf("CreatedAt is %v, want the transaction's %v", want.CreatedAt, tx.Now)
				}

				return nil
			})
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.Host(tx, account, region, want.ARN)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("host (-want +got):\n%s", diff)
				}
				return err
			})
		}
	})
}

func TestHostOfAnotherAccountOrRegionIsNotFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		host := storetest.NewHost("mine")
		storetest.Update(t, database, func(tx *db.Tx) error { return store.InsertHost(tx, &host) })
		for _, scope := range [][2]string{{string(other), region}, {string(account), "us-east-1"}} {
			whose, where := lockstep.AccountID(scope[0]), scope[1]
			storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
				_, err := store.Host(tx, whose, where, host.ARN)
				return err
			})
			storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
				return store.DeleteHost(tx, whose, where, host.ARN)
			})
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, _, err := store.Hosts(tx, whose, where, db.Page{Limit: 10})
				if len(list) != 0 {
					t.Errorf("%v sees %v", scope, list)
				}
				return err
			})
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			_, err := store.HostByARN(tx, host.ARN)
			return err
		})
	})
}

func TestHostARNIsTakenOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := storetest.NewHost("twice")
		storetest.Update(t, d, func(tx *db.Tx) error { return store.InsertHost(tx, &h) })
		storetest.RequireKind(t, d, lockstep.Exists, func(tx *db.Tx) error { return store.InsertHost(tx, &h) })
	})
}

func TestDeleteHostRefusesWhileConnected(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		host := storetest.NewHost("used")
		connection := storetest.NewConnection("user", host.ARN)
		storetest.Update(t, database, func(tx *db.Tx) error {
			if err := store.InsertHost(tx, &host); err != nil {
				return err
			}
			return store.InsertConnection(tx, &connection)
		})

		remove := func(tx *db.Tx) error { return store.DeleteHost(tx, account, region, host.ARN) }
		storetest.RequireKind(t, database, lockstep.InUse, remove)
		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.DeleteConnection(tx, account, region, connection.ARN)
		})
		storetest.Update(t, database, remove)
		storetest.RequireKind(t, database, lockstep.NotFound, remove)
	})
}

func TestHostsAreListedInPagesWithoutGapOrRepetition(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		var want []string
		// One transaction: all have the same time, so the ARN decides.
		storetest.Update(t, database, func(tx *db.Tx) error {
			for _, n := range []int{4, 2, 0, 3, 1} {
				host := storetest.NewHost(fmt.Sprintf("h%d", n))
				if err := store.InsertHost(tx, &host); err != nil {
					return err
				}
			}

			return nil
		})
		for n := range 5 {
			want = append(want, fmt.Sprintf("h%d", n))
		}

		for limit := 1; limit <= 6; limit++ {
			var got []string
			page := db.Page{Limit: limit}
			for done := false; !done; done = page.After == (db.Cursor{}) {
				storetest.Update(t, database, func(tx *db.Tx) error {
					list, next, err := store.Hosts(tx, account, region, page)
					for _, host := range list {
						got = append(got, host.Name)
					}

					page.After = next
					return err
				})
				if len(got) > 5 {
					t.Fatalf("limit %d: the list does not end: %v", limit, got)
				}
			}

			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("limit %d (-want +got):\n%s", limit, diff)
			}
		}
	})
}
