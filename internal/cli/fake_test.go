package cli_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/cli"
	"github.com/lockstephq/lockstep/internal/sigv4"
	"github.com/lockstephq/lockstep/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	time.Local = time.UTC // tables show local time
	os.Exit(m.Run())
}

const (
	keyID  = "LSAKABCDEFGHIJKLMNOP"
	secret = "a-secret-that-is-only-for-tests"
)

// A fake is a server of the real protocol, with the real check of signatures,
// whose operations are a test's own.
type fake struct {
	url string
	mux *awsjson.Mux
}

func newFake(t testing.TB) *fake {
	t.Helper()
	var services []awsjson.Service
	for _, s := range wire.Services() {
		shapes := map[string]awsjson.Shape{}
		for name, shape := range s.Shapes {
			shapes[name] = awsjson.Shape(shape)
		}

		services = append(services, awsjson.Service{Name: s.Name, Prefix: s.Prefix, Shapes: shapes})
	}

	verifier := &sigv4.Verifier{}
	f := &fake{mux: awsjson.NewMux(awsjson.Options{
		Services: services,
		Authenticate: func(r *http.Request, body []byte, service string) (context.Context, error) {
			a, err := verifier.Parse(r, service)
			if err == nil && a.AccessKeyID != keyID {
				return nil, exception("UnrecognizedClientException", "The security token included in the request is invalid.")
			}

			if err == nil {
				err = verifier.Verify(r, body, a, secret, time.Now())
			}

			if e, ok := errors.AsType[*sigv4.Error](err); ok {
				return nil, exception(e.Code(), e.Message)
			}

			return r.Context(), err
		},
	})}

	server := httptest.NewServer(f.mux)
	t.Cleanup(server.Close)
	f.url = server.URL

	return f
}

// env is what a user sets to reach the fake.
func (f *fake) env() map[string]string {
	return map[string]string{"LOCKSTEP_ENDPOINT_URL": f.url, "LOCKSTEP_ACCESS_KEY_ID": keyID, "LOCKSTEP_SECRET_ACCESS_KEY": secret}
}

func exception(code, message string) error {
	return &awsjson.Error{Code: code, Status: http.StatusBadRequest, Message: message}
}

// on registers an operation of AWS's service.
func on[In, Out any](f *fake, operation string, fn func(*In) (*Out, error)) {
	awsjson.Handle(f.mux, wire.CodeConnectionsName, operation, func(_ context.Context, in *In) (*Out, error) { return fn(in) })
}

// own registers an operation of Lockstep's service.
func own[In, Out any](f *fake, operation string, fn func(*In) (*Out, error)) {
	awsjson.Handle(f.mux, wire.LockstepName, operation, func(_ context.Context, in *In) (*Out, error) { return fn(in) })
}

// A result is what a run of the program left behind.
type result struct {
	code           int
	stdout, stderr string
}

// run runs the program in an environment that holds nothing of this machine.
func run(t testing.TB, env map[string]string, args ...string) result {
	t.Helper()
	return runWith(t, t.Context(), env, "", args...)
}

func runWith(t testing.TB, ctx context.Context, env map[string]string, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, args, getenv(t, env), strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func getenv(t testing.TB, env map[string]string) func(string) string {
	home := t.TempDir()
	return func(name string) string {
		if v, ok := env[name]; ok {
			return v
		}
		if name == "HOME" {
			return home
		}
		return ""
	}
}

// ok stops a test whose command did not do it.
func (r result) ok(t testing.TB) result {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
	}
	return r
}

// refused checks that a command ended with a code and said why.
func (r result) refused(t testing.TB, code int, says ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}

	for _, text := range says {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("stderr does not say %q:\n%s", text, r.stderr)
		}
	}

	if r.stdout != "" {
		t.Errorf("stdout is not empty: %s", r.stdout)
	}
}

func golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
