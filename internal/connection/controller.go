package connection

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Options configure a Controller. All are required.
type Options struct {
	DB        *db.DB
	Queue     *queue.Queue
	Seal      *seal.Key // seals and opens credentials
	Providers []provider.Driver
	// Transport returns the transport for token requests, which reaches only the
	// addresses that this server may reach. It trusts the PEM certificate in
	// addition to the system's authorities; "" is none.
	Transport func(certificate string) (http.RoundTripper, error)
	Log       *slog.Logger
}

// A Controller keeps the statuses of connections current. It is safe for concurrent
// use; several nodes may share one PostgreSQL database.
type Controller struct {
	options   Options
	providers map[lockstep.ProviderType]provider.Driver
	log       *slog.Logger
}

const (
	// probeTimeout bounds one request to a host. The caller of CompleteConnection
	// waits for it, twice with OAuth.
	probeTimeout = 20 * time.Second
	// jobTimeout bounds one job: a request and the transactions around it.
	jobTimeout = time.Minute
	// maxReason is the length in bytes to which a host's message is truncated.
	maxReason = 600
	// minRedacted is the shortest secret that is redacted: shorter texts occur
	// anywhere by chance.
	minRedacted = 8
)

// New returns a controller and registers its jobs with the queue, which must not
// have been started.
func New(options Options) *Controller {
	controller := &Controller{
		options:   options,
		providers: make(map[lockstep.ProviderType]provider.Driver, len(options.Providers)),
		log:       options.Log.With(slog.String("component", "connection")),
	}
	for _, driver := range options.Providers {
		controller.providers[driver.Metadata().Type] = driver
	}

	queue.Handle(options.Queue, jobTimeout, controller.check)
	queue.Handle(options.Queue, jobTimeout, controller.renew)

	return controller
}

// errExpired is wrapped by the Unavailable error for an access token that is being
// renewed.
var errExpired = errors.New("the access token has expired")

// Credential returns the credential of a connection. The error is NotFound if there
// is none. For an expired access token it is Unavailable while the token is being
// renewed, and Denied if it cannot be renewed.
func (c *Controller) Credential(tx *db.Tx, arn lockstep.ARN) (lockstep.Credential, error) {
	credential, err := store.Credential(tx, c.options.Seal, arn)
	switch {
	case err != nil || !isExpired(credential, tx.Now):
		return credential, err
	case credential.RefreshToken == "":
		return lockstep.Credential{}, lockstep.Errorf(lockstep.Denied, "%s", expiredReason)
	}

	return lockstep.Credential{}, lockstep.Wrapf(lockstep.Unavailable, errExpired,
		"The connection's access token has expired and is being renewed.")
}

const expiredReason = "The connection's access token has expired, and the host issued no refresh token."

// isExpired reports whether an access token has expired.
func isExpired(credential lockstep.Credential, now time.Time) bool {
	return credential.Kind == lockstep.OAuthCredential &&
		!credential.ExpiresAt.IsZero() && !credential.ExpiresAt.After(now)
}

// isRenewable reports whether a credential has a refresh token.
func isRenewable(credential lockstep.Credential) bool {
	return credential.Kind == lockstep.OAuthCredential && credential.RefreshToken != ""
}

// accessOf returns what a driver needs to call the host of a connection, without
// the credential.
func accessOf(tx *db.Tx, conn lockstep.Connection) (provider.Access, error) {
	access := provider.Access{Connection: conn}
	if conn.HostARN == "" {
		return access, nil
	}

	host, err := store.HostByARN(tx, conn.HostARN)
	access.Host = &host
	return access, err
}

// endpointOf returns the endpoint of the host, or "" for the provider's own.
func endpointOf(access provider.Access) string {
	if access.Host == nil {
		return ""
	}
	return access.Host.Endpoint
}

// A probeResult is what a probe found out about a credential.
type probeResult struct {
	status lockstep.ConnectionStatus
	reason string
	// inconclusive is set if the host did not answer. The status is then PENDING,
	// for a connection that has no other.
	inconclusive bool
	// unsupported is set if the host offers no way to probe a credential. Probes of
	// the connection's repositories decide then.
	unsupported bool
}

var resultAvailable = probeResult{status: lockstep.ConnectionAvailable}

// probe asks the host whether a credential works. It returns an error only if ctx
// was cancelled.
func (c *Controller) probe(ctx context.Context, access provider.Access) (probeResult, error) {
	checker, ok := c.providers[access.Connection.ProviderType].(provider.CredentialChecker)
	if !ok {
		return probeResult{status: lockstep.ConnectionAvailable, unsupported: true}, nil
	}

	err := worker.Call(ctx, probeTimeout, "The Git host", func(ctx context.Context) error {
		return checker.Check(ctx, access)
	})
	switch {
	case err == nil:
		return resultAvailable, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return probeResult{}, ctx.Err()
	case errors.Is(err, provider.ErrUnsupported):
		return probeResult{status: lockstep.ConnectionAvailable, unsupported: true}, nil
	}

	credential := access.Credential
	reason := redact(lockstep.Shown(err), credential.Secret, credential.RefreshToken, credential.ClientSecret)
	if lockstep.KindOf(err) == lockstep.Denied {
		if errors.Is(err, provider.ErrCredentialNotSent) {
			reason = notSentReason + reason
		}
		return probeResult{status: lockstep.ConnectionError, reason: reason}, nil
	}

	if lockstep.KindOf(err) == lockstep.Internal {
		c.log.LogAttrs(ctx, slog.LevelError, "connection check failed",
			slog.String("connection", string(access.Connection.ARN)), slog.Any("err", err))
	}

	return probeResult{status: lockstep.ConnectionPending, inconclusive: true, reason: reason}, nil
}

// notSentReason begins the reason of a connection whose host was not trusted with
// the credential.
const notSentReason = "The credential was not sent to the host and may be valid: "

// redact replaces secrets in a host's message and truncates it.
func redact(message string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= minRedacted {
			message = strings.ReplaceAll(message, secret, "****")
		}
	}
	return lockstep.Truncate(message, maxReason)
}
