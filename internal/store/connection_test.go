package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
)

func insertConnection(t testing.TB, d *db.DB, id string) lockstep.Connection {
	t.Helper()
	c := storetest.NewConnection(id, "")
	storetest.Update(t, d, func(tx *db.Tx) error { return store.InsertConnection(tx, &c) })
	return c
}

func TestConnectionIsReadAsItWasInserted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		h := storetest.NewHost("host")
		storetest.Update(t, database, func(tx *db.Tx) error { return store.InsertHost(tx, &h) })
		for _, want := range []lockstep.Connection{
			storetest.NewConnection("hosted", h.ARN), storetest.NewConnection("plain", ""),
		} {
			storetest.Update(t, database, func(tx *db.Tx) error { return store.InsertConnection(tx, &want) })
			storetest.Update(t, database, func(tx *db.Tx) error {
				return store.SetConnectionStatus(tx, want.ARN, lockstep.ConnectionAvailable)
			})
			want.Status = lockstep.ConnectionAvailable
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.Connection(tx, account, region, want.ARN)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("connection (-want +got):\n%s", diff)
				}
				return err
			})
		}
	})
}

func TestConnectionNeedsItsHost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := storetest.NewConnection("lost", storetest.NewHost("nowhere").ARN)
		storetest.RequireKind(t, d, lockstep.NotFound, func(tx *db.Tx) error { return store.InsertConnection(tx, &c) })
	})
}

func TestConnectionsAreFiltered(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		host := storetest.NewHost("host")
		hosted, plain := storetest.NewConnection("hosted", host.ARN), storetest.NewConnection("plain", "")
		plain.ProviderType = "GitHub"
		storetest.Update(t, database, func(tx *db.Tx) error {
			if err := store.InsertHost(tx, &host); err != nil {
				return err
			}
			if err := store.InsertConnection(tx, &hosted); err != nil {
				return err
			}

			return store.InsertConnection(tx, &plain)
		})

		for _, test := range []struct {
			filter store.ConnectionFilter
			want   []string
		}{
			{store.ConnectionFilter{}, []string{"hosted", "plain"}},
			{store.ConnectionFilter{ProviderType: "GitHub"}, []string{"plain"}},
			{store.ConnectionFilter{HostARN: host.ARN}, []string{"hosted"}},
			{store.ConnectionFilter{ProviderType: "GitHub", HostARN: host.ARN}, nil},
		} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, _, err := store.Connections(tx, account, region, test.filter, db.Page{Limit: 10})
				var got []string
				for _, one := range list {
					got = append(got, one.Name)
				}

				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%+v (-want +got):\n%s", test.filter, diff)
				}

				return err
			})
		}
	})
}

func TestDeleteConnectionRefusesWhileLinked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		l := storetest.InsertLink(t, database, 1)
		remove := func(tx *db.Tx) error { return store.DeleteConnection(tx, account, region, l.ConnectionARN) }
		storetest.RequireKind(t, database, lockstep.InUse, remove)
		storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteLink(tx, account, region, l.ID) })
		storetest.Update(t, database, remove)
	})
}

func TestCredentialComesBackOpened(t *testing.T) {
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}

	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		connection := insertConnection(t, database, "conn")
		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			_, err := store.Credential(tx, key, connection.ARN)
			return err
		})
		for _, want := range []lockstep.Credential{
			{Kind: lockstep.BasicCredential, Username: "u", Secret: "hunter2"},
			{Kind: lockstep.TokenCredential, Secret: "tok"},
			{Kind: lockstep.NoCredential},
		} {
			storetest.Update(t, database, func(tx *db.Tx) error {
				return store.SaveCredential(tx, key, connection.ARN, want)
			})
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.Credential(tx, key, connection.ARN)
				if got != want {
					t.Errorf("got %#v, want %#v", got, want)
				}
				return err
			})
		}
	})
}

func TestCredentialCopiedToAnotherConnectionDoesNotOpen(t *testing.T) {
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}

	database := dbtest.Open(t)
	mine, theirs := insertConnection(t, database, "mine"), insertConnection(t, database, "theirs")
	storetest.Update(t, database, func(tx *db.Tx) error {
		return store.SaveCredential(tx, key, theirs.ARN, lockstep.Credential{Kind: lockstep.TokenCredential,
			Secret: "hunter2"})
	})
	storetest.Update(t, database, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO credential SELECT $1, sealed, updated_at FROM credential`, mine.ARN)
		return err
	})
	storetest.RequireKind(t, database, lockstep.Internal, func(tx *db.Tx) error {
		_, err := store.Credential(tx, key, mine.ARN)
		return err
	})
}

func TestTagsAreDeletedWithTheirResource(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		connection := insertConnection(t, database, "tagged")
		tagged := func(want []lockstep.Tag) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.Tags(tx, connection.ARN)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("tags (-want +got):\n%s", diff)
				}
				return err
			})
		}
		set := func(tags ...lockstep.Tag) {
			storetest.Update(t, database, func(tx *db.Tx) error { return store.SetTags(tx, connection.ARN, tags) })
		}
		set(lockstep.Tag{Key: "b", Value: "1"}, lockstep.Tag{Key: "a"})
		set(lockstep.Tag{Key: "b", Value: "2"})
		tagged([]lockstep.Tag{{Key: "a"}, {Key: "b", Value: "2"}})
		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.DeleteConnection(tx, account, region, connection.ARN)
		})
		tagged(nil)
	})
}
