package repository

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

// maxClients bounds how many clients are kept open. A client costs a connection
// and the trees it has read.
const maxClients = 512

// Options configure Repositories. All fields without a default are required, except
// Targets, which Propose alone needs.
type Options struct {
	DB        *db.DB
	Providers []provider.Driver
	Targets   []target.Driver
	// OpenCredential decrypts the credential of a connection.
	OpenCredential func(tx *db.Tx, connection lockstep.ARN) (lockstep.Credential, error)
	// JobsPerHost is how many jobs use one Git host at once. Defaults to no limit.
	JobsPerHost int
	// OnFailure is called in a transaction after a call of a Git host's API has failed.
	// Defaults to nothing.
	OnFailure func(tx *db.Tx, linkID string, cause error) error
	// Log defaults to none.
	Log *slog.Logger
}

// Repositories opens the repositories of links. It keeps the clients used last, so
// that a poll reuses its connection and a sync the trees of the commit before. It
// is safe for concurrent use.
type Repositories struct {
	db             *db.DB
	providers      map[lockstep.ProviderType]provider.Driver
	targets        map[lockstep.SyncType]target.Driver
	openCredential func(tx *db.Tx, connection lockstep.ARN) (lockstep.Credential, error)
	onFailure      func(tx *db.Tx, linkID string, cause error) error
	log            *slog.Logger

	slots hostSlots

	mu      sync.Mutex
	byLink  map[string]*list.Element // of *cachedClient
	clients *list.List               // most recently used first
}

// A cachedClient is closed once it is neither used nor kept.
type cachedClient struct {
	provider.Client
	openedFor provider.Repository
	users     int
	kept      bool
}

// New returns Repositories without any open client.
func New(options Options) *Repositories {
	repositories := &Repositories{
		db:             options.DB,
		providers:      make(map[lockstep.ProviderType]provider.Driver, len(options.Providers)),
		targets:        make(map[lockstep.SyncType]target.Driver, len(options.Targets)),
		openCredential: options.OpenCredential,
		slots:          hostSlots{perHost: options.JobsPerHost, byHost: map[string]*hostUse{}},
		onFailure:      options.OnFailure,
		log:            cmp.Or(options.Log, slog.New(slog.DiscardHandler)),
		byLink:         map[string]*list.Element{},
		clients:        list.New(),
	}

	for _, driver := range options.Providers {
		repositories.providers[driver.Metadata().Type] = driver
	}
	for _, driver := range options.Targets {
		repositories.targets[driver.Type()] = driver
	}

	return repositories
}

// A Repository is an open repository of a link.
type Repository struct {
	Link   lockstep.RepositoryLink
	Client provider.Client
	// Metadata describes the provider type.
	Metadata provider.Metadata

	release func()
}

// Release returns the client to its cache. Neither the repository nor any tree of
// it may be used afterwards.
func (r *Repository) Release() { r.release() }

// Open returns a link's repository. The caller must call Release when done with it
// and with all its trees.
func (r *Repositories) Open(ctx context.Context, linkID string) (*Repository, error) {
	var described provider.Repository
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		described, err = r.describe(tx, linkID)
		return err
	})
	if lockstep.KindOf(err) == lockstep.NotFound { // another node may have deleted the link
		r.forget(linkID)
	}
	if err != nil {
		return nil, err
	}

	driver, err := r.driver(described.Link.ProviderType)
	if err != nil {
		return nil, err
	}

	client, err := r.acquire(driver, described)
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", described.Link.Path(), err)
	}

	release := sync.OnceFunc(func() { r.release(client) })
	return &Repository{
		Link:     described.Link,
		Client:   client.Client,
		Metadata: driver.Metadata(),
		release:  release,
	}, nil
}

// Check returns the error that Open would return now, except those of the driver
// itself.
func (r *Repositories) Check(tx *db.Tx, linkID string) error {
	described, err := r.describe(tx, linkID)
	if err != nil {
		return err
	}
	_, err = r.driver(described.Link.ProviderType)
	return err
}

// describe reads what a driver needs to know of a link's repository.
func (r *Repositories) describe(tx *db.Tx, linkID string) (described provider.Repository, err error) {
	if described.Link, err = store.LinkByID(tx, linkID); err != nil {
		return described, err
	}
	if described.Connection, err = store.ConnectionByARN(tx, described.Link.ConnectionARN); err != nil {
		return described, err
	}

	if described.Connection.HostARN != "" {
		host, err := store.HostByARN(tx, described.Connection.HostARN)
		if err != nil {
			return described, err
		}
		described.Host = &host
	}

	described.Credential, err = r.openCredential(tx, described.Connection.ARN)
	if lockstep.KindOf(err) == lockstep.NotFound {
		err = lockstep.Errorf(lockstep.Denied,
			"Connection %s is PENDING: it has no credentials yet.", described.Connection.Name)
	}

	return described, err
}

func (r *Repositories) driver(providerType lockstep.ProviderType) (provider.Driver, error) {
	driver, ok := r.providers[providerType]
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid, "This server has no driver for provider type %s.", providerType)
	}
	return driver, nil
}

// acquire returns the cached client of a link, or a new one if there is none or the
// link has changed since.
func (r *Repositories) acquire(driver provider.Driver, described provider.Repository) (*cachedClient, error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	linkID := described.Link.ID
	if element, ok := r.byLink[linkID]; ok {
		client := element.Value.(*cachedClient)
		if canReuse(client.openedFor, described) {
			r.clients.MoveToFront(element)
			client.users++
			return client, nil
		}

		r.evict(element)
	}

	opened, err := driver.Open(described)
	if err != nil {
		return nil, err
	}

	client := &cachedClient{Client: opened, openedFor: described, users: 1, kept: true}
	r.byLink[linkID] = r.clients.PushFront(client)
	if r.clients.Len() > maxClients {
		r.evict(r.clients.Back())
	}

	return client, nil
}

// canReuse reports whether a client that was opened for one description also
// serves the other.
func canReuse(opened, wanted provider.Repository) bool {
	if (opened.Host == nil) != (wanted.Host == nil) {
		return false
	}
	if opened.Host != nil && (opened.Host.Endpoint != wanted.Host.Endpoint ||
		opened.Host.Certificate() != wanted.Host.Certificate()) {
		return false
	}
	return opened.Credential == wanted.Credential && opened.Link.Path() == wanted.Link.Path() &&
		opened.Link.ProviderType == wanted.Link.ProviderType
}

func (r *Repositories) release(client *cachedClient) {
	r.mu.Lock()
	defer r.mu.Unlock()

	client.users--
	if client.users == 0 && !client.kept {
		client.Close()
	}
}

// forget stops keeping the client of a link, if there is one.
func (r *Repositories) forget(linkID string) {
	r.mu.Lock()
	defer r.mu.Unlock()

	if element, ok := r.byLink[linkID]; ok {
		r.evict(element)
	}
}

// evict stops keeping a client. The caller holds the lock.
func (r *Repositories) evict(element *list.Element) {
	client := r.clients.Remove(element).(*cachedClient)
	delete(r.byLink, client.openedFor.Link.ID)

	client.kept = false
	if client.users == 0 {
		client.Close()
	}
}

// Close closes all clients that are not in use, and the others when they are
// released.
func (r *Repositories) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()

	for r.clients.Len() > 0 {
		r.evict(r.clients.Back())
	}
}
