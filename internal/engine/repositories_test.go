package engine_test

import (
	"fmt"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
)

// open gives a client as the poller gets it.
func (w *world) open(linkID string) (provider.Client, func()) {
	w.t.Helper()
	repo, err := w.repositories.Open(w.t.Context(), linkID)
	w.must(err)
	return repo.Client, repo.Release
}

func (w *world) expectClients(opened, closed int) {
	w.t.Helper()
	if o, c := w.host.clients(); o != opened || c != closed {
		w.t.Errorf("%d clients opened and %d closed, want %d and %d", o, c, opened, closed)
	}
}

func TestAClientIsKeptAndSharedUntilTheEngineCloses(t *testing.T) {
	inSQLite(t, func(w *world) {
		first, release := w.open("link")
		second, releaseToo := w.open("link")
		if first != second {
			t.Error("two clients for one repository")
		}

		release()
		release() // is of no effect
		releaseToo()
		third, release := w.open("link")
		if third != first {
			t.Error("a client that nobody used was not kept")
		}

		w.expectClients(1, 0)
		w.stop()
		w.expectClients(1, 0)

		if _, err := third.Heads(w.t.Context(), nil); err != nil {
			t.Errorf("a client in use was closed: %v", err)
		}

		release()
		w.expectClients(1, 1)
	})
}

func TestAnotherCredentialOrEndpointOpensAnew(t *testing.T) {
	inSQLite(t, func(w *world) {
		old, release := w.open("link")
		w.credential = lockstep.Credential{Kind: lockstep.TokenCredential, Secret: "new"}
		anew, releaseAnew := w.open("link")
		if old == anew {
			t.Fatal("the client of the old credential is given out")
		}

		if got := w.host.opened[1].Credential; got.Secret != "new" {
			t.Error("the new client has the old credential")
		}

		if _, err := old.Heads(w.t.Context(), nil); err != nil {
			t.Errorf("the old client was closed while in use: %v", err)
		}

		w.expectClients(2, 0)
		release()
		w.expectClients(2, 1)
		releaseAnew()
		w.expectClients(2, 1)
		host := lockstep.Host{ARN: "arn:host", Account: w.link.Account, Region: w.link.Region, Name: "h",
			ProviderType: "Git", Endpoint: "https://one.example.com", Status: lockstep.HostAvailable}
		w.update(func(tx *db.Tx) error {
			if err := store.InsertHost(tx, &host); err != nil {
				return err
			}

			_, err := tx.Exec(`UPDATE connection SET host_arn = $1`, host.ARN)
			return err
		})

		_, release = w.open("link")
		release()
		w.expectClients(3, 2)
		w.update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE host SET endpoint = 'https://two.example.com'`)
			return err
		})
		_, release = w.open("link")
		release()
		w.expectClients(4, 3)

		if got := w.host.opened[3].Host.Endpoint; got != "https://two.example.com" {
			t.Errorf("opened for %s", got)
		}

		host.OwnCertificate = "a certificate"
		w.update(func(tx *db.Tx) error { return store.UpdateHost(tx, host) })
		_, release = w.open("link")
		release()
		w.expectClients(5, 4)

		if got := w.host.opened[4].Host.Certificate(); got != "a certificate" {
			t.Errorf("opened with the certificate %q", got)
		}
	})
}

func TestTheClientsThatAreKeptAreBoundedAndTheLeastUsedGoesFirst(t *testing.T) {
	const most = 512
	inSQLite(t, func(w *world) {
		w.update(func(tx *db.Tx) error {
			for i := range most {
				l := w.link
				l.ID, l.ARN, l.RepositoryName = fmt.Sprint(i), lockstep.ARN(fmt.Sprint(i)), fmt.Sprint(i)
				if err := store.InsertLink(tx, &l); err != nil {
					return err
				}
			}

			return nil
		})

		busy, releaseBusy := w.open("0")
		for i := range most {
			_, release := w.open(fmt.Sprint(i))
			release()
		}

		w.expectClients(most, 0)
		_, release := w.open("0")
		release()
		_, release = w.open("link")
		release()
		w.expectClients(most+1, 1)
		_, release = w.open("1") // which had been left alone longest
		release()
		w.expectClients(most+2, 2)

		for i := 3; i < most; i++ {
			_, release := w.open(fmt.Sprint(i))
			release()
		}

		w.expectClients(most+2, 2)
		if _, err := busy.Heads(w.t.Context(), nil); err != nil {
			t.Errorf("a client in use was closed: %v", err)
		}

		releaseBusy()
	})
}

func TestARepositoryThatCannotBeOpenedSaysWhy(t *testing.T) {
	inSQLite(t, func(w *world) {
		if _, err := w.repositories.Open(w.t.Context(), "no-link"); lockstep.KindOf(err) != lockstep.NotFound {
			t.Errorf("of no link: %v", err)
		}

		w.update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE repository_link SET provider_type = 'GitHub'`)
			return err
		})
		_, err := w.repositories.Open(w.t.Context(), "link")
		if lockstep.Shown(err) != "This server has no driver for provider type GitHub." {
			t.Errorf("of no driver: %v", err)
		}
	})
}
