package repository_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/store"
)

func TestAClientIsCachedAndSharedUntilClose(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first, release := w.OpenClient("link")
		second, releaseToo := w.OpenClient("link")
		if first != second {
			t.Error("two clients for one repository")
		}

		release()
		release() // is of no effect
		releaseToo()
		third, release := w.OpenClient("link")
		if third != first {
			t.Error("an unused client was not kept")
		}

		w.ExpectClients(1, 0)
		w.Stop()
		w.ExpectClients(1, 0)

		if _, err := third.Heads(w.T.Context(), nil); err != nil {
			t.Errorf("a client in use was closed: %v", err)
		}

		release()
		w.ExpectClients(1, 1)
	})
}

func TestAnotherCredentialOrEndpointOpensANewClient(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		old, release := w.OpenClient("link")
		w.Credential = lockstep.Credential{Kind: lockstep.TokenCredential, Secret: "new"}
		reopened, releaseNew := w.OpenClient("link")
		if old == reopened {
			t.Fatal("the client of the old credential is given out")
		}

		if got := w.Host.Opened[1].Credential; got.Secret != "new" {
			t.Error("the new client has the old credential")
		}

		if _, err := old.Heads(w.T.Context(), nil); err != nil {
			t.Errorf("the old client was closed while in use: %v", err)
		}

		w.ExpectClients(2, 0)
		release()
		w.ExpectClients(2, 1)
		releaseNew()
		w.ExpectClients(2, 1)
		host := lockstep.Host{ARN: "arn:host", Account: w.Link.Account, Region: w.Link.Region, Name: "h",
			ProviderType: "Git", Endpoint: "https://one.example.com", Status: lockstep.HostAvailable}
		w.Update(func(tx *db.Tx) error {
			if err := store.InsertHost(tx, &host); err != nil {
				return err
			}

			_, err := tx.Exec(`UPDATE connection SET host_arn = $1`, host.ARN)
			return err
		})

		_, release = w.OpenClient("link")
		release()
		w.ExpectClients(3, 2)
		w.Update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE host SET endpoint = 'https://two.example.com'`)
			return err
		})
		_, release = w.OpenClient("link")
		release()
		w.ExpectClients(4, 3)

		if got := w.Host.Opened[3].Host.Endpoint; got != "https://two.example.com" {
			t.Errorf("opened for %s", got)
		}

		host.OwnCertificate = "a certificate"
		w.Update(func(tx *db.Tx) error { return store.UpdateHost(tx, host) })
		_, release = w.OpenClient("link")
		release()
		w.ExpectClients(5, 4)

		if got := w.Host.Opened[4].Host.Certificate(); got != "a certificate" {
			t.Errorf("opened with the certificate %q", got)
		}
	})
}

func TestTheCacheIsBoundedAndEvictsTheLeastRecentlyUsed(t *testing.T) {
	const most = 512
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Update(func(tx *db.Tx) error {
			for i := range most {
				l := w.Link
				l.ID, l.ARN, l.RepositoryName = fmt.Sprint(i), lockstep.ARN(fmt.Sprint(i)), fmt.Sprint(i)
				if err := store.InsertLink(tx, &l); err != nil {
					return err
				}
			}

			return nil
		})

		busy, releaseBusy := w.OpenClient("0")
		for i := range most {
			_, release := w.OpenClient(fmt.Sprint(i))
			release()
		}

		w.ExpectClients(most, 0)
		_, release := w.OpenClient("0")
		release()
		_, release = w.OpenClient("link")
		release()
		w.ExpectClients(most+1, 1)
		_, release = w.OpenClient("1") // which had been left alone longest
		release()
		w.ExpectClients(most+2, 2)

		for i := 3; i < most; i++ {
			_, release := w.OpenClient(fmt.Sprint(i))
			release()
		}

		w.ExpectClients(most+2, 2)
		if _, err := busy.Heads(w.T.Context(), nil); err != nil {
			t.Errorf("a client in use was closed: %v", err)
		}

		releaseBusy()
	})
}

func TestTheErrorOfAnUnopenableRepositorySaysWhy(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		if _, err := w.Repositories.Open(w.T.Context(), "no-link"); lockstep.KindOf(err) != lockstep.NotFound {
			t.Errorf("of no link: %v", err)
		}

		w.Update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE repository_link SET provider_type = 'GitHub'`)
			return err
		})
		_, err := w.Repositories.Open(w.T.Context(), "link")
		if lockstep.Shown(err) != "This server has no driver for provider type GitHub." {
			t.Errorf("of no driver: %v", err)
		}
	})
}

func TestAttack10ClientOfADeletedLinkIsClosed(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		_, release := w.OpenClient("link")
		release()
		err := w.Repositories.DeleteWithWebhook(w.T.Context(), "link", func() (string, error) { return "", nil })
		w.Must(err)

		w.ExpectClients(1, 1)
	})
}

func TestAttack10FailedDeletionOfALinkKeepsItsClient(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		_, release := w.OpenClient("link")
		release()
		refused := errors.New("refused")
		err := w.Repositories.DeleteWithWebhook(w.T.Context(), "link", func() (string, error) { return "", refused })
		if !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}

		w.ExpectClients(1, 0)
	})
}
