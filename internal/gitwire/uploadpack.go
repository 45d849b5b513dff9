package gitwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"
)

// uploadPack answers requests by a git process per request, which speaks to us as
// it would over HTTP.
type uploadPack struct {
	program string // absolute
	dir     string // absolute, so never taken for an option
	trusted bool   // the owner does not matter
	// still says what has become wrong with the folder since it was opened.
	still func() error
}

func (t *uploadPack) advertise(ctx context.Context) (io.ReadCloser, error) {
	return t.start(ctx, nil, "--advertise-refs")
}

func (t *uploadPack) command(ctx context.Context, request []byte) (io.ReadCloser, error) {
	return t.start(ctx, request)
}

// environment is all that git sees. Of its configuration only the repository's
// own is left, and what that could say about filters is said here.
func (t *uploadPack) environment() []string {
	env := []string{
		"PATH=" + filepath.Dir(t.program) + string(filepath.ListSeparator) + "/usr/bin" + string(filepath.ListSeparator) + "/bin",
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_PROTOCOL=version=2",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_LAZY_FETCH=1", // a partial clone must not call its own remote,
		"GIT_ALLOW_PROTOCOL=", // nor, where git does not know the former, any other
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
	}

	config := [][2]string{{"uploadpack.allowFilter", "true"}, {"uploadpackfilter.allow", "true"}}
	if t.trusted {
		config = append(config, [2]string{"safe.directory", t.dir})
	}

	env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)))
	for i, kv := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, kv[1]))
	}

	return env
}

// start runs git. The process ends with ctx, at the latest when its answer is
// closed.
func (t *uploadPack) start(ctx context.Context, request []byte, options ...string) (io.ReadCloser, error) {
	if err := t.still(); err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancel(ctx)
	args := append([]string{"upload-pack", "--strict", "--stateless-rpc"}, options...)
	c := exec.CommandContext(ctx, t.program, append(args, t.dir)...)
	c.Env = t.environment()
	c.Dir = t.dir
	c.Stdin = bytes.NewReader(request)
	c.WaitDelay = time.Second
	killGroup(c)
	p := &process{cmd: c, cancel: cancel}
	c.Stderr = &p.stderr
	var err error
	if p.stdout, err = c.StdoutPipe(); err == nil {
		err = c.Start()
	}

	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", ErrGit, err)
	}

	return p, nil
}

// process is the answer of a git process.
type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stdout io.ReadCloser
	stderr firstBytes
	ended  bool
}

// Read gives what git writes. Its end is the process's end, so that an answer
// that was cut off because git failed says why.
func (p *process) Read(b []byte) (int, error) {
	n, err := p.stdout.Read(b)
	if err == io.EOF && !p.ended {
		p.ended = true
		if _, failed := errors.AsType[*exec.ExitError](p.cmd.Wait()); failed {
			return n, fmt.Errorf("%w: it says %s", ErrGit, quote(p.stderr.b))
		}
	}
	return n, err
}

func (p *process) Close() error {
	p.cancel()
	if !p.ended {
		p.ended = true
		_ = p.cmd.Wait() // killed: how it ended says nothing
	}
	return nil
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ b []byte }

func (f *firstBytes) Write(b []byte) (int, error) {
	f.b = append(f.b, b[:min(len(b), 4*maxMessage-len(f.b))]...)
	return len(b), nil
}
