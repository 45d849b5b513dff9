package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/apiserver"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/console"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/metrics"
	"github.com/lockstephq/lockstep/internal/preview"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// plan is what a server is to be made of.
type plan struct {
	db       *db.DB
	key      *seal.Key
	listener net.Listener
	// certificate makes the listener speak TLS. nil is plain HTTP.
	certificate *certificate
	// connections is how many the listener holds at once.
	connections int
	// metricsListener and sandboxListener have a part of what there is each, in
	// plain HTTP. They may be nil.
	metricsListener net.Listener
	sandboxListener net.Listener
	// webhookListener, where not nil, has what Git hosts call and link to, which the
	// API's then has not.
	webhookListener net.Listener
	target          stackTarget
	// credentials sign the calls to the target.
	credentials aws.CredentialsProvider
	// sandboxFile, where not "", is served at /sandbox.
	sandboxFile string
	gitRoots    []string
	network     transport.NetworkOptions
	poll        trigger.PollerOptions // intervals only
	publicURL   string
	// previewForks lets pull requests from forks be previewed.
	previewForks bool
	workers      int
	exclusive    bool // nobody else has the database open
	callers      callers
	log          *slog.Logger
}

// A server is everything that runs, put together and not yet started.
type server struct {
	plan
	engine *engine.Engine
	// connectionController keeps the statuses of connections.
	connectionController *connection.Controller
	preview              *preview.Controller
	queue                *queue.Queue
	poller               *trigger.Poller
	network              *transport.Network
	sandbox              *sandbox.Sandbox
	console              *console.Console // nil where nobody could find it
	front                *door            // that of the API
	doors                []*door          // all
	metrics              *metrics.Metrics
	in                   store.Installation
}

// assemble makes a server of a plan. The database is bound to the target.
func assemble(ctx context.Context, p plan) (*server, error) {
	s := &server{plan: p}
	err := p.db.Update(ctx, func(tx *db.Tx) (err error) {
		s.in, err = store.BindTarget(tx, p.target.name)
		return err
	})
	if err != nil {
		return nil, err
	}

	directory, err := p.directory()
	if err != nil {
		return nil, err
	}

	drivers, err := targets(p.target, p.credentials, s.in.ID, p.log)
	if err != nil {
		return nil, err
	}

	s.network = transport.NewNetwork(p.network)
	s.queue = queue.New(queue.Options{DB: p.db, Log: p.log.With(slog.String("room", "queue")), Workers: p.workers, Exclusive: p.exclusive})
	if err := s.queue.Migrate(ctx); err != nil {
		return nil, fmt.Errorf("make the queue's tables: %w", err)
	}

	hosts := providers(s.network, p.gitRoots)
	s.connectionController = connection.New(connection.Options{
		DB: p.db, Queue: s.queue, Seal: p.key, Providers: hosts, Transport: transports(s.network), Log: p.log})
	s.furnish()
	s.engine = engine.New(engine.Options{
		DB: p.db, Queue: s.queue, Log: p.log, EncodeStatus: api.EncodeStatus,
		Providers: hosts, Targets: drivers, Credential: s.connectionController.Credential, OnProbe: s.connectionController.RecordProbe,
		CommitURL: s.commitURL,
	})

	if p.metricsListener != nil {
		s.metrics = metrics.New(metrics.Options{
			Connections: func() int { return s.front.open() }, Database: poolOf(p.db),
		})
	}

	s.preview = preview.New(preview.Options{DB: p.db, Queue: s.queue, Engine: s.engine, Log: p.log, AllowForks: p.previewForks})
	polls := p.poll
	polls.DB, polls.Engine, polls.Log, polls.OnActivity = p.db, s.engine, p.log, s.preview.Refresh
	s.poller = trigger.NewPoller(polls)

	if p.sandboxFile != "" {
		s.sandbox, err = sandbox.Open(ctx, p.sandboxFile, sandbox.Options{
			Log: p.log.With(slog.String("room", "sandbox")), Secret: secretOf(directory)})
		if err != nil {
			return nil, fmt.Errorf("open the sandbox's books: %w", err)
		}
	}

	s.open(s.handler(directory))
	return s, nil
}

// fewConnections are those that a listener for machines of ours holds at once.
const fewConnections = 64

// open puts a door at each listener. None answers yet.
func (s *server) open(api http.Handler) {
	s.front = newDoor(s.listener, api, s.connections, s.certificate, s.log)
	s.doors = []*door{s.front}
	if s.metricsListener != nil {
		mux := http.NewServeMux()
		s.health(mux)
		mux.Handle("GET /metrics", s.metrics)
		s.doors = append(s.doors, newDoor(s.metricsListener, mux, fewConnections, nil, s.log))
	}

	if s.webhookListener != nil {
		mux := http.NewServeMux()
		s.hosts(mux)
		d := newDoor(s.webhookListener, mux, s.connections, s.certificate, s.log)

		// Under whatever name: a proxy or a tunnel on this machine keeps the one that
		// the Git host knows, and a page in a browser has no secret or key to show.
		d.http.Handler = named(fewLarge(mux))
		s.doors = append(s.doors, d)
	}

	if s.sandboxListener != nil {
		mux := http.NewServeMux()
		s.books(mux)
		s.doors = append(s.doors, newDoor(s.sandboxListener, mux, s.connections, nil, s.log))
	}
}

