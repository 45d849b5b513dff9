package gitwiretest

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Main is the branch that HEAD of a new Repo points to.
const Main = "refs/heads/main"

// A Repo is a bare repository. The dates of its commits are a minute apart.
type Repo struct {
	Dir string

	t     testing.TB
	clock atomic.Int64
}

// Program returns the path of git, and skips the test if it is not installed.
func Program(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	return program
}

// NewRepo creates an empty repository in a temporary folder.
func NewRepo(t testing.TB) *Repo {
	t.Helper()
	return NewRepoAt(t, filepath.Join(t.TempDir(), "repo.git"))
}

// NewRepoAt creates an empty repository in a folder, as for a Server.
func NewRepoAt(t testing.TB, dir string) *Repo {
	t.Helper()
	r := &Repo{Dir: dir, t: t}
	Git(t, "", "init", "--quiet", "--bare", "--initial-branch=main", dir)
	return r
}

// Git runs git in a folder and returns its output, without the last newline.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return strings.TrimSuffix(string(run(t, dir, nil, args...)), "\n")
}

// Git runs git in the repository.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return Git(r.t, r.Dir, args...)
}

// Import runs git fast-import on a stream and returns its output: an ID for each get-mark.
func (r *Repo) Import(stream []byte) string {
	r.t.Helper()
	return string(run(r.t, r.Dir, stream, "fast-import", "--quiet", "--force"))
}

// Commit commits files (path to content) to branch main and returns the new commit. Other files
// stay as they are.
func (r *Repo) Commit(files map[string]string) string {
	r.t.Helper()
	return r.CommitTo(Main, files)
}

// CommitTo is Commit for a branch, by its full name. It creates the branch if it does not
// exist.
func (r *Repo) CommitTo(ref string, files map[string]string) string {
	r.t.Helper()
	return r.commit(ref, r.ID(ref), files, nil)
}

// Remove commits the removal of files to main.
func (r *Repo) Remove(paths ...string) string {
	r.t.Helper()
	return r.commit(Main, r.ID(Main), nil, paths)
}

// ForcePush replaces a branch by a new history of one commit with these files.
func (r *Repo) ForcePush(ref string, files map[string]string) string {
	r.t.Helper()
	return r.commit(ref, "", files, nil)
}

// Forget collects garbage at once, as servers do at some time.
func (r *Repo) Forget() {
	r.t.Helper()
	r.Git("reflog", "expire", "--expire=now", "--all")
	r.Git("gc", "--quiet", "--prune=now")
}

// ID returns the commit of a ref; "" if it does not exist.
func (r *Repo) ID(ref string) string {
	r.t.Helper()
	return r.Git("for-each-ref", "--format=%(objectname)", ref)
}

// Clone creates a working copy in a temporary folder and returns its path.
func (r *Repo) Clone() string {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "copy")
	Git(r.t, "", "clone", "--quiet", r.Dir, dir)
	return dir
}

func (r *Repo) commit(ref, parent string, files map[string]string, remove []string) string {
	r.t.Helper()
	var b bytes.Buffer
	n := r.clock.Add(1)

	if parent == "" {
		fmt.Fprintf(&b, "reset %s\n\n", ref) // so that nothing of the old branch remains
	}

	fmt.Fprintf(&b, "commit %s\ncommitter Test <test@example.com> %d +0000\n%s", ref, start+60*n,
		data(fmt.Sprintf("commit %d", n)))
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}

	for _, path := range remove {
		fmt.Fprintf(&b, "D %s\n", strconv.Quote(path))
	}

	for _, path := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "M 100644 inline %s\n%s", strconv.Quote(path), data(files[path]))
	}

	r.Import(b.Bytes())
	return r.ID(ref)
}

// start is the date of the first commits: 14 November 2023.
const start = 1_700_000_000

func data(s string) string { return fmt.Sprintf("data %d\n%s\n", len(s), s) }

// Environment is git's in tests: without the configuration of the machine, and with a fixed
// author.
func Environment() []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com", "GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.com", "GIT_COMMITTER_DATE=1700000000 +0000",
	}
}

func run(t testing.TB, dir string, stdin []byte, args ...string) []byte {
	t.Helper()
	command := exec.Command(Program(t), args...)
	command.Dir = dir
	command.Env = Environment()
	command.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.Bytes()
}
