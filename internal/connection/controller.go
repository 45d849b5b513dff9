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

// Options are what a handshake needs. All are required.
type Options struct {
	DB        *db.DB
	Queue     *queue.Queue
	Seal      *seal.Key // closes credentials
	Providers []provider.Driver
	// Transport carries requests for tokens: only where this server may go. The
	// certificate, in PEM, vouches for the host beside the authorities that are
	// trusted anyway; "" is none.
	Transport func(certificate string) (http.RoundTripper, error)
	Log       *slog.Logger
}

// A Handshake keeps connections' statuses. It is safe for concurrent use; any
// number of them may work on one PostgreSQL.
type Controller struct {
	options   Options
	providers map[lockstep.ProviderType]provider.Driver
	log       *slog.Logger
}

const (
	// probeTimeout bounds one question to a host. The caller of CompleteConnection
	// waits for it, twice with OAuth.
	probeTimeout = 20 * time.Second
	// jobTimeout bounds one job: a question, and the transactions around it.
	jobTimeout = time.Minute
	// maxReason is how much of a host's words is kept, in bytes.
	maxReason = 600
	// minRedacted is the shortest text that is hidden: what is shorter stands in
	// every text by chance.
	minRedacted = 8
)

// New makes a handshake and registers its work with the queue, which must not
// have been started.
func New(o Options) *Controller {
	h := &Controller{options: o, providers: make(map[lockstep.ProviderType]provider.Driver, len(o.Providers)),
		log: o.Log.With(slog.String("component", "connection"))}
	for _, d := range o.Providers {
		h.providers[d.Type()] = d
	}
	queue.Handle(o.Queue, jobTimeout, h.check)
	queue.Handle(o.Queue, jobTimeout, h.renew)
	return h
}

// errExpired is behind the Unavailable error of an access token that is being
// renewed.
var errExpired = errors.New("the access token has ended")

// Credential opens what a connection holds, for use. NotFound where it holds
// nothing; Unavailable where it is an access token that has ended and is being
// renewed, Denied where nothing can renew it.
func (h *Controller) Credential(tx *db.Tx, arn lockstep.ARN) (lockstep.Credential, error) {
	c, err := store.Credential(tx, h.options.Seal, arn)
	switch {
	case err != nil || !isExpired(c, tx.Now):
		return c, err
	case c.RefreshToken == "":
		return lockstep.Credential{}, lockstep.Errorf(lockstep.Denied, "%s", expiredReason)
	}
	return lockstep.Credential{}, lockstep.Wrapf(lockstep.Unavailable, errExpired, "The access token of the connection has ended and is being renewed.")
}

const expiredReason = "The access token of the connection has ended, and the host gave nothing to renew it with."

// isExpired says whether a credential is of no use any more.
func isExpired(c lockstep.Credential, now time.Time) bool {
	return c.Kind == lockstep.OAuthCredential && !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(now)
}

// isRenewable says whether a credential is one that is renewed.
func isRenewable(c lockstep.Credential) bool {
	return c.Kind == lockstep.OAuthCredential && c.RefreshToken != ""
}

// accessOf reads what a driver needs to know to call the host of a connection, but
// for the credential.
func accessOf(tx *db.Tx, conn lockstep.Connection) (provider.Access, error) {
	a := provider.Access{Connection: conn}
	if conn.HostARN == "" {
		return a, nil
	}
	host, err := store.HostByARN(tx, conn.HostARN)
	a.Host = &host
	return a, err
}

// endpointOf is where the host of an access is, "" where that is the provider's.
func endpointOf(a provider.Access) string {
	if a.Host == nil {
		return ""
	}
	return a.Host.Endpoint
}

// A verdict is what is known of a credential.
type probeResult struct {
	status lockstep.ConnectionStatus
	reason string
	// inconclusive says that nobody answered; status is PENDING then, for a connection
	// that has no other.
	inconclusive bool
	// unsupported says that the host cannot be asked: looks at repositories tell.
	unsupported bool
}

var resultAvailable = probeResult{status: lockstep.ConnectionAvailable}

// probe asks the host whether a credential works. The error is that of a context
// that was cancelled.
func (h *Controller) probe(ctx context.Context, a provider.Access) (probeResult, error) {
	checker, ok := h.providers[a.Connection.ProviderType].(provider.Checker)
	if !ok {
		return probeResult{status: lockstep.ConnectionAvailable, unsupported: true}, nil
	}

	err := worker.Call(ctx, probeTimeout, "The Git host", func(ctx context.Context) error { return checker.Check(ctx, a) })
	switch {
	case err == nil:
		return resultAvailable, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return probeResult{}, ctx.Err()
	case errors.Is(err, provider.ErrNoAbility):
		return probeResult{status: lockstep.ConnectionAvailable, unsupported: true}, nil
	}

	reason := redact(lockstep.Shown(err), a.Credential.Secret, a.Credential.RefreshToken, a.Credential.ClientSecret)
	if lockstep.KindOf(err) == lockstep.Denied {
		if errors.Is(err, provider.ErrNotShown) {
			reason = notSentReason + reason
		}
		return probeResult{status: lockstep.ConnectionError, reason: reason}, nil
	}

	if lockstep.KindOf(err) == lockstep.Internal {
		h.log.LogAttrs(ctx, slog.LevelError, "check of a credential", slog.String("connection", string(a.Connection.ARN)), slog.Any("err", err))
	}

	return probeResult{status: lockstep.ConnectionPending, inconclusive: true, reason: reason}, nil
}

// notSentReason begins the reason of a connection whose credential is not at fault.
const notSentReason = "The credential was not shown to the host, and may work: "

// repeat gives a host's words without secrets that it was shown, and not too many
// of them.
func redact(words string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= minRedacted {
			words = strings.ReplaceAll(words, secret, "****")
		}
	}
	return lockstep.Truncate(words, maxReason)
}
