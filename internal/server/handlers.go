package server

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/apiserver"
	"github.com/lockstephq/lockstep/internal/httpserver"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/sts"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// maxMetricsConnections is how many connections the metrics listener holds at once.
const maxMetricsConnections = 64

// listen makes a listener with its handler for each address. None serves yet.
func (s *Server) listen() {
	addresses := s.options.Listeners
	s.apiListener = s.addListener(httpserver.Options{
		Listener:       addresses.API,
		Handler:        s.apiHandler(),
		MaxConnections: addresses.MaxConnections,
		MaxPerAddress:  addresses.MaxPerAddress,
		Certificate:    addresses.Certificate,
	})

	if addresses.Metrics != nil {
		mux := http.NewServeMux()
		s.mountHealth(mux)
		mux.Handle("GET /metrics", s.metrics)
		s.addListener(httpserver.Options{
			Listener:       addresses.Metrics,
			Handler:        mux,
			MaxConnections: maxMetricsConnections,
			MaxPerAddress:  maxMetricsConnections, // of the operator's own systems
		})
	}

	if addresses.Webhooks != nil {
		mux := http.NewServeMux()
		s.mountHostPages(mux)
		s.addListener(httpserver.Options{
			Listener:       addresses.Webhooks,
			Handler:        mux,
			MaxConnections: addresses.MaxConnections,
			MaxPerAddress:  addresses.MaxPerAddress,
			Certificate:    addresses.Certificate,
			AnyHost:        true, // webhooks carry a secret, commit pages a token
		})
	}

	if addresses.Sandbox != nil {
		mux := http.NewServeMux()
		s.mountSandbox(mux)
		s.addListener(httpserver.Options{
			Listener:       addresses.Sandbox,
			Handler:        mux,
			MaxConnections: addresses.MaxConnections,
			MaxPerAddress:  addresses.MaxConnections, // all are this machine's
		})
	}
}

func (s *Server) addListener(o httpserver.Options) *httpserver.Listener {
	o.Log = s.log
	listener := httpserver.New(o)
	s.listeners = append(s.listeners, listener)
	return listener
}

// apiHandler routes the requests to the API's address: the API at /, the sandbox at /sandbox, and
// what Git hosts call and link to unless that has an address of its own.
func (s *Server) apiHandler() http.Handler {
	calls := s.withSTS(s.newAPIServer())
	mux := http.NewServeMux()
	mux.Handle("/", calls)

	if s.options.Listeners.Webhooks == nil {
		s.mountHostPages(mux)
	}
	s.mountHealth(mux)
	s.mountSandbox(mux)

	return preserveRawPath(mux, calls)
}

// preserveRawPath passes requests whose path is not canonical to calls. A ServeMux redirects them to
// the canonical path, and no SDK follows: an endpoint URL that ends in two slashes would not work.
func preserveRawPath(mux *http.ServeMux, calls http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		canonical := path.Clean(r.URL.Path)
		if canonical != "/" && strings.HasSuffix(r.URL.Path, "/") {
			canonical += "/"
		}

		if canonical != r.URL.Path {
			calls.ServeHTTP(w, r)
			return
		}

		mux.ServeHTTP(w, r)
	})
}

// newAPIServer returns the handler of the operations.
func (s *Server) newAPIServer() http.Handler {
	return apiserver.New(apiserver.Options{
		API: s.service,
		IAM: iam.New(iam.Options{
			DB:                 s.options.DB,
			Directory:          s.directory,
			Seal:               s.options.SealKey,
			WebIdentityIssuers: s.options.Callers.Issuers,
			Quotas:             s.options.Callers.Quotas,
		}),
		Directory:     s.directory,
		ProviderTypes: providerTypes(s.providers),
		Rates:         s.options.Callers.Rates,
		Logger:        s.logOf("api"),
		Observe:       s.observe,
	})
}

// withSTS answers the calls to STS, which SDKs make in another protocol, and passes the others on.
func (s *Server) withSTS(next http.Handler) http.Handler {
	tokens := sts.New(sts.Options{
		Directory: s.directory,
		WebIdentities: identity.NewTokenExchange(identity.TokenExchangeOptions{
			DB:      s.options.DB,
			Key:     s.options.SealKey,
			Issuers: s.options.Callers.Issuers,
			Log:     s.logOf("identity"),
		}),
		Logger:  s.logOf("sts"),
		Observe: s.observe,
	})

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sts.IsRequest(r) {
			tokens.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// mountHostPages adds the webhooks and the commit pages: what Git hosts call, and what they link to.
func (s *Server) mountHostPages(mux *http.ServeMux) {
	mux.Handle("/webhooks/", trigger.NewWebhooks(trigger.WebhookOptions{
		DB:      s.options.DB,
		Seal:    s.options.SealKey,
		Log:     s.log,
		OnHint:  s.poller.Wake,
		Observe: func(outcome string, took time.Duration) { s.observe("", "Webhook", outcome, took) },
	}))

	if s.console != nil {
		mux.Handle("/commits/", s.console)
	}
}

// mountSandbox adds the sandbox, if there is one.
func (s *Server) mountSandbox(mux *http.ServeMux) {
	if s.sandbox == nil {
		return
	}
	mux.Handle("/sandbox/", http.StripPrefix("/sandbox", s.sandbox))
	mux.Handle("/sandbox", http.StripPrefix("/sandbox", s.sandbox))
}

// mountHealth adds the checks of load balancers.
func (s *Server) mountHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "lockstep") })
	mux.HandleFunc("GET /readyz", s.serveReady)
}
