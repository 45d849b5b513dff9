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

// A double is a server with the real protocol, shapes and signatures, whose
// operations do nothing. Below URL/RUN/ok an operation succeeds, below
// URL/RUN/CODE it answers with that exception. RUN is a name that a client gives
// to what it does, so that its requests are counted apart.
type double struct {
	t     *testing.T
	url   string
	cases map[string]map[string]testCase

	verifier sigv4.Verifier

	mu sync.Mutex
	// tries counts requests, by run, service, operation and code.
	tries map[try]int
}

type try struct{ run, service, operation, code string }

type pathKey struct{}

// newDouble leaves some members out of all samples.
func newDouble(t *testing.T, without ...string) *double {
	t.Helper()
	d := &double{t: t, cases: cases(without...), tries: map[try]int{}}
	var services []awsjson.Service
	for _, s := range awsServices() {
		shapes := map[string]awsjson.Shape{}
		for name, shape := range s.Shapes {
			shapes[name] = awsjson.Shape(shape)
		}

		services = append(services, awsjson.Service{Name: s.Name, Prefix: s.Prefix, Shapes: shapes})
	}

	mux := awsjson.NewMux(awsjson.Options{Services: services, Authenticate: d.authenticate})
	for _, s := range awsServices() {
		d.route(mux, s.Name)
	}

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		run, code, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
		target := r.Header.Get("X-Amz-Target")
		prefix, operation, _ := strings.Cut(target[strings.LastIndexByte("."+target[:strings.LastIndexByte(target, '.')], '.'):], ".")
		service := map[string]string{
			"CodeConnections_20231201": wire.CodeConnectionsName, "CodeStar_connections_20191201": wire.CodeStarConnectionsName,
		}[prefix]
		d.mu.Lock()
		d.tries[try{run, service, operation, code}]++
		d.mu.Unlock()
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), pathKey{}, code)))
	}))

	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func (d *double) authenticate(r *http.Request, body []byte, service string) (context.Context, error) {
	a, err := d.verifier.Parse(r, service)
	if err == nil {
		err = d.verifier.Verify(r, body, a, secretKey, time.Now())
	}
	if err == nil && (a.AccessKeyID != accessKey || a.SecurityToken != sessionToken) {
		d.t.Errorf("%s signed with key %s and token %s", r.UserAgent(), a.AccessKeyID, a.SecurityToken)
	}
	if err != nil {
		d.t.Errorf("%s signed wrongly: %v", r.UserAgent(), err)
	}
	return r.Context(), err
}

// answer registers an operation that wants the case's input and answers with its
// output, or with the exception that the URL names.
func answer[In, Out any](d *double, m *awsjson.Mux, service string) {
	operation := strings.TrimSuffix(reflect.TypeFor[In]().Name(), "Input")
	c := d.cases[service][operation]
	want, out := decode[In](d.t, c.Input), decode[Out](d.t, c.Output)
	awsjson.Handle(m, service, operation, func(ctx context.Context, in *In) (*Out, error) {
		if diff := cmp.Diff(want, *in); diff != "" {
			d.t.Errorf("%s.%s got another input (-want +got):\n%s", service, operation, diff)
		}

		code := ctx.Value(pathKey{})
		for _, e := range c.Errors {
			if e.Code == code {
				return nil, &awsjson.Error{Code: e.Code, Status: e.Status, Message: e.Message}
			}
		}

		if code != "ok" {
			d.t.Errorf("%s.%s was asked for %v", service, operation, code)
		}

		return &out, nil
	})
}

