package interop

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/sigv4"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	region       = "eu-central-1"
	accessKey    = "LSAKEXAMPLE000000000"
	secretKey    = "example/secret+key"
	sessionToken = "example//session+token=="
)

// A fakeServer has the real protocol, shapes and signatures, and operations that do
// nothing. Below URL/RUN/ok an operation succeeds; below URL/RUN/CODE it returns that
// exception. RUN is a name that separates the requests of a client from others, so
// that they are counted.
type fakeServer struct {
	t     *testing.T
	url   string
	cases map[string]map[string]testCase

	verifier sigv4.Verifier

	mu sync.Mutex
	// tries counts requests, by run, service, operation and code.
	tries map[request]int
}

type request struct{ run, service, operation, code string }

type pathKey struct{}

// newFakeServer starts a fake server whose samples do not have some members.
func newFakeServer(t *testing.T, without ...string) *fakeServer {
	t.Helper()
	server := &fakeServer{t: t, cases: testCases(without...), tries: map[request]int{}}
	var services []awsjson.Service
	for _, service := range awsServices() {
		shapes := map[string]awsjson.Shape{}
		for name, shape := range service.Shapes {
			shapes[name] = awsjson.Shape(shape)
		}

		services = append(services, awsjson.Service{Name: service.Name, Prefix: service.Prefix, Shapes: shapes})
	}

	mux := awsjson.NewMux(awsjson.Options{Services: services, Authenticate: server.authenticate})
	for _, service := range awsServices() {
		server.route(mux, service.Name)
	}

	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		run, code, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
		target := r.Header.Get("X-Amz-Target")
		lastDot := strings.LastIndexByte(target, '.')
		prefix, operation, _ := strings.Cut(target[strings.LastIndexByte("."+target[:lastDot], '.'):], ".")
		service := map[string]string{
			"CodeConnections_20231201":      wire.CodeConnectionsName,
			"CodeStar_connections_20191201": wire.CodeStarConnectionsName,
		}[prefix]
		server.mu.Lock()
		server.tries[request{run: run, service: service, operation: operation, code: code}]++
		server.mu.Unlock()
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), pathKey{}, code)))
	}))

	t.Cleanup(listener.Close)
	server.url = listener.URL
	return server
}

func (d *fakeServer) authenticate(r *http.Request, service string) (awsjson.Verify, error) {
	authorization, err := d.verifier.Parse(r, service)
	if err != nil {
		d.t.Errorf("%s signed wrongly: %v", r.UserAgent(), err)
		return nil, err
	}
	if authorization.AccessKeyID != accessKey || authorization.SecurityToken != sessionToken {
		d.t.Errorf("%s signed with key %s and token %s", r.UserAgent(), authorization.AccessKeyID,
			authorization.SecurityToken)
	}

	return func(body []byte) (context.Context, error) {
		err := d.verifier.Verify(r, body, authorization, secretKey, time.Now())
		if err != nil {
			d.t.Errorf("%s signed wrongly: %v", r.UserAgent(), err)
		}
		return r.Context(), err
	}, nil
}

// handle registers an operation that requires the test case's input, and returns its
// output or the exception that the URL names.
func handle[In, Out any](double *fakeServer, mux *awsjson.Mux, service string) {
	operation := strings.TrimSuffix(reflect.TypeFor[In]().Name(), "Input")
	test := double.cases[service][operation]
	want, out := decode[In](double.t, test.Input), decode[Out](double.t, test.Output)
	awsjson.Handle(mux, service, operation, func(ctx context.Context, in *In) (*Out, error) {
		if diff := cmp.Diff(want, *in); diff != "" {
			double.t.Errorf("%s.%s got another input (-want +got):\n%s", service, operation, diff)
		}

		code := ctx.Value(pathKey{})
		for _, e := range test.Errors {
			if e.Code == code {
				return nil, &awsjson.Error{Code: e.Code, Status: e.Status, Message: e.Message}
			}
		}

		if code != "ok" {
			double.t.Errorf("%s.%s was asked for %v", service, operation, code)
		}

		return &out, nil
	})
}

