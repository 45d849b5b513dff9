package gitwiretest

import (
	"crypto/subtle"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Options configure a Server.
type Options struct {
	// User and Password, or Token, are required. Defaults to no authentication.
	User, Password, Token string
	// NoFilter serves without partial clone filters. Defaults to serving them.
	NoFilter bool
	// Version0 ignores requests for protocol version 2, as old servers do.
	Version0 bool
	// Wrap wraps the handler, to inspect requests or to answer them.
	Wrap func(http.Handler) http.Handler
	// TLS serves https with httptest's certificate.
	TLS bool
}

// A Request is a request that a Server got.
type Request struct {
	Method, Path string
	Header       http.Header
}

// A Server serves the bare repositories of a folder. It is closed at the end of the test.
type Server struct {
	*httptest.Server

	conns    atomic.Int64
	mu       sync.Mutex
	requests []Request
	status   int
	header   http.Header
}

// NewServer serves the folder at Server.URL + "/" + the path of a repository, also for pushes.
func NewServer(t testing.TB, folder string, options Options) *Server {
	t.Helper()
	server := &Server{}
	handler := server.watch(authenticate(options, backend(t, folder, options)))
	if options.Wrap != nil {
		handler = options.Wrap(handler)
	}

	server.Server = httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate on purpose
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			server.conns.Add(1)
		}
	}

	if options.TLS {
		server.StartTLS()
	} else {
		server.Start()
	}

	t.Cleanup(server.Server.Close)
	return server
}

// Fail makes every request fail with a status and a header, until it is called with status 0.
func (s *Server) Fail(status int, header http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.header = status, header
}

// Connections returns how many connections were accepted.
func (s *Server) Connections() int64 { return s.conns.Load() }

// Requests returns and forgets the requests, including refused ones.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.requests
	s.requests = nil
	return all
}

func (s *Server) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.Header.Clone()})
		status, header := s.status, s.header
		s.mu.Unlock()

		if status == 0 {
			next.ServeHTTP(w, r)
			return
		}

		for k, v := range header {
			w.Header()[k] = v
		}

		http.Error(w, http.StatusText(status), status)
	})
}

func authenticate(options Options, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		ok := options.Token == "" && options.User == "" ||
			options.Token != "" && same(token, options.Token) ||
			options.User != "" && same(user, options.User) && same(password, options.Password)
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, "authentication required", http.StatusUnauthorized)
			return
		}

		next.ServeHTTP(w, r)
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func backend(t testing.TB, folder string, options Options) http.Handler {
	filter := "true"
	if options.NoFilter {
		filter = "false"
	}

	handler := &cgi.Handler{
		Path: Program(t),
		Args: []string{"http-backend"},
		Env: append(Environment(),
			"GIT_PROJECT_ROOT="+folder, "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=uploadpack.allowFilter", "GIT_CONFIG_VALUE_0="+filter,
			"GIT_CONFIG_KEY_1=http.receivepack", "GIT_CONFIG_VALUE_1=true"),
		Logger: log.New(io.Discard, "", 0), // clients that hang up on purpose
		Stderr: io.Discard,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if options.Version0 {
			r.Header.Del("Git-Protocol")
		}
		handler.ServeHTTP(w, r)
	})
}
