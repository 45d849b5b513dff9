package syncstate_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// TestConcurrentReadsReturnTheirOwnStatus has names in two accounts, regions
// and sync types that only together tell the resources apart.
func TestConcurrentReadsReturnTheirOwnStatus(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		want := map[lockstep.Resource]string{} // "" for none yet
		for i := range 64 {
			resource := lockstep.Resource{
				Account:  []lockstep.AccountID{"111111111111", "222222222222"}[i&1],
				Region:   []string{"us-east-1", "eu-central-1"}[i>>1&1],
				SyncType: []lockstep.SyncType{"CFN_STACK_SYNC", "OTHER_SYNC"}[i>>2&1],
				Name:     fmt.Sprint("name-", i>>3),
			}

			want[resource] = fmt.Sprintf(`{"of":"%v"}`, resource)
			if i>>3 == 0 {
				want[resource] = ""
			}
		}

		err := database.Update(t.Context(), func(tx *db.Tx) error {
			for resource, document := range want {
				_, err := tx.Exec(`INSERT INTO resource (account, region, sync_type, name, document)
					VALUES ($1, $2, $3, $4, nullif($5, ''))`,
					resource.Account, resource.Region, resource.SyncType, resource.Name, document)
				if err != nil {
					return err
				}
			}

			return nil
		})
		if err != nil {
			t.Fatal(err)
		}

		want[lockstep.Resource{
			Account:  "333333333333",
			Region:   "us-east-1",
			SyncType: "CFN_STACK_SYNC",
			Name:     "name-1",
		}] = ""
		statuses := syncstate.NewStatusReader(database)
		var readers sync.WaitGroup
		for range 8 {
			for resource, document := range want {
				readers.Go(func() {
					got, err := statuses.Document(t.Context(), resource)
					missing := lockstep.KindOf(err) == lockstep.NotFound
					if err != nil && !missing || string(got) != document || missing != (document == "") {
						t.Errorf("%v: %q, %v", resource, got, err)
					}
				})
			}
		}

		readers.Wait()
	})
}
