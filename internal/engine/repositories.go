package engine

import (
	"container/list"
	"context"
	"fmt"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
)

// maxClients bounds how many repositories are kept open. A client costs a
// connection and the trees it has read.
const maxClients = 512

// repositories opens clients and keeps the most recently used ones, so that a
// poll reuses its connection and a sync the trees of the commit before.
type repositories struct {
	db         *db.DB
	providers  map[lockstep.ProviderType]provider.Driver
	credential func(*db.Tx, lockstep.ARN) (lockstep.Credential, error)

	mu   sync.Mutex
	byID map[string]*list.Element // of *openClient
	used *list.List               // most recent first
}

// An openClient is closed when nobody uses it and it is no longer kept.
type openClient struct {
	provider.Client
	linkID string
	of     provider.Repository
	users  int
	kept   bool
}

func newRepositories(d *db.DB, drivers []provider.Driver, credential func(*db.Tx, lockstep.ARN) (lockstep.Credential, error)) *repositories {
	r := &repositories{
		db: d, credential: credential,
		providers: make(map[lockstep.ProviderType]provider.Driver, len(drivers)),
		byID:      map[string]*list.Element{}, used: list.New(),
	}
	for _, driver := range drivers {
		r.providers[driver.Type()] = driver
	}
	return r
}

// Open gives a client for a link's repository. Call release when done with it
// and with every tree it gave.
func (r *repositories) open(ctx context.Context, linkID string) (c provider.Client, release func(), err error) {
	of, err := r.describe(ctx, linkID)
	if err != nil {
		return nil, nil, err
	}

	driver, err := r.driver(of.Link.ProviderType)
	if err != nil {
		return nil, nil, err
	}

	r.mu.Lock()
	defer r.mu.Unlock()

	if el, ok := r.byID[linkID]; ok {
		open := el.Value.(*openClient)
		if same(open.of, of) {
			r.used.MoveToFront(el)
			open.users++
			return open.Client, r.releaser(open), nil
		}

		r.drop(el)
	}

	client, err := driver.Open(of)
	if err != nil {
		return nil, nil, fmt.Errorf("open repository %s: %w", of.Link.Path(), err)
	}

	open := &openClient{Client: client, linkID: linkID, of: of, users: 1, kept: true}
	r.byID[linkID] = r.used.PushFront(open)
	if r.used.Len() > maxClients {
		r.drop(r.used.Back())
	}

	return open.Client, r.releaser(open), nil
}

// same says whether a client that was opened for a is what b needs.
func same(a, b provider.Repository) bool {
	if (a.Host == nil) != (b.Host == nil) || a.Host != nil && a.Host.Endpoint != b.Host.Endpoint ||
		a.Host.Certificate() != b.Host.Certificate() {
		return false
	}
	return a.Credential == b.Credential && a.Link.Path() == b.Link.Path() && a.Link.ProviderType == b.Link.ProviderType
}

// describe reads all that a driver needs to know, in one snapshot.
func (r *repositories) describe(ctx context.Context, linkID string) (of provider.Repository, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		of, err = r.describeIn(tx, linkID)
		return err
	})
	return of, err
}

func (r *repositories) describeIn(tx *db.Tx, linkID string) (of provider.Repository, err error) {
	if of.Link, err = store.LinkByID(tx, linkID); err != nil {
		return of, err
	}
	if of.Connection, err = store.ConnectionByARN(tx, of.Link.ConnectionARN); err != nil {
		return of, err
	}

	if of.Connection.HostARN != "" {
		host, err := store.HostByARN(tx, of.Connection.HostARN)
		if err != nil {
			return of, err
		}

		of.Host = &host
	}

	of.Credential, err = r.credential(tx, of.Connection.ARN)
	if lockstep.KindOf(err) == lockstep.NotFound {
		err = lockstep.Errorf(lockstep.Denied, "Connection %s is PENDING: it has no credentials yet.", of.Connection.Name)
	}

	return of, err
}

// driver gives the driver of a provider type.
func (r *repositories) driver(t lockstep.ProviderType) (provider.Driver, error) {
	d, ok := r.providers[t]
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid, "This server has no driver for provider type %s.", t)
	}
	return d, nil
}

func (r *repositories) releaser(c *openClient) func() {
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		c.users--
		if c.users == 0 && !c.kept {
			c.Close()
		}
	})
}

// drop stops keeping a client. The caller holds the lock.
func (r *repositories) drop(el *list.Element) {
	c := r.used.Remove(el).(*openClient)
	delete(r.byID, c.linkID)
	c.kept = false
	if c.users == 0 {
		c.Close()
	}
}

func (r *repositories) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.used.Len() > 0 {
		r.drop(r.used.Back())
	}
}
