package servertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/lockstephq/lockstep/internal/config"
	"github.com/lockstephq/lockstep/internal/local"
	"github.com/lockstephq/lockstep/internal/server"
)

// Timeout is how long anything may take that takes moments.
const Timeout = 30 * time.Second

// Main runs the tests of a package without the AWS configuration of the machine.
func Main(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}

	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

// SkipIfShort skips a test that runs the same code as others on other input: the race detector, under
// which SQLite is slow, finds no more with it.
func SkipIfShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: other tests run the same code")
	}
}

// ClosedAddress returns an address on which no program listens.
func ClosedAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

// A Run is a program that runs in a goroutine of the test.
type Run struct {
	t      testing.TB
	out    buffer
	errs   buffer
	cancel context.CancelFunc
	ended  chan struct{} // closed when it has ended, with err set
	err    error
}

// A buffer is a bytes.Buffer that is safe for concurrent use.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// Up runs `lockstep up`. It defaults to the sandbox, a new data directory and a free port.
func Up(t testing.TB, o local.UpOptions) *Run {
	t.Helper()
	if o.Data == "" {
		o.Data = filepath.Join(t.TempDir(), "data")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Target == "" {
		o.Target = "sandbox"
	}
	if o.PollInterval == 0 {
		o.PollInterval = 200 * time.Millisecond
	}
	if o.In == nil {
		o.In = strings.NewReader("")
	}

	return start(t, func(ctx context.Context, out, errs io.Writer) error {
		o.Out, o.Err = out, errs
		return local.Up(ctx, o)
	})
}

// UpOnce runs `lockstep up --once` to its end.
func UpOnce(t testing.TB, o local.UpOptions) *Run {
	t.Helper()
	o.Once = true
	return Up(t, o).Wait()
}

// Sandbox runs `lockstep sandbox`. It defaults to a new file and a free port.
func Sandbox(t testing.TB, o local.SandboxOptions) *Run {
	t.Helper()
	if o.Data == "" {
		o.Data = filepath.Join(t.TempDir(), "sandbox.db")
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}

	return start(t, func(ctx context.Context, out, errs io.Writer) error {
		o.Out, o.Err = out, errs
		return local.Sandbox(ctx, o)
	})
}

// Serve runs `lockstep serve` with flags, on a free port by default.
func Serve(t testing.TB, flags ...string) *Run {
	t.Helper()
	return ServeIn(t, nil, flags...)
}

// ServeIn runs Serve with environment variables.
func ServeIn(t testing.TB, environment map[string]string, flags ...string) *Run {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(fs)
	if err := fs.Parse(append([]string{"--listen", "127.0.0.1:0"}, flags...)); err != nil {
		t.Fatal(err)
	}
	settings, err := config.Load(fs, func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}

	return start(t, func(ctx context.Context, out, errs io.Writer) error {
		return server.Serve(ctx, settings, out, errs)
	})
}

// ServeSandbox runs Serve on a new SQLite database, with the sandbox as the target.
func ServeSandbox(t testing.TB, flags ...string) *Run {
	t.Helper()
	database := "sqlite:" + filepath.Join(t.TempDir(), "lockstep.db")
	return Serve(t, append([]string{"--db", database, "--target", "sandbox"}, flags...)...)
}

func start(t testing.TB, program func(ctx context.Context, out, errs io.Writer) error) *Run {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &Run{t: t, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = program(ctx, &r.out, &r.errs)
	}()

	t.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(Timeout):
			t.Errorf("the program does not stop\n%s%s", &r.out, &r.errs)
		}
	})

	return r
}

// Out returns what the program has written to standard output.
func (r *Run) Out() string { return r.out.String() }

// Errs returns what the program has written to standard error.
func (r *Run) Errs() string { return r.errs.String() }

// Err waits for the end and returns the program's error.
func (r *Run) Err() error {
	r.t.Helper()
	r.Wait()
	return r.err
}

// Cancel interrupts the program, as Ctrl-C does.
func (r *Run) Cancel() { r.cancel() }

// Wait waits for the end.
func (r *Run) Wait() *Run {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(Timeout):
		r.t.Fatalf("the program does not end\n%s%s", &r.out, &r.errs)
	}
	return r
}

// WaitFor waits until the output matches a regular expression, and returns the match and its groups.
func (r *Run) WaitFor(pattern string) []string {
	r.t.Helper()
	expression := regexp.MustCompile(pattern)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()

	for deadline := time.After(Timeout); ; {
		if match := expression.FindStringSubmatch(r.Out()); match != nil {
			return match
		}

		select {
		case <-tick.C:
		case <-r.ended:
			if match := expression.FindStringSubmatch(r.Out()); match != nil {
				return match
			}
			r.t.Fatalf("the program ended with %v and did not write %s\n%s%s", r.err, pattern, &r.out, &r.errs)

		case <-deadline:
			r.t.Fatalf("the program does not write %s\n%s%s", pattern, &r.out, &r.errs)
		}
	}
}

// URL waits until the server is ready and returns its URL.
func (r *Run) URL() string {
	r.t.Helper()
	return r.WaitFor(`(?m)^ready (http\S+)$`)[1]
}

// Stop interrupts the program, and fails the test if it ends with an error or slowly.
func (r *Run) Stop() {
	r.t.Helper()
	began := time.Now()
	r.cancel()
	if err := r.Err(); err != nil {
		r.t.Errorf("the program stopped with the error %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		r.t.Errorf("stopping took %s", took)
	}
}

// WantExit waits for the end, and fails the test unless the exit code is code and the error contains
// every text.
func (r *Run) WantExit(code int, texts ...string) {
	r.t.Helper()
	r.Wait()

	got := 0
	if r.err != nil {
		got = 1
	}
	if exit, ok := errors.AsType[*local.Exit](r.err); ok {
		got = exit.Code
	}
	if got != code {
		r.t.Errorf("the exit code is %d, want %d: %v\n%s%s", got, code, r.err, &r.out, &r.errs)
	}

	for _, text := range texts {
		if !strings.Contains(fmt.Sprint(r.err), text) {
			r.t.Errorf("the error does not contain %q: %v", text, r.err)
		}
	}
}

// WantOutput fails the test unless the output contains every text, and none of those after a "!".
func (r *Run) WantOutput(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		text, isUnwanted := strings.CutPrefix(text, "!")
		switch contains := strings.Contains(r.Out(), text); {
		case contains && isUnwanted:
			r.t.Errorf("the output contains %q:\n%s", text, &r.out)
		case !contains && !isUnwanted:
			r.t.Errorf("the output does not contain %q:\n%s", text, &r.out)
		}
	}
}
