package store_test

import (
	"fmt"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

const (
	account = lockstep.AccountID("111122223333")
	other   = lockstep.AccountID("444455556666")
	region  = "eu-central-1"
)

func update(t testing.TB, d *db.DB, f func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// refused runs f in a transaction that must end with an error of a kind.
func refused(t testing.TB, d *db.DB, kind lockstep.Kind, f func(tx *db.Tx) error) {
	t.Helper()
	err := d.Update(t.Context(), f)
	if err == nil || lockstep.KindOf(err) != kind {
		t.Errorf("got error %v (%v), want one of kind %v", err, lockstep.KindOf(err), kind)
	}
}

func newHost(id string) lockstep.Host {
	return lockstep.Host{
		ARN:     lockstep.MakeARN("codeconnections", region, string(account), "host", id),
		Account: account, Region: region, Name: id, ProviderType: "Git",
		Endpoint: "https://git.example.com", Status: lockstep.HostAvailable,
	}
}

func newConnection(id string, host lockstep.ARN) lockstep.Connection {
	return lockstep.Connection{
		ARN:     lockstep.MakeARN("codeconnections", region, string(account), "connection", id),
		Account: account, Region: region, Name: id, ProviderType: "Git",
		HostARN: host, Status: lockstep.ConnectionPending,
	}
}

func newLink(n int, conn lockstep.ARN) lockstep.RepositoryLink {
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	return lockstep.RepositoryLink{
		ID: id, ARN: lockstep.MakeARN("codeconnections", region, string(account), "repository-link", id),
		Account: account, Region: region, ConnectionARN: conn, OwnerID: "acme",
		RepositoryName: fmt.Sprintf("infra%d", n), ProviderType: "Git",
	}
}

func newConfiguration(name string, link string) lockstep.SyncConfiguration {
	return lockstep.SyncConfiguration{
		Account: account, Region: region, SyncType: "CFN_STACK_SYNC", ResourceName: name,
		LinkID: link, Branch: "main", ConfigFile: name + ".yaml", RoleARN: "arn:aws:iam::111122223333:role/sync",
	}
}

// insertLink makes a host, a connection and link n.
func insertLink(t testing.TB, d *db.DB, n int) lockstep.RepositoryLink {
	t.Helper()
	h := newHost(fmt.Sprintf("host-%d", n))
	c := newConnection(fmt.Sprintf("conn-%d", n), h.ARN)
	l := newLink(n, c.ARN)
	update(t, d, func(tx *db.Tx) error {
		if err := store.InsertHost(tx, &h); err != nil {
			return err
		}
		if err := store.InsertConnection(tx, &c); err != nil {
			return err
		}

		return store.InsertLink(tx, &l)
	})

	return l
}
