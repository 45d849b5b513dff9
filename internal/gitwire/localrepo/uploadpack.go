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

// A Repository is a local repository. Each request starts a git process, which answers as it
// would over HTTP.
type Repository struct {
	program  string // absolute
	dir      string // absolute, and so never an option
	anyOwner bool   // the owner is not checked
	// recheck returns an error if the repository is no longer as it was when it was opened.
	recheck func() error
	refs    *Refs // nil if only git can read them
}

func (t *Repository) Advertise(ctx context.Context) (io.ReadCloser, error) {
	return t.start(ctx, nil, "--advertise-refs")
}

func (t *Repository) Command(ctx context.Context, request []byte) (io.ReadCloser, error) {
	return t.start(ctx, request)
}

// Refs returns the reader of its refs, nil if only git can read them.
func (t *Repository) Refs() *Refs { return t.refs }

// environment returns the whole environment of git. Of its configuration only the repository's
// own remains, except for filters, which are allowed here.
func (t *Repository) environment() []string {
	env := []string{
		"PATH=" + filepath.Dir(t.program) + string(filepath.ListSeparator) + "/usr/bin" +
			string(filepath.ListSeparator) + "/bin",
		"HOME=/nonexistent",
		"LC_ALL=C",
		"GIT_PROTOCOL=version=2",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_LAZY_FETCH=1", // a partial clone must not call its own remote,
		"GIT_ALLOW_PROTOCOL=", // nor any other, if git does not know the former
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_OPTIONAL_LOCKS=0",
	}

	config := [][2]string{{"uploadpack.allowFilter", "true"}, {"uploadpackfilter.allow", "true"}}
	if t.anyOwner {
		config = append(config, [2]string{"safe.directory", t.dir})
	}

	env = append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)))
	for i, kv := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, kv[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s",
			i, kv[1]))
	}

	return env
}

// start runs git. The process ends with ctx, or when its answer is closed.
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

// A process is the answer of a git process.
type process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stdout io.ReadCloser
	stderr giterr.Excerpt
	ended  bool
}

// Read returns the output. It ends when the process does, so that a truncated answer has the
// error of git.
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
		_ = p.cmd.Wait() // killed: the status does not matter
	}
	return nil
}
