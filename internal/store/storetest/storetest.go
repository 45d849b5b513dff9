// Package storetest inserts the rows that database tests start with.
package storetest

import (
	"fmt"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// The accounts and the region of the rows.
const (
	Account = lockstep.AccountID("111122223333")
	Other   = lockstep.AccountID("444455556666")
	Region  = "eu-central-1"
)

// Update runs f in a transaction that must succeed.
func Update(t testing.TB, d *db.DB, f func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// RequireKind runs f in a transaction that must fail with an error of a kind.
func RequireKind(t testing.TB, d *db.DB, kind lockstep.Kind, f func(tx *db.Tx) error) {
	t.Helper()
	err := d.Update(t.Context(), f)
	if err == nil || lockstep.KindOf(err) != kind {
		t.Errorf("got error %v (%v), want one of kind %v", err, lockstep.KindOf(err), kind)
	}
}

// NewHost returns a host that is not stored.
func NewHost(id string) lockstep.Host {
	return lockstep.Host{
		ARN:     lockstep.MakeARN("codeconnections", Region, string(Account), "host", id),
		Account: Account, Region: Region, Name: id, ProviderType: "Git",
		Endpoint: "https://git.example.com", Status: lockstep.HostAvailable,
	}
}

// NewConnection returns a connection that is not stored; host may be "".
func NewConnection(id string, host lockstep.ARN) lockstep.Connection {
	return lockstep.Connection{
		ARN:     lockstep.MakeARN("codeconnections", Region, string(Account), "connection", id),
		Account: Account, Region: Region, Name: id, ProviderType: "Git",
		HostARN: host, Status: lockstep.ConnectionPending,
	}
}

// NewLink returns link n, which is not stored.
func NewLink(n int, conn lockstep.ARN) lockstep.RepositoryLink {
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	return lockstep.RepositoryLink{
		ID: id, ARN: lockstep.MakeARN("codeconnections", Region, string(Account), "repository-link", id),
		Account: Account, Region: Region, ConnectionARN: conn, OwnerID: "acme",
		RepositoryName: fmt.Sprintf("infra%d", n), ProviderType: "Git",
	}
}

// NewConfiguration returns a sync configuration that is not stored.
func NewConfiguration(name string, link string) lockstep.SyncConfiguration {
	return lockstep.SyncConfiguration{
		Account: Account, Region: Region, SyncType: "CFN_STACK_SYNC", ResourceName: name,
		LinkID: link, Branch: "main", ConfigFile: name + ".yaml", RoleARN: "arn:aws:iam::111122223333:role/sync",
	}
}

// InsertLink stores a host, a connection and link n, and returns the link.
func InsertLink(t testing.TB, database *db.DB, n int) lockstep.RepositoryLink {
	t.Helper()
	host := NewHost(fmt.Sprintf("host-%d", n))
	connection := NewConnection(fmt.Sprintf("conn-%d", n), host.ARN)
	link := NewLink(n, connection.ARN)
	Update(t, database, func(tx *db.Tx) error {
		if err := store.InsertHost(tx, &host); err != nil {
			return err
		}
		if err := store.InsertConnection(tx, &connection); err != nil {
			return err
		}

		return store.InsertLink(tx, &link)
	})

	return link
}

// InsertConfiguration stores a sync configuration, and returns it with its id.
func InsertConfiguration(t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration) lockstep.SyncConfiguration {
	t.Helper()
	Update(t, d, func(tx *db.Tx) error { return store.InsertConfiguration(tx, &cfg) })
	return cfg
}
