package clitest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/sigv4"
	"github.com/lockstephq/lockstep/internal/wire"
)

// The access key that a [Server] accepts.
const (
	AccessKeyID     = "LSAKABCDEFGHIJKLMNOP"
	SecretAccessKey = "a-secret-that-is-only-for-tests"
)

// A Server speaks the real protocol and verifies signatures. Its operations are
// those that the test registers.
type Server struct {
	URL    string
	mux    *awsjson.Mux
	region atomic.Value // of the last request
}

// NewServer starts a Server, which ends with the test.
func NewServer(t testing.TB) *Server {
	t.Helper()
	var services []awsjson.Service
	for _, service := range wire.Services() {
		shapes := map[string]awsjson.Shape{}
		for name, shape := range service.Shapes {
			shapes[name] = awsjson.Shape(shape)
		}

		services = append(services, awsjson.Service{Name: service.Name, Prefix: service.Prefix, Shapes: shapes})
	}

	server := &Server{}
	server.mux = awsjson.NewMux(awsjson.Options{
		Services:     services,
		Authenticate: authenticate(&sigv4.Verifier{}),
	})
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if scope := strings.Split(r.Header.Get("Authorization"), "/"); len(scope) > 2 {
			server.region.Store(scope[2])
		}
		server.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)

	server.URL = listener.URL
	return server
}

// Region returns the region that the last request was signed for.
func (s *Server) Region() string { return s.region.Load().(string) }

func authenticate(verifier *sigv4.Verifier) func(*http.Request, string) (awsjson.Verify, error) {
	return func(r *http.Request, service string) (awsjson.Verify, error) {
		authorization, err := verifier.Parse(r, service)
		if err != nil {
			return nil, signatureException(err)
		}
		if authorization.AccessKeyID != AccessKeyID {
			return nil, Exception("UnrecognizedClientException",
				"The security token included in the request is invalid.")
		}

		return func(body []byte) (context.Context, error) {
			err := verifier.Verify(r, body, authorization, SecretAccessKey, time.Now())
			return r.Context(), signatureException(err)
		}, nil
	}
}

// signatureException returns the exception for an invalid signature.
func signatureException(err error) error {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return Exception(e.Code(), e.Message)
	}
	return err
}

// Env returns the variables with which the program uses the server.
func (s *Server) Env() map[string]string {
	return map[string]string{
		"LOCKSTEP_ENDPOINT_URL":      s.URL,
		"LOCKSTEP_ACCESS_KEY_ID":     AccessKeyID,
		"LOCKSTEP_SECRET_ACCESS_KEY": SecretAccessKey,
	}
}

// Exception returns the error of an operation.
func Exception(code, message string) error {
	return &awsjson.Error{Code: code, Status: http.StatusBadRequest, Message: message}
}

// HandleAWS registers an operation of AWS CodeConnections.
func HandleAWS[In, Out any](s *Server, operation string, handle func(*In) (*Out, error)) {
	register(s, wire.CodeConnectionsName, operation, handle)
}

// Handle registers an operation of Lockstep's own service.
func Handle[In, Out any](s *Server, operation string, handle func(*In) (*Out, error)) {
	register(s, wire.LockstepName, operation, handle)
}

func register[In, Out any](s *Server, service, operation string, handle func(*In) (*Out, error)) {
	awsjson.Handle(s.mux, service, operation, func(_ context.Context, in *In) (*Out, error) { return handle(in) })
}

// ClosedPort returns the URL of a port of this machine that nothing listens on.
func ClosedPort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + listener.Addr().String()
}