// handler puts the ways in together: the API at /, the sandbox at /sandbox, and
// what Git hosts come for, if that has no address of its own.
func (s *server) handler(directory *identity.Directory) http.Handler {
	calls := s.withSTS(apiserver.New(apiserver.Options{
		API: api.New(api.Options{
			DB:           s.db,
			Syncs:        s.engine,
			Repositories: s.engine,
			PublicURL:    s.publicURL,
			Directory:    directory,
			Seal:         s.key,
			Quotas:       s.callers.quotas,
			Providers:    hostRules(s.gitRoots),
			ValidName:    validNames(),
			Connections:  s.connectionController,
		}),
		IAM: iam.New(iam.Options{
			DB:                 s.db,
			Directory:          directory,
			Seal:               s.key,
			WebIdentityIssuers: s.callers.issuers,
			Quotas:             s.callers.quotas,
		}),
		Directory: directory,
		Rates:     s.callers.rates,
		Logger:    s.log.With(slog.String("room", "api")),
		Observe:   s.observe,
	}), directory)
	mux := http.NewServeMux()
	mux.Handle("/", calls)

	if s.webhookListener == nil {
		s.hosts(mux)
	}

	s.health(mux)
	s.books(mux)
	return asWritten(mux, calls)
}

// asWritten lets calls answer paths that are not in their shortest form. A mux
// redirects to that, and no SDK follows: an endpoint URL that ends in two slashes
// would get them nowhere.
func asWritten(mux *http.ServeMux, calls http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shortest := path.Clean(r.URL.Path)
		if shortest != "/" && strings.HasSuffix(r.URL.Path, "/") {
			shortest += "/"
		}
		if shortest != r.URL.Path {
			calls.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// hosts adds what Git hosts call, and what they link to.
func (s *server) hosts(mux *http.ServeMux) {
	mux.Handle("/webhooks/", s.webhooks())
	if s.console != nil {
		mux.Handle("/commits/", s.console)
	}
}

// furnish makes the pages, where it is known under which address people reach them.
func (s *server) furnish() {
	if s.publicURL == "" {
		return
	}
	s.console = console.New(console.Options{
		DB: s.db, Seal: s.key, Log: s.log, PublicURL: s.publicURL,
		Observe: func(outcome string, took time.Duration) { s.observe("", "CommitPage", outcome, took) },
	})
}

// commitURL is where a Git host leads whoever wants to know more of a commit; ""
// is nowhere.
func (s *server) commitURL(linkID string, sha lockstep.SHA, environment string) string {
	if s.console == nil {
		return ""
	}
	return s.console.CommitURL(linkID, sha, environment)
}

// webhooks takes what Git hosts have to say.
func (s *server) webhooks() http.Handler {
	return trigger.NewWebhooks(trigger.WebhookOptions{
		DB: s.db, Seal: s.key, Log: s.log, OnHint: s.poller.Wake,
		Observe: func(outcome string, took time.Duration) { s.observe("", "Webhook", outcome, took) },
	})
}

// observe counts an answer, if anybody wants to know.
func (s *server) observe(service, operation, code string, took time.Duration) {
	if s.metrics != nil {
		s.metrics.Observe(service, operation, code, took)
	}
}

// health adds what a load balancer asks.
func (s *server) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "lockstep") })
	mux.HandleFunc("GET /readyz", s.ready)
}

// books adds the sandbox, if there is one.
func (s *server) books(mux *http.ServeMux) {
	if s.sandbox != nil {
		mux.Handle("/sandbox/", http.StripPrefix("/sandbox", s.sandbox))
		mux.Handle("/sandbox", http.StripPrefix("/sandbox", s.sandbox))
	}
}

// ready says whether the database answers.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.Any("err", err))
		http.Error(w, "The database does not answer.", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// secretOf lets the sandbox verify signatures made with our access keys.
func secretOf(directory *identity.Directory) func(context.Context, string) (string, string, error) {
	return func(ctx context.Context, id string) (secret, account string, err error) {
		who, s, err := directory.Lookup(ctx, id, "")
		if errors.Is(err, identity.ErrUnknownKey) {
			return "", "", nil
		}
		return s.Reveal(), who.Account, err
	}
}

// drain is how long requests and jobs under way get to end.
const drain = 15 * time.Second

// run serves and works until ctx ends, then lets what is under way end. The
// API answers before answering is called.
func (s *server) run(ctx context.Context, answering func() error) error {
	failed := make(chan error, len(s.doors))
	var loops sync.WaitGroup
	for _, d := range s.doors {
		loops.Go(func() {
			if err := d.serve(); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve: %w", err)
			}
		})
	}

	inner, cancel := context.WithCancel(ctx)
	defer cancel()

	err := s.queue.Start(inner)
	if err == nil {
		loops.Go(func() { s.poller.Run(inner) })
		loops.Go(func() { s.engine.Sweep(inner) })
		loops.Go(func() { s.connectionController.Sweep(inner) })
		loops.Go(func() { s.preview.Sweep(inner) })
		err = answering()
	}

	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}

	cancel()
	return errors.Join(err, s.stop(context.WithoutCancel(ctx), &loops))
}

// stop closes in the order in which things depend on each other: first the ways
// in, then the work, then what the work stands on.
func (s *server) stop(ctx context.Context, loops *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	// The jobs end first: what they call may be the sandbox behind our listener.
	errs := []error{s.queue.Stop(ctx)}
	for _, d := range s.doors {
		if err := d.http.Shutdown(ctx); err != nil {
			errs = append(errs, d.http.Close())
		}
	}
	loops.Wait()
	return errors.Join(append(errs, s.close())...)
}

// close lets go of what assemble opened.
func (s *server) close() error {
	s.engine.Close()
	s.network.Close()
	if s.sandbox != nil {
		return s.sandbox.Close()
	}
	return nil
}
