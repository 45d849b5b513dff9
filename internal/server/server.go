package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/console"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/httpserver"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/metrics"
	"github.com/lockstephq/lockstep/internal/preview"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// A Server is every component of Lockstep, wired together.
type Server struct {
	options     Options
	log         *slog.Logger
	directory   *identity.Directory
	network     *transport.Network
	queue       *queue.Queue
	connections *connection.Controller
	engine      *engine.Engine
	preview     *preview.Controller
	poller      *trigger.Poller
	sandbox     *sandbox.Sandbox // nil without a sandbox file
	console     *console.Console // nil without a public URL
	metrics     *metrics.Metrics // nil without a metrics listener
	service     *api.Service

	listeners   []*httpserver.Listener
	apiListener *httpserver.Listener
}

// New wires a server together; Run starts it. It binds the database to the target. The caller calls
// Run or Close.
func New(ctx context.Context, o Options) (*Server, error) {
	var installation store.Installation
	err := o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		installation, err = store.BindTarget(tx, o.Target.Name)
		return err
	})
	if err != nil {
		return nil, err
	}

	s := &Server{options: o, log: o.Log}
	if s.directory, err = s.openDirectory(); err != nil {
		return nil, err
	}

	targets, err := targetDrivers(o.Target, installation.ID, s.log)
	if err != nil {
		return nil, err
	}

	s.network = transport.NewNetwork(o.Network)
	s.queue = queue.New(queue.Options{
		DB:        o.DB,
		Log:       s.logOf("queue"),
		Workers:   o.Workers,
		Exclusive: o.Exclusive,
	})
	if err := s.queue.Migrate(ctx); err != nil {
		return nil, fmt.Errorf("create the queue's tables: %w", err)
	}

	providers := providerDrivers(s.network, o.GitRoots)
	s.connections = connection.New(connection.Options{
		DB:        o.DB,
		Queue:     s.queue,
		Seal:      o.SealKey,
		Providers: providers,
		Transport: tokenTransport(s.network),
		Log:       s.log,
	})
	s.console = s.newConsole()
	s.engine = engine.New(engine.Options{
		DB:           o.DB,
		Queue:        s.queue,
		Log:          s.log,
		EncodeStatus: api.EncodeStatus,
		Providers:    providers,
		Targets:      targets,
		Credential:   s.connections.Credential,
		OnProbe:      s.connections.RecordProbe,
		CommitURL:    s.commitURL,
	})
	s.preview = preview.New(preview.Options{
		DB:         o.DB,
		Queue:      s.queue,
		Engine:     s.engine,
		Log:        s.log,
		AllowForks: o.PreviewForks,
	})
	s.poller = s.newPoller()
	s.metrics = s.newMetrics()
	s.service = s.newService()

	if err := s.openSandbox(ctx); err != nil {
		return nil, err
	}

	s.listen()
	return s, nil
}

// logOf returns the logger of a component.
func (s *Server) logOf(component string) *slog.Logger {
	return s.log.With(slog.String("component", component))
}

func (s *Server) newPoller() *trigger.Poller {
	o := s.options.Polling
	o.DB = s.options.DB
	o.Engine = s.engine
	o.Log = s.log
	o.OnActivity = s.preview.Refresh
	return trigger.NewPoller(o)
}

func (s *Server) newMetrics() *metrics.Metrics {
	if s.options.Listeners.Metrics == nil {
		return nil
	}
	return metrics.New(metrics.Options{
		Connections: func() int { return s.apiListener.OpenConnections() },
		Database:    poolOf(s.options.DB),
	})
}

func (s *Server) newService() *api.Service {
	return api.New(api.Options{
		DB:           s.options.DB,
		Syncs:        s.engine,
		Repositories: s.engine,
		PublicURL:    s.options.PublicURL,
		Directory:    s.directory,
		Seal:         s.options.SealKey,
		Quotas:       s.options.Callers.Quotas,
		Providers:    providerRules(s.options.GitRoots),
		ValidName:    nameRules(),
		Connections:  s.connections,
	})
}

func (s *Server) newConsole() *console.Console {
	if s.options.PublicURL == "" {
		return nil
	}
	return console.New(console.Options{
		DB:        s.options.DB,
		Seal:      s.options.SealKey,
		Log:       s.log,
		PublicURL: s.options.PublicURL,
		Observe:   func(outcome string, took time.Duration) { s.observe("", "CommitPage", outcome, took) },
	})
}

// commitURL returns the page of a commit, or "" if there are no pages.
func (s *Server) commitURL(linkID string, sha lockstep.SHA, environment string) string {
	if s.console == nil {
		return ""
	}
	return s.console.CommitURL(linkID, sha, environment)
}

// observe counts a response.
func (s *Server) observe(service, operation, code string, took time.Duration) {
	if s.metrics != nil {
		s.metrics.Observe(service, operation, code, took)
	}
}

func (s *Server) openSandbox(ctx context.Context) (err error) {
	if s.options.SandboxFile == "" {
		return nil
	}

	s.sandbox, err = sandbox.Open(ctx, s.options.SandboxFile, sandbox.Options{
		Log:    s.logOf("sandbox"),
		Secret: secretOf(s.directory),
	})
	if err != nil {
		return fmt.Errorf("open the sandbox: %w", err)
	}
	return nil
}

// secretOf lets the sandbox verify signatures made with our access keys.
func secretOf(directory *identity.Directory) func(context.Context, string) (string, string, error) {
	return func(ctx context.Context, id string) (secret, account string, err error) {
		principal, key, err := directory.Lookup(ctx, id, "")
		if errors.Is(err, identity.ErrUnknownKey) {
			return "", "", nil
		}
		return key.Reveal(), principal.Account, err
	}
}

// URL returns where this machine reaches the API.
func (s *Server) URL() string { return s.options.Listeners.URL() }

// API returns the operations, for callers in this process.
func (s *Server) API() *api.Service { return s.service }

// Engine returns the engine.
func (s *Server) Engine() *engine.Engine { return s.engine }

// drainTimeout is how long the requests and jobs under way may take to end.
const drainTimeout = 15 * time.Second

// Run serves and works until ctx ends, then waits for what is under way. The API answers before
// ready is called; an error of ready ends the server.
func (s *Server) Run(ctx context.Context, ready func() error) error {
	failed := make(chan error, len(s.listeners))
	var loops sync.WaitGroup
	for _, listener := range s.listeners {
		loops.Go(func() {
			if err := listener.Serve(); !errors.Is(err, http.ErrServerClosed) {
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
		loops.Go(func() { s.connections.Sweep(inner) })
		loops.Go(func() { s.preview.Sweep(inner) })
		err = ready()
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

// stop ends what Run started, in the order of dependence: the jobs first, because they may call the
// sandbox at our listener, then the listeners, then what both use.
func (s *Server) stop(ctx context.Context, loops *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()

	errs := []error{s.queue.Stop(ctx)}
	for _, listener := range s.listeners {
		errs = append(errs, listener.Shutdown(ctx))
	}
	loops.Wait()

	return errors.Join(append(errs, s.Close())...)
}

// Close releases what New opened. Run does so itself.
func (s *Server) Close() error {
	s.engine.Close()
	s.network.Close()
	if s.sandbox != nil {
		return s.sandbox.Close()
	}
	return nil
}
