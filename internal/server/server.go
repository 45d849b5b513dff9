package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/console"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/httpserver"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/metrics"
	"github.com/lockstephq/lockstep/internal/preview"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// A Server is every component of Lockstep, wired together.
type Server struct {
	options      Options
	log          *slog.Logger
	directory    *identity.Directory
	network      *transport.Network
	providers    []provider.Driver
	queue        *queue.Queue
	connections  *connection.Controller
	repositories *repository.Repositories
	reporter     *commitstatus.Reporter
	engine       *engine.Engine
	preview      *preview.Controller
	poller       *trigger.Poller
	sandbox      *sandbox.Sandbox // nil without a sandbox file
	console      *console.Console // nil without a public URL
	metrics      *metrics.Metrics // nil without a metrics listener
	service      *api.Service
	ready        readiness

	listeners   []*httpserver.Listener
	apiListener *httpserver.Listener
}

// New wires a server together; Run starts it. It binds the database to the target. The caller calls
// Run or Close.
func New(ctx context.Context, options Options) (*Server, error) {
	return assemble(ctx, options, providerDrivers)
}

// assemble is New with the drivers of Git hosts that drivers returns.
func assemble(
	ctx context.Context, options Options, drivers func(*transport.Network, []string) []provider.Driver,
) (*Server, error) {
	var installation store.Installation
	err := options.DB.Update(ctx, func(tx *db.Tx) (err error) {
		installation, err = store.BindTarget(tx, options.Target.Name)
		return err
	})
	if err != nil {
		return nil, err
	}

	server := &Server{options: options, log: options.Log}
	if server.directory, err = server.openDirectory(); err != nil {
		return nil, err
	}

	targets, err := targetDrivers(options.Target, installation.ID, server.log)
	if err != nil {
		return nil, err
	}

	server.network = transport.NewNetwork(options.Network)
	server.queue = queue.New(queue.Options{
		DB:        options.DB,
		Log:       server.logOf("queue"),
		Workers:   options.Workers,
		Exclusive: options.Exclusive,
	})
	if err := server.queue.Migrate(ctx); err != nil {
		return nil, fmt.Errorf("create the queue's tables: %w", err)
	}

	server.providers = drivers(server.network, options.GitRoots)
	server.connections = connection.New(connection.Options{
		DB:        options.DB,
		Queue:     server.queue,
		Seal:      options.SealKey,
		Providers: server.providers,
		Transport: tokenTransport(server.network),
		Log:       server.log,
	})
	server.console = server.newConsole()
	server.newEngine(targets)
	server.preview = preview.New(preview.Options{
		DB:           options.DB,
		Queue:        server.queue,
		Engine:       server.engine,
		Repositories: server.repositories,
		Log:          server.log,
		AllowForks:   options.PreviewForks,
		OnFailure:    server.connections.RecordCall,
	})
	server.poller = server.newPoller()
	server.metrics = server.newMetrics()
	server.service = server.newService(targets)

	if err := server.openSandbox(ctx); err != nil {
		return nil, err
	}

	server.listen()
	return server, nil
}

// logOf returns the logger of a component.
func (s *Server) logOf(component string) *slog.Logger {
	return s.log.With(slog.String("component", component))
}

// newEngine sets the engine and the packages it works with.
func (s *Server) newEngine(targets []target.Driver) {
	s.repositories = repository.New(repository.Options{
		DB:             s.options.DB,
		Providers:      s.providers,
		Targets:        targets,
		OpenCredential: s.connections.Credential,
		JobsPerHost:    max(1, cmp.Or(s.options.Workers, queue.DefaultWorkers)/4),
		OnFailure:      s.connections.RecordCall,
		Log:            s.log,
	})

	s.reporter = commitstatus.New(commitstatus.Options{
		DB:           s.options.DB,
		Queue:        s.queue,
		Repositories: s.repositories,
		Log:          s.log,
		CommitURL:    s.commitURL,
		OnFailure:    s.connections.RecordCall,
	})

	s.engine = engine.New(engine.Options{
		DB:           s.options.DB,
		Queue:        s.queue,
		Repositories: s.repositories,
		Targets:      targets,
		Reporter:     s.reporter,
		EncodeStatus: api.EncodeStatus,
		OnProbe:      s.connections.RecordProbe,
		AllowRewinds: s.options.AllowRewinds,
		Retention:    s.options.Retention,
		Log:          s.log,
	})
}

func (s *Server) newPoller() *trigger.Poller {
	options := s.options.Polling
	options.DB = s.options.DB
	options.Engine = s.engine
	options.Repositories = s.repositories
	options.Log = s.log
	options.OnActivity = s.preview.Refresh
	options.Exclusive = s.options.Exclusive
	return trigger.NewPoller(options)
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

func (s *Server) newService(targets []target.Driver) *api.Service {
	return api.New(api.Options{
		DB:           s.options.DB,
		Syncs:        s.engine,
		Repositories: s.repositories,
		PublicURL:    s.options.PublicURL,
		Directory:    s.directory,
		Seal:         s.options.SealKey,
		Quotas:       s.options.Callers.Quotas,
		Providers:    providerRules(s.providers),
		ValidName:    nameRules(targets),
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
		Log:       s.logOf("sandbox"),
		LookUpKey: sandboxKeyIn(s.directory),
	})
	if err != nil {
		return fmt.Errorf("open the sandbox: %w", err)
	}
	return nil
}

// URL returns where this machine reaches the API.
func (s *Server) URL() string { return s.options.Listeners.URL() }

// API returns the operations, for callers in this process.
func (s *Server) API() *api.Service { return s.service }

// Engine returns the engine.
func (s *Server) Engine() *engine.Engine { return s.engine }

// Repositories returns the repositories of links.
func (s *Server) Repositories() *repository.Repositories { return s.repositories }

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
		loops.Go(func() { s.reporter.Sweep(inner) })
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
	s.repositories.Close()
	s.network.Close()
	if s.sandbox != nil {
		return s.sandbox.Close()
	}
	return nil
}
