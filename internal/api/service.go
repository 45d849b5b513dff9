package api

import (
	"context"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// Syncs starts syncs and reports what became of them. [engine.Engine] implements
// it. What a method with a transaction does is committed with that transaction; a
// method with a context may call the Git host, and must not be called within one.
type Syncs interface {
	AttachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error
	DetachConfiguration(tx *db.Tx, cfg lockstep.SyncConfiguration) error
	RequestSync(tx *db.Tx, linkID, branch string) error
	Retry(tx *db.Tx, cfg lockstep.SyncConfiguration) error
	ResolveBlocker(tx *db.Tx, cfg lockstep.SyncConfiguration, blockerID, reason string) (lockstep.Blocker, error)

	RetryCommit(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error
	ResolveHead(ctx context.Context, cfg lockstep.SyncConfiguration) (lockstep.SHA, error)
	RevisionStatus(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) (engine.RevisionStatus, error)
}

// Repositories calls the API of links' Git hosts. It must not be called within a
// transaction.
type Repositories interface {
	WebhookKind(ctx context.Context, linkID string) (lockstep.WebhookKind, error)
	RegisterWebhook(ctx context.Context, linkID, url, secret string) error
	RemoveWebhook(ctx context.Context, linkID, url string) error
	DeleteWithWebhook(ctx context.Context, linkID string, delete func() (url string, err error)) error
	Propose(ctx context.Context, linkID string, proposal repository.Proposal) (provider.PullRequest, string, error)
}

// Options are what a Service needs. Fields without a default are required.
type Options struct {
	DB           *db.DB
	Syncs        Syncs
	Repositories Repositories
	// PublicURL is the URL at which Git hosts reach the server, without a path. If
	// it is empty, callers must give one.
	PublicURL string
	// Directory has the policies of accounts.
	Directory *identity.Directory
	// Providers are the provider types that have a driver.
	Providers map[lockstep.ProviderType]Provider
	// ValidName has a function for each sync type that has a driver. It returns an
	// error if no resource can have the name.
	ValidName map[lockstep.SyncType]func(name string) error
	// Connections verifies and stores credentials.
	Connections *connection.Controller
	// Seal encrypts page tokens and webhook secrets.
	Seal *seal.Key
	// Quotas bound the resources of an account. Defaults to [access.SafetyQuotas].
	Quotas access.Quotas
}

// A Provider is the rules of a provider type.
type Provider struct {
	// NeedsHost reports whether a connection must have a host.
	NeedsHost bool
	// ValidEndpoint returns an error if a host cannot have the endpoint. nil allows
	// any valid URL.
	ValidEndpoint func(endpoint string) error
}

// A Service performs operations. It is safe for concurrent use.
type Service struct {
	options  Options
	statuses *syncstate.StatusReader
}

// New returns a Service.
func New(options Options) *Service {
	if options.Quotas == (access.Quotas{}) {
		options.Quotas = access.SafetyQuotas()
	}
	return &Service{options: options, statuses: syncstate.NewStatusReader(options.DB)}
}

// NewCaller returns a Caller that may do what the policies of the principal's
// account allow.
func (s *Service) NewCaller(
	ctx context.Context, principal identity.Principal, region, service string,
) (access.Caller, error) {
	policies, err := s.options.Directory.Policies(ctx, principal.Account)
	if err != nil {
		return access.Caller{}, err
	}
	return access.NewCaller(principal, policies, region, service), nil
}

// view runs read in one statement if the policies decide action without reading
// resources, else in a transaction in which it may read what they refer to.
func (s *Service) view(
	ctx context.Context,
	caller access.Caller,
	action string,
	resourceType policy.EntityType,
	read func(tx *db.Tx) error,
) error {
	if caller.AllowsAll(action, resourceType) {
		return s.options.DB.ViewOnce(ctx, read)
	}
	return s.options.DB.View(ctx, read)
}

// viewList is view for a list of resources that the caller may read.
func (s *Service) viewList(
	ctx context.Context, caller access.Caller, resourceType policy.EntityType, read func(tx *db.Tx) error,
) error {
	if caller.CanReadAll(resourceType) {
		return s.options.DB.ViewOnce(ctx, read)
	}
	return s.options.DB.View(ctx, read)
}
