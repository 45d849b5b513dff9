package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/server"
)

// TestMain cuts the tests off from the AWS configuration of the machine.
func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		os.Setenv(name, value)
	}
	os.Exit(m.Run())
}

// varies marks a test that differs from others in what is given and not in what
// runs: without it the race detector, under which SQLite takes its time, sees no
// less.
func varies(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: others run the same code")
	}
}

// patience is how long anything may take that takes moments.
const patience = 30 * time.Second

// A page takes what a server writes, from any goroutine.
type page struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// A run is a server in a goroutine of this process.
type run struct {
	t         testing.TB
	out, errs page
	cancel    context.CancelFunc
	ended     chan struct{} // closed when it has, with err set
	err       error
}

// start runs a server until the test ends.
func start(t testing.TB, f func(ctx context.Context, r *run) error) *run {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &run{t: t, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = f(ctx, r)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(patience):
			t.Errorf("it does not stop\n%s%s", &r.out, &r.errs)
		}
	})

	return r
}

// startUp runs `lockstep up`. What o leaves out is a sandbox on a free port.
func startUp(t testing.TB, o server.UpOptions) *run {
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

	return start(t, func(ctx context.Context, r *run) error {
		o.Out, o.Err = &r.out, &r.errs
		return server.Up(ctx, o)
	})
}

// startServe runs `lockstep serve` with the settings of some flags.
func startServe(t testing.TB, args ...string) *run {
	t.Helper()
	c, err := load(t, nil, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, func(ctx context.Context, r *run) error { return server.Serve(ctx, c, &r.out, &r.errs) })
}

// once runs `lockstep up --once` to its end.
func once(t testing.TB, o server.UpOptions) *run {
	t.Helper()
	o.Once = true
	return startUp(t, o).wait()
}

// wait waits for the end.
func (r *run) wait() *run {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatalf("it does not end\n%s%s", &r.out, &r.errs)
	}
	return r
}

// until waits until what was written matches, and gives the match with its
// groups.
func (r *run) until(pattern string) []string {
	r.t.Helper()
	re := regexp.MustCompile(pattern)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()

	for deadline := time.After(patience); ; {
		if m := re.FindStringSubmatch(r.out.String()); m != nil {
			return m
		}

		select {
		case <-tick.C:
		case <-r.ended:
			if m := re.FindStringSubmatch(r.out.String()); m != nil {
				return m
			}
			r.t.Fatalf("it ended with %v before it wrote %s\n%s%s", r.err, pattern, &r.out, &r.errs)

		case <-deadline:
			r.t.Fatalf("it does not write %s\n%s%s", pattern, &r.out, &r.errs)
		}
	}
}

// url waits for the server to be ready.
func (r *run) url() string {
	r.t.Helper()
	return r.until(`(?m)^ready (http\S+)$`)[1]
}

// stop ends the server as Ctrl-C does and wants no error.
func (r *run) stop() {
	r.t.Helper()
	begun := time.Now()
	r.cancel()
	if r.wait(); r.err != nil {
		r.t.Errorf("stopped: %v", r.err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		r.t.Errorf("stopping took %s", took)
	}
}

// exit wants the run to have ended with a code, 0 for none, and every text in
// its message.
func (r *run) exit(code int, texts ...string) {
	r.t.Helper()
	r.wait()
	got := 0
	if r.err != nil {
		got = 1
	}

	if e, ok := errors.AsType[*server.Exit](r.err); ok {
		got = e.Code
	}

	if got != code {
		r.t.Errorf("exit code %d, want %d: %v\n%s%s", got, code, r.err, &r.out, &r.errs)
	}

	for _, text := range texts {
		if !strings.Contains(fmt.Sprint(r.err), text) {
			r.t.Errorf("the error does not say %q: %v", text, r.err)
		}
	}
}

// says wants texts in what was written, and those after a "!" not.
func (r *run) says(texts ...string) {
	r.t.Helper()
	for _, text := range texts {
		text, not := strings.CutPrefix(text, "!")
		if strings.Contains(r.out.String(), text) == not {
			r.t.Errorf("written is wrongly with or without %q:\n%s", text, &r.out)
		}
	}
}

// A copy is a working copy.
type workcopy struct {
	t   testing.TB
	dir string
}

// newCopy makes a working copy with branch main and no commit.
func newCopy(t testing.TB, name string) workcopy {
	t.Helper()
	parent, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, name)
	gitwiretest.Git(t, "", "init", "--quiet", "--initial-branch=main", dir)
	return workcopy{t, dir}
}

// write writes files, path to content.
func (c workcopy) write(files map[string]string) workcopy {
	c.t.Helper()
	for name, text := range files {
		name = filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			c.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	return c
}

// commit commits everything there is.
func (c workcopy) commit() workcopy {
	c.t.Helper()
	gitwiretest.Git(c.t, c.dir, "add", "--all")
	gitwiretest.Git(c.t, c.dir, "commit", "--quiet", "--message=change")
	return c
}

const (
	deploymentFile = "template-file-path: template.yaml\n"
	topicTemplate  = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
	badTemplate    = topicTemplate + "    Metadata:\n      Lockstep::Sandbox: {Fail: on strike}\n"
)

// topic makes a working copy with one stack, topic, in a commit.
func topic(t testing.TB) workcopy {
	t.Helper()
	return newCopy(t, "infra").write(map[string]string{"topic.yaml": deploymentFile, "template.yaml": topicTemplate}).commit()
}
