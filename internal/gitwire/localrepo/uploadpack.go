package localrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// A Repository answers requests by a git process per request, which speaks to us as
// it would over HTTP.
type Repository struct {
	program  string // absolute
	dir      string // absolute, so never taken for an option
	anyOwner bool   // the owner does not matter
	// recheck says what has become wrong with the folder since it was opened.
	recheck func() error
	refs    *Refs // nil if only git can read them
}

func (t *Repository) Advertise(ctx context.Context) (io.ReadCloser, error) {
	return t.start(ctx, nil, "--advertise-refs")
}

func (t *Repository) Command(ctx context.Context, request []byte) (io.ReadCloser, error) {
	return t.start(ctx, request)
}

// Refs reads the refs from their files. It is nil if only git can read them.
func (t *Repository) Refs() *Refs { return t.refs }

// environment is all that git sees. Of its configuration only the repository's
// own is left, and what that could say about filters is said here.
func (t *Repository) environment() []string {
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
	if t.anyOwner {
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
func (t *Repository) start(ctx context.Context, request []byte, options ...string) (io.ReadCloser, error) {
	if err := t.recheck(); err != nil {
		return nil, err
	}

	ctx, cancel := context.WithCancel(ctx)
	args := append([]string{"upload-pack", "--strict", "--stateless-rpc"}, options...)
	cmd := exec.CommandContext(ctx, t.program, append(args, t.dir)...)
	cmd.Env = t.environment()
	cmd.Dir = t.dir
	cmd.Stdin = bytes.NewReader(request)
	cmd.WaitDelay = time.Second
	killGroup(cmd)
	answer := &process{cmd: cmd, cancel: cancel}
	cmd.Stderr = &answer.stderr
	var err error
	if answer.stdout, err = cmd.StdoutPipe(); err == nil {
		err = cmd.Start()
	}

	if err != nil {
		cancel()
		return nil, fmt.Errorf("%w: %w", giterr.ErrGit, err)
	}

	return answer, nil
}

// process is the answer of a git process.
type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stdout io.ReadCloser
	stderr giterr.Excerpt
	ended  bool
}

// Read gives what git writes. Its end is the process's end, so that an answer
// that was cut off because git failed says why.
func (p *process) Read(b []byte) (int, error) {
	n, err := p.stdout.Read(b)
	if err == io.EOF && !p.ended {
		p.ended = true
		if _, failed := errors.AsType[*exec.ExitError](p.cmd.Wait()); failed {
			return n, fmt.Errorf("%w: it says %s", giterr.ErrGit, &p.stderr)
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