// decode returns a Go value of a sample, decoded by encoding/json, to compare with
// what awsjson decodes.
func decode[T any](t *testing.T, sample map[string]any) (decoded T) {
	t.Helper()
	text, err := json.Marshal(sample)
	if err == nil {
		err = json.Unmarshal(text, &decoded)
	}
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func (d *fakeServer) route(mux *awsjson.Mux, service string) {
	handle[wire.CreateConnectionInput, wire.CreateConnectionOutput](d, mux, service)
	handle[wire.CreateHostInput, wire.CreateHostOutput](d, mux, service)
	handle[wire.CreateRepositoryLinkInput, wire.CreateRepositoryLinkOutput](d, mux, service)
	handle[wire.CreateSyncConfigurationInput, wire.CreateSyncConfigurationOutput](d, mux, service)
	handle[wire.DeleteConnectionInput, wire.DeleteConnectionOutput](d, mux, service)
	handle[wire.DeleteHostInput, wire.DeleteHostOutput](d, mux, service)
	handle[wire.DeleteRepositoryLinkInput, wire.DeleteRepositoryLinkOutput](d, mux, service)
	handle[wire.DeleteSyncConfigurationInput, wire.DeleteSyncConfigurationOutput](d, mux, service)
	handle[wire.GetConnectionInput, wire.GetConnectionOutput](d, mux, service)
	handle[wire.GetHostInput, wire.GetHostOutput](d, mux, service)
	handle[wire.GetRepositoryLinkInput, wire.GetRepositoryLinkOutput](d, mux, service)
	handle[wire.GetRepositorySyncStatusInput, wire.GetRepositorySyncStatusOutput](d, mux, service)
	handle[wire.GetResourceSyncStatusInput, wire.GetResourceSyncStatusOutput](d, mux, service)
	handle[wire.GetSyncBlockerSummaryInput, wire.GetSyncBlockerSummaryOutput](d, mux, service)
	handle[wire.GetSyncConfigurationInput, wire.GetSyncConfigurationOutput](d, mux, service)
	handle[wire.ListConnectionsInput, wire.ListConnectionsOutput](d, mux, service)
	handle[wire.ListHostsInput, wire.ListHostsOutput](d, mux, service)
	handle[wire.ListRepositoryLinksInput, wire.ListRepositoryLinksOutput](d, mux, service)
	handle[wire.ListRepositorySyncDefinitionsInput, wire.ListRepositorySyncDefinitionsOutput](d, mux, service)
	handle[wire.ListSyncConfigurationsInput, wire.ListSyncConfigurationsOutput](d, mux, service)
	handle[wire.ListTagsForResourceInput, wire.ListTagsForResourceOutput](d, mux, service)
	handle[wire.TagResourceInput, wire.TagResourceOutput](d, mux, service)
	handle[wire.UntagResourceInput, wire.UntagResourceOutput](d, mux, service)
	handle[wire.UpdateHostInput, wire.UpdateHostOutput](d, mux, service)
	handle[wire.UpdateRepositoryLinkInput, wire.UpdateRepositoryLinkOutput](d, mux, service)
	handle[wire.UpdateSyncBlockerInput, wire.UpdateSyncBlockerOutput](d, mux, service)
	handle[wire.UpdateSyncConfigurationInput, wire.UpdateSyncConfigurationOutput](d, mux, service)
}

// only removes the test cases of other services.
func (d *fakeServer) only(services ...string) {
	maps.DeleteFunc(d.cases,
		func(service string, _ map[string]testCase) bool { return !slices.Contains(services, service) })
}

// forget subtracts n requests from the count.
func (d *fakeServer) forget(t request, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries[t] -= n
}

func (d *fakeServer) triesOf(t request) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tries[t]
}

// tried checks how often a run has sent each request: as often as retried has for
// an exception, and once otherwise.
func (d *fakeServer) tried(run string, retried map[string]int) {
	d.t.Helper()
	want, got := map[request]int{}, map[request]int{}
	for service, operations := range d.cases {
		for operation, c := range operations {
			want[request{run: run, service: service, operation: operation, code: "ok"}] = 1
			for _, e := range c.Errors {
				want[request{run: run, service: service, operation: operation, code: e.Code}] = max(1, retried[e.Code])
			}
		}
	}

	d.mu.Lock()
	defer d.mu.Unlock()

	for t, n := range d.tries {
		if t.run == run {
			got[t] = n
		}
	}

	if !maps.Equal(want, got) {
		for _, t := range slices.SortedFunc(maps.Keys(want), func(a, b request) int {
			return strings.Compare(a.service+a.operation+a.code, b.service+b.operation+b.code)
		}) {
			if want[t] != got[t] {
				d.t.Errorf("%s: %s.%s was asked %d times for %s, want %d", t.run, t.service, t.operation, got[t],
					t.code, want[t])
			}
		}
	}
}
