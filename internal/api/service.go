package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/identity"
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
	// WebIdentityIssuers are the issuers of tokens that roles may trust without
	// holding their keys. Defaults to none.
	WebIdentityIssuers []string
	// Quotas are how much an account may have. Defaults to SafetyQuotas.
	Quotas Quotas
	// Rates are how much a principal may ask. Defaults to no limit.
	Rates Rates
	// Logger gets one line a request. Defaults to none.
	Logger *slog.Logger
	// Observe is told of each answer, as [awsjson.Options] has it. Defaults to
	// nobody.
	Observe func(service, operation, code string, took time.Duration)
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
	if options.Quotas == (Quotas{}) {
		options.Quotas = SafetyQuotas()
	}
	return &Service{o: options, statuses: store.NewStatusReader(options.DB)}
}

// A Caller is who calls an operation, and by which way.
type Caller struct {
	Principal identity.Principal
	Account   lockstep.AccountID
	Region    string
	// Service is the one called, as credential scopes and ARNs name it.
	Service string

	authority *authority
}

// NewCaller gives a caller who may do what the policies of its account say.
func (s *Service) NewCaller(ctx context.Context, who identity.Principal, region, service string) (Caller, error) {
	set, err := s.o.Directory.Policies(ctx, who.Account)
	if err != nil {
		return Caller{}, err
	}
	return Caller{
		Principal: who,
		Account:   lockstep.AccountID(who.Account),
		Region:    region,
		Service:   service,
		authority: &authority{who: who.PolicyPrincipal(), set: set, named: who.ARN(lockstep.Partition(region))},
	}, nil
}

// NewARN names a new thing of the caller's.
func (c Caller) NewARN(kind, id string) lockstep.ARN {
	return lockstep.MakeARN(c.Service, c.Region, string(c.Account), kind, id)
}