// decode makes a Go value of a sample, by encoding/json: what awsjson makes of
// the same is compared with it.
func decode[T any](t *testing.T, sample map[string]any) (v T) {
	t.Helper()
	text, err := json.Marshal(sample)
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (d *double) route(m *awsjson.Mux, service string) {
	answer[wire.CreateConnectionInput, wire.CreateConnectionOutput](d, m, service)
	answer[wire.CreateHostInput, wire.CreateHostOutput](d, m, service)
	answer[wire.CreateRepositoryLinkInput, wire.CreateRepositoryLinkOutput](d, m, service)
	answer[wire.CreateSyncConfigurationInput, wire.CreateSyncConfigurationOutput](d, m, service)
	answer[wire.DeleteConnectionInput, wire.DeleteConnectionOutput](d, m, service)
	answer[wire.DeleteHostInput, wire.DeleteHostOutput](d, m, service)
	answer[wire.DeleteRepositoryLinkInput, wire.DeleteRepositoryLinkOutput](d, m, service)
	answer[wire.DeleteSyncConfigurationInput, wire.DeleteSyncConfigurationOutput](d, m, service)
	answer[wire.GetConnectionInput, wire.GetConnectionOutput](d, m, service)
	answer[wire.GetHostInput, wire.GetHostOutput](d, m, service)
	answer[wire.GetRepositoryLinkInput, wire.GetRepositoryLinkOutput](d, m, service)
	answer[wire.GetRepositorySyncStatusInput, wire.GetRepositorySyncStatusOutput](d, m, service)
	answer[wire.GetResourceSyncStatusInput, wire.GetResourceSyncStatusOutput](d, m, service)
	answer[wire.GetSyncBlockerSummaryInput, wire.GetSyncBlockerSummaryOutput](d, m, service)
	answer[wire.GetSyncConfigurationInput, wire.GetSyncConfigurationOutput](d, m, service)
	answer[wire.ListConnectionsInput, wire.ListConnectionsOutput](d, m, service)
	answer[wire.ListHostsInput, wire.ListHostsOutput](d, m, service)
	answer[wire.ListRepositoryLinksInput, wire.ListRepositoryLinksOutput](d, m, service)
	answer[wire.ListRepositorySyncDefinitionsInput, wire.ListRepositorySyncDefinitionsOutput](d, m, service)
	answer[wire.ListSyncConfigurationsInput, wire.ListSyncConfigurationsOutput](d, m, service)
	answer[wire.ListTagsForResourceInput, wire.ListTagsForResourceOutput](d, m, service)
	answer[wire.TagResourceInput, wire.TagResourceOutput](d, m, service)
	answer[wire.UntagResourceInput, wire.UntagResourceOutput](d, m, service)
	answer[wire.UpdateHostInput, wire.UpdateHostOutput](d, m, service)
	answer[wire.UpdateRepositoryLinkInput, wire.UpdateRepositoryLinkOutput](d, m, service)
	answer[wire.UpdateSyncBlockerInput, wire.UpdateSyncBlockerOutput](d, m, service)
	answer[wire.UpdateSyncConfigurationInput, wire.UpdateSyncConfigurationOutput](d, m, service)
}

// only forgets the cases of the other services.
func (d *double) only(services ...string) {
	maps.DeleteFunc(d.cases, func(service string, _ map[string]testCase) bool { return !slices.Contains(services, service) })
}

// forget takes back n requests that were counted.
func (d *double) forget(t try, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries[t] -= n
}

func (d *double) triesOf(t try) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tries[t]
}

// tried checks how often a run has sent each request: as often as retried says
// for an exception, once else.
func (d *double) tried(run string, retried map[string]int) {
	d.t.Helper()
	want, got := map[try]int{}, map[try]int{}
	for service, operations := range d.cases {
		for operation, c := range operations {
			want[try{run, service, operation, "ok"}] = 1
			for _, e := range c.Errors {
				want[try{run, service, operation, e.Code}] = max(1, retried[e.Code])
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
		for _, t := range slices.SortedFunc(maps.Keys(want), func(a, b try) int {
			return strings.Compare(a.service+a.operation+a.code, b.service+b.operation+b.code)
		}) {
			if want[t] != got[t] {
				d.t.Errorf("%s: %s.%s was asked %d times for %s, want %d", t.run, t.service, t.operation, got[t], t.code, want[t])
			}
		}
	}
}
