package server

import (
	"errors"
	"log/slog"
	"net"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/httpserver"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// Options describe a [Server]. DB, SealKey, Listeners.API, Target and Log are required.
type Options struct {
	DB        *db.DB
	SealKey   *seal.Key
	Listeners Listeners
	Target    Target
	// SandboxFile, if not "", is the file of the sandbox that is served at /sandbox.
	SandboxFile string
	// GitRoots are the folders below which local repositories may be read. Defaults to none.
	GitRoots []string
	Network  transport.NetworkOptions
	// Polling has the poll intervals. The server sets its other fields.
	Polling trigger.PollerOptions
	// PublicURL is where Git hosts and people reach the server. Defaults to none: no commit pages.
	PublicURL string
	// PreviewForks previews pull requests from forks too.
	PreviewForks bool
	// AllowRewinds syncs heads that do not descend from the last applied commit, also where signers
	// are named.
	AllowRewinds bool
	// Retention is which ended attempts are kept.
	Retention engine.Retention
	// Workers is how many jobs run at once.
	Workers int
	// Exclusive reports that no other process has the database open.
	Exclusive bool
	Callers   Callers
	Log       *slog.Logger
}

// A Target is the CloudFormation that the stacks are in.
type Target struct {
	// Name is aws, sandbox or a URL. A database is bound to it.
	Name string
	// Endpoint is where the target is. "" is AWS.
	Endpoint string
	// Credentials sign the calls to the target.
	Credentials aws.CredentialsProvider
	// AssumeRoles makes each sync configuration's role do the work.
	AssumeRoles bool
}

// Listeners are the addresses that a server listens on. All but API may be nil.
type Listeners struct {
	API net.Listener
	// Metrics serves /metrics, /livez and /readyz in plain HTTP.
	Metrics net.Listener
	// Webhooks serves what Git hosts call and link to, which the API's address then does not serve.
	Webhooks net.Listener
	// Sandbox serves the sandbox in plain HTTP for the server's own calls.
	Sandbox net.Listener
	// Certificate makes API and Webhooks speak TLS. Defaults to none: plain HTTP.
	Certificate *httpserver.Certificate
	// MaxConnections is how many connections API and Webhooks hold at once, each.
	MaxConnections int
	// MaxPerAddress is how many of them one client may have. Defaults to that of [httpserver.Options].
	MaxPerAddress int
}

// URL returns where this machine reaches the API.
func (l *Listeners) URL() string { return l.urlOf(l.API) }

// SandboxURL returns where the server itself reaches the sandbox that it serves.
func (l *Listeners) SandboxURL() string {
	if l.Sandbox != nil {
		return "http://" + httpserver.LocalAddress(l.Sandbox.Addr()) + "/sandbox"
	}
	return l.URL() + "/sandbox"
}

func (l *Listeners) urlOf(listener net.Listener) string {
	scheme := "http://"
	if l.Certificate != nil {
		scheme = "https://"
	}
	return scheme + httpserver.LocalAddress(listener.Addr())
}

// close closes the listeners that are still open. A server that ran has closed its own.
func (l *Listeners) close() error {
	var errs []error
	for _, listener := range []net.Listener{l.API, l.Metrics, l.Webhooks, l.Sandbox} {
		if listener == nil {
			continue
		}
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
