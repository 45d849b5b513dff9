package repository_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/store"
)

// The race detector runs this package in CI.
func TestAttack24ALinkMayChangeWhileItIsUsed(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		head := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		var use sync.WaitGroup
		for range 8 {
			use.Go(func() {
				for range 25 {
					repository, err := w.Repositories.Open(w.T.Context(), w.Link.ID)
					if err != nil {
						w.T.Errorf("open: %v", err)
						return
					}
					heads, err := repository.Client.Heads(w.T.Context(), []string{"main"})
					repository.Release()
					if err != nil || heads["main"] != head {
						w.T.Errorf("the head is %s (%v), want %s", heads["main"], err, head)
					}
				}
			})
		}

		for i := range 25 { // each name needs another client
			w.Update(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE repository_link SET repository_name = $2 WHERE id = $1`, w.Link.ID, fmt.Sprint(i))
				return err
			})
		}
		use.Wait()

		opened, closed := w.Host.ClientCounts()
		if opened-closed != 1 {
			w.T.Errorf("%d clients were opened and %d closed, want one that is kept", opened, closed)
		}
	})
}

func TestAttack25RepositoriesOfTwoLinksShareNoClient(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		twin := w.Link // the same repository, through the same connection
		twin.ID, twin.ARN = "twin", lockstep.ARN("arn:twin")
		w.Update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE repository_link SET repository_name = 'renamed' WHERE id = $1`, w.Link.ID)
			if err != nil {
				return err
			}
			return store.InsertLink(tx, &twin)
		})

		first, release := w.OpenClient(w.Link.ID)
		defer release()
		second, releaseToo := w.OpenClient("twin")
		defer releaseToo()
		if first == second {
			t.Error("two links share a client, and so what it has read")
		}
	})
}
