package e2e

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
)

// A gitHost is a script's Git host.
type gitHost struct {
	server *gitwiretest.Server
	folder string
	repos  map[string]*gitwiretest.Repo
	gitea  *gitea // nil for a host without an API
}

// githost start [USER:PASSWORD | gitea TOKEN] | ssh | create REPO |
// push REPO BRANCH DIR | force REPO BRANCH DIR | pull HEAD BASE [fork] |
// notify EVENT | fail STATUS | heal
func githost(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts)
	if neg || len(args) == 0 || (w.host == nil) != (args[0] == "start") {
		ts.Fatalf("usage: githost start, once; then githost create, push, force, fail or heal")
	}

	switch command, rest := args[0], args[1:]; {
	case command == "start" && len(rest) <= 2:
		w.startHost(ts, rest)
	case command == "ssh" && len(rest) == 0:
		w.serveSSH(ts)
	case command == "create" && len(rest) == 1:
		w.host.repos[rest[0]] = gitwiretest.NewRepoAt(w.tb(), filepath.Join(w.host.folder, rest[0]))
	case command == "push" && len(rest) == 3:
		ts.Setenv("COMMIT", w.host.repo(ts, rest[0]).CommitTo("refs/heads/"+rest[1], files(ts, rest[2])))
		w.host.notify(ts, "push")
	case command == "pull" && len(rest) >= 2 && w.host.gitea != nil:
		w.host.pull(ts, rest)
	case command == "force" && len(rest) == 3:
		ts.Setenv("COMMIT", w.host.repo(ts, rest[0]).ForcePush("refs/heads/"+rest[1], files(ts, rest[2])))
	case command == "notify" && len(rest) == 1:
		w.host.notify(ts, rest[0])
	case command == "fail" && len(rest) == 1:
		status, err := strconv.Atoi(rest[0])
		ts.Check(err)
		w.host.server.Fail(status, http.Header{})
	case command == "heal" && len(rest) == 0:
		w.host.server.Fail(0, nil)
	default:
		ts.Fatalf("githost %s: unknown command or wrong arguments", strings.Join(args, " "))
	}
}

func (w *world) startHost(ts *testscript.TestScript, credential []string) {
	var options gitwiretest.Options
	if len(credential) == 1 {
		options.User, options.Password, _ = strings.Cut(credential[0], ":")
	}

	var api *gitea
	if len(credential) == 2 {
		options.Token = credential[1]
		api = newGitea(options.Token, func(name string) *gitwiretest.Repo { return w.host.repos[name] })
		options.Wrap = api.wrap
	}

	w.host = &gitHost{
		gitea:  api,
		folder: filepath.Join(w.env.WorkDir, ".githost"),
		repos:  map[string]*gitwiretest.Repo{},
	}
	w.host.server = gitwiretest.NewServer(w.tb(), w.host.folder, options)
	ts.Setenv("GITHOST_URL", w.host.server.URL)
	ts.Setenv("GITHOST", strings.TrimPrefix(w.host.server.URL, "http://"))
}

// pull opens a pull request, $PULL.
func (h *gitHost) pull(ts *testscript.TestScript, args []string) {
	h.gitea.mu.Lock()
	opened := h.gitea.openPull(args[0], args[1], "A change", len(args) == 3)
	h.gitea.mu.Unlock()
	ts.Setenv("PULL", strconv.Itoa(opened.Number))
	h.notify(ts, "pull_request_only")
}

// notify calls the registered webhooks.
func (h *gitHost) notify(ts *testscript.TestScript, event string) {
	if h.gitea != nil {
		h.gitea.deliver(ts, event)
	}
}

// serveSSH also serves the repositories over SSH, and writes the files deploy_key, which it accepts, and
// known_hosts.
func (w *world) serveSSH(ts *testscript.TestScript) {
	server := gitwiretest.NewSSHServer(w.tb(), w.host.folder, gitwiretest.SSHOptions{})
	ts.Setenv("SSHHOST", server.Address)
	ts.Check(os.WriteFile(ts.MkAbs("deploy_key"), []byte(server.Key), 0o600))
	known, err := os.ReadFile(server.KnownHosts)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("known_hosts"), known, 0o600))
}

func (h *gitHost) repo(ts *testscript.TestScript, name string) *gitwiretest.Repo {
	repo := h.repos[name]
	if repo == nil {
		ts.Fatalf("githost create %s first", name)
	}
	return repo
}

// files returns the files of a folder: path to content.
func files(ts *testscript.TestScript, dir string) map[string]string {
	all := map[string]string{}
	root := os.DirFS(ts.MkAbs(dir))
	ts.Check(fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, name)
		all[name] = string(text)
		return err
	}))
	return all
}

// commit DIR MESSAGE
func commit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: commit DIR MESSAGE")
	}
	dir := ts.MkAbs(args[0])
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		ts.Check(ts.Exec("git", "init", "-q", "-b", "main", dir))
	}
	ts.Check(ts.Exec("git", "-C", dir, "add", "-A"))
	ts.Check(ts.Exec("git", "-C", dir, "commit", "-q", "--allow-empty", "-m", args[1]))
	ts.Check(ts.Exec("git", "-C", dir, "rev-parse", "HEAD"))
	ts.Setenv("COMMIT", strings.TrimSpace(ts.ReadFile("stdout")))
}
