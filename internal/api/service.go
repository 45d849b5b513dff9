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
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
)

// An Engine is what the operations need of the engine. Where a method takes a
// transaction, what it does is committed with it.
type Engine interface {
	// Configured is called after a configuration was made or changed.
	Configured(tx *db.Tx, cfg lockstep.SyncConfiguration) error
	// Deconfigured is called before a configuration is deleted.
	Deconfigured(tx *db.Tx, cfg lockstep.SyncConfiguration) error
	// Retry syncs the branch's head now and resolves what blocks it.
	Retry(tx *db.Tx, cfg lockstep.SyncConfiguration) error
	// Resolve resolves one blocker and does the same.
	Resolve(tx *db.Tx, cfg lockstep.SyncConfiguration, blockerID, reason string) (lockstep.Blocker, error)
	// Request asks for a repository sync now.
	Request(tx *db.Tx, linkID, branch string) error
}

// A Historian knows the commits of branches and what became of them. Its methods may take the time that
// a Git host takes; they are called outside of transactions.
type Historian interface {
	Head(ctx context.Context, cfg lockstep.SyncConfiguration) (lockstep.SHA, error)
	Handled(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) (engine.Handling, error)
	// RetryAt syncs a commit of the branch in place of its head.
	RetryAt(ctx context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error
}

// A Hosts has Git hosts do something through their own API. Its methods may take
// the time that a Git host takes; they are called outside of transactions.
type Hosts interface {
	// WebhookKind gives how the webhooks prove where they come from that a link's
	// host can be told to send; Invalid where it cannot.
	WebhookKind(ctx context.Context, linkID string) (lockstep.WebhookKind, error)
	RegisterWebhook(ctx context.Context, linkID, url, secret string) error
	RemoveWebhook(ctx context.Context, linkID, url string) error
	// Propose opens a pull request; a zero one where there is nothing to propose.
	Propose(ctx context.Context, linkID string, p engine.Proposed) (provider.PullRequest, string, error)
}

// Options are what the operations need. What has no default is required.
type Options struct {
	DB        *db.DB
	Engine    Engine
	Historian Historian // the engine again
	Hosts     Hosts     // and again
	// PublicURL is where Git hosts reach the webhooks, without a path. Defaults to
	// none: then callers say it.
	PublicURL string
	// Directory says whose access keys are whose, and what their accounts'
	// policies are.
	Directory *identity.Directory
	// Providers are the provider types that have a driver.
	Providers map[lockstep.ProviderType]Provider
	// ValidName says, per sync type that has a driver, what is wrong with a
	// resource name that its target could not have; nil where nothing is.
	ValidName map[lockstep.SyncType]func(name string) error
	// Connections gives connections their credentials.
	Connections *connection.Controller
	// Seal closes the tokens of lists and the secrets of new access keys.
	Seal *seal.Key
	// Quotas are how much an account may have. Defaults to SafetyQuotas.
	Quotas access.Quotas
}

// A Provider is what the operations need to know of a provider type.
type Provider struct {
	// NeedsHost says that a connection of this type is always to a host.
	NeedsHost bool
	// ValidEndpoint says what is wrong with a host's endpoint, beyond what is
	// wrong with any. nil lets all pass.
	ValidEndpoint func(endpoint string) error
}

// A Service answers operations. It may be used concurrently.
type Service struct {
	o        Options
	statuses *store.StatusReader
}

// New makes a service.
func New(options Options) *Service {
	if options.Quotas == (access.Quotas{}) {
		options.Quotas = access.SafetyQuotas()
	}
	return &Service{o: options, statuses: store.NewStatusReader(options.DB)}
}

// NewCaller returns a Caller that may do what the policies of the principal's
// account allow. Use [access.LocalAdministrator] for calls within the process.
func (s *Service) NewCaller(ctx context.Context, principal identity.Principal, region, service string) (access.Caller, error) {
	policies, err := s.o.Directory.Policies(ctx, principal.Account)
	if err != nil {
		return access.Caller{}, err
	}
	return access.NewCaller(principal, policies, region, service), nil
}

// view runs read in one statement if the policies decide action without reading
// resources, else in a transaction in which it may read what they refer to.
func (s *Service) view(ctx context.Context, caller access.Caller, action string, resourceType policy.EntityType, read func(tx *db.Tx) error) error {
	if caller.AllowsAll(action, resourceType) {
		return s.o.DB.Peek(ctx, read)
	}
	return s.o.DB.View(ctx, read)
}

// viewList is view for a list of resources that the caller may read.
func (s *Service) viewList(ctx context.Context, caller access.Caller, resourceType policy.EntityType, read func(tx *db.Tx) error) error {
	if caller.CanReadAll(resourceType) {
		return s.o.DB.Peek(ctx, read)
	}
	return s.o.DB.View(ctx, read)
}
