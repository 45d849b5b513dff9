package gitwire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// open opens a remote that may reach loopback, for the time of the test.
func open(t testing.TB, options gitwire.Options) *gitwire.Remote {
	t.Helper()
	if options.URL != "" && options.Network == nil {
		options.Network = transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
		t.Cleanup(options.Network.Close)
	}
	remote, err := gitwire.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.Close)
	return remote
}

// openLocal opens a repository of this machine, allowing its folder.
func openLocal(t testing.TB, path string) *gitwire.Remote {
	t.Helper()
	return open(t, gitwire.Options{Path: path, Roots: []string{path}})
}

// served makes a repository with a server in front of it.
func served(t testing.TB, options gitwiretest.Options) (*gitwiretest.Repo, *gitwiretest.Server, string) {
	t.Helper()
	dir := t.TempDir()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "team/app.git"))
	srv := gitwiretest.NewServer(t, dir, options)
	return repo, srv, srv.URL + "/team/app.git"
}

func id(t testing.TB, s string) object.ID {
	t.Helper()
	id, err := object.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// asked returns method and last part of the path of what a server was asked.
func asked(srv *gitwiretest.Server) []string {
	var list []string
	for _, r := range srv.Requests() {
		list = append(list, r.Method+" "+r.Path[strings.LastIndexByte(r.Path, '/')+1:])
	}
	return list
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestRefsAsksForAllBranchesInOneRequest(t *testing.T) {
	repo, srv, url := served(t, gitwiretest.Options{})
	main := repo.Commit(map[string]string{"a": "1"})
	dev := repo.CommitTo("refs/heads/dev", map[string]string{"a": "2"})
	repo.CommitTo("refs/heads/main-old", map[string]string{"a": "3"}) // begins like main
	remote := open(t, gitwire.Options{URL: url})
	names := []string{"refs/heads/main", "refs/heads/dev", "refs/heads/none"}
	want := map[string]object.ID{"refs/heads/main": id(t, main), "refs/heads/dev": id(t, dev)}

	for _, requests := range [][]string{{"GET refs", "POST git-upload-pack"}, {"POST git-upload-pack"}} {
		got, err := remote.Refs(t.Context(), names)
		if err != nil {
			t.Fatal(err)
		}

		equal(t, "refs", want, got)
		equal(t, "requests", requests, asked(srv))
	}
}

func TestRequestsShareOneConnection(t *testing.T) {
	repo, srv, url := served(t, gitwiretest.Options{})
	commit := id(t, repo.Commit(map[string]string{"a": "1"}))
	remote := open(t, gitwire.Options{URL: url})
	for range 3 {
		if _, err := remote.Refs(t.Context(), []string{"refs/heads/main"}); err != nil {
			t.Fatal(err)
		}
		if _, err := remote.Snapshot(t.Context(), commit, nil); err != nil {
			t.Fatal(err)
		}
	}

	equal(t, "connections", int64(1), srv.Connections())
}

func TestHeadTellsTheDefaultBranch(t *testing.T) {
	repo, _, url := served(t, gitwiretest.Options{})
	unborn := gitwiretest.NewRepo(t)
	commit := repo.Commit(map[string]string{"a": "1"})
	for _, remote := range []*gitwire.Remote{open(t, gitwire.Options{URL: url}), openLocal(t, repo.Dir)} {
		repo.Git("symbolic-ref", "HEAD", "refs/heads/main")
		head, err := remote.Head(t.Context())
		equal(t, "head", gitwire.Head{Ref: "refs/heads/main", ID: id(t, commit)}, head)
		repo.Git("update-ref", "--no-deref", "HEAD", commit)
		detached, err2 := remote.Head(t.Context())
		equal(t, "detached head", gitwire.Head{ID: id(t, commit)}, detached)
		repo.Git("symbolic-ref", "HEAD", "refs/heads/next")
		next, err3 := remote.Head(t.Context())
		equal(t, "unborn head", gitwire.Head{Ref: "refs/heads/next"}, next)

		if err := errors.Join(err, err2, err3); err != nil {
			t.Error(remote.Name(), err)
		}
	}

	head, err := openLocal(t, unborn.Dir).Head(t.Context())
	equal(t, "head of an empty repository", gitwire.Head{Ref: "refs/heads/main"}, head)
	if err != nil {
		t.Error(err)
	}
}

func TestCredentialsOpenTheRepository(t *testing.T) {
	tests := map[string]struct {
		server gitwiretest.Options
		auth   func(url string) transport.Auth
		want   error
	}{
		"basic": {gitwiretest.Options{
			User:     "u",
			Password: "p:w",
		}, func(u string) transport.Auth { return transport.Basic(u, "u", "p:w") }, nil},
		"bearer": {gitwiretest.Options{Token: "tok"}, func(u string) transport.Auth {
			return transport.Bearer(u, "tok")
		}, nil},
		"none": {gitwiretest.Options{Token: "tok"}, func(string) transport.Auth {
			return transport.Auth{}
		}, giterr.ErrUnauthorized},
		"wrong bearer": {
			gitwiretest.Options{Token: "tok"},
			func(u string) transport.Auth { return transport.Bearer(u, "hunter2") },
			giterr.ErrUnauthorized,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			repo, _, url := served(t, test.server)
			repo.Commit(map[string]string{"a": "1"})
			_, err := open(t, gitwire.Options{
				URL:  url,
				Auth: test.auth(url),
			}).Refs(t.Context(), []string{"refs/heads/main"})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}

			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error holds the credential: %v", err)
			}
		})
	}
}

// Git's own server and others behind a web server know Basic authentication alone.
func TestATokenIsSentAsPasswordToAServerThatAsksForThat(t *testing.T) {
	repo, host, address := served(t, gitwiretest.Options{User: "x-access-token", Password: "a-token"})
	repo.Commit(map[string]string{"a": "1"})
	remote := open(t, gitwire.Options{URL: address, Auth: transport.Token(address, "a-token")})

	for i, want := range []int{3, 1} { // refused once, then remembered
		host.Requests()
		if _, err := remote.Refs(t.Context(), []string{gitwiretest.Main}); err != nil {
			t.Fatalf("look %d: %v", i, err)
		}
		if count := len(host.Requests()); count != want {
			t.Errorf("look %d: %d requests, want %d", i, count, want)
		}
	}
}

func TestAWrongTokenIsSentTwiceAtMost(t *testing.T) {
	_, host, address := served(t, gitwiretest.Options{User: "x-access-token", Password: "a-token"})
	remote := open(t, gitwire.Options{URL: address, Auth: transport.Token(address, "hunter2-token")})

	_, err := remote.Refs(t.Context(), []string{gitwiretest.Main})
	if !errors.Is(err, giterr.ErrUnauthorized) || !strings.Contains(err.Error(), "a user name and a password") {
		t.Errorf("got %v, want %v and what the server asks for", err, giterr.ErrUnauthorized)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error holds the token: %v", err)
	}
	if count := len(host.Requests()); count != 2 {
		t.Errorf("%d requests, want 2", count)
	}
}

func TestATokenIsNoPasswordForAServerThatKnowsBearerTokens(t *testing.T) {
	_, _, address := served(t, gitwiretest.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("WWW-Authenticate", `Basic realm="git"`)
			w.Header().Add("WWW-Authenticate", `Bearer realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			if _, _, isBasic := r.BasicAuth(); isBasic {
				t.Error("the token was sent as password")
			}
		})
	}})
	remote := open(t, gitwire.Options{URL: address, Auth: transport.Token(address, "a-token")})
	if _, err := remote.Refs(t.Context(), []string{gitwiretest.Main}); !errors.Is(err, giterr.ErrUnauthorized) {
		t.Errorf("got %v, want %v", err, giterr.ErrUnauthorized)
	}
}

func TestAttack18CredentialIsNotPrinted(t *testing.T) {
	remote, err := gitwire.Open(gitwire.Options{
		URL:  "https://git.example.com/a",
		Auth: transport.Bearer("https://git.example.com", "hunter2"),
	})
	if err != nil {
		t.Fatal(err)
	}

	auth := transport.Basic("https://git.example.com", "u", "hunter2")
	held := struct{ a transport.Auth }{auth}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "auth", auth, "held", held, "remote", remote)
	printed := []string{
		fmt.Sprintf("%v %+v %#v %s", auth, auth, auth, auth), fmt.Sprintf("%v %+v %#v", held, held, held),
		fmt.Sprintf("%+v", remote), log.String(),
	}
	for _, s := range printed {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "dTpodW50ZXIy") {
			t.Errorf("printed: %s", s)
		}
	}
}

func TestStatusSaysWhoHasToAct(t *testing.T) {
	_, srv, url := served(t, gitwiretest.Options{})
	remote := open(t, gitwire.Options{URL: url})
	tests := []struct {
		status int
		after  string
		want   error
		wait   time.Duration
	}{
		{status: 203, want: giterr.ErrUnauthorized, wait: 0},
		{status: 401, want: giterr.ErrUnauthorized, wait: 0},
		{status: 403, want: giterr.ErrUnauthorized, wait: 0},
		{status: 403, after: "60", want: giterr.ErrUnavailable, wait: time.Minute},
		{status: 404, want: giterr.ErrNotFound, wait: 0},
		{status: 410, want: giterr.ErrNotFound, wait: 0},
		{status: 429, after: "7", want: giterr.ErrUnavailable, wait: 7 * time.Second},
		{status: 500, want: giterr.ErrUnavailable, wait: 0},
		{status: 503, after: "999999", want: giterr.ErrUnavailable, wait: time.Hour},
		{status: 503, after: "Mon, 01 Jan 2001 00:00:00 GMT", want: giterr.ErrUnavailable, wait: 0},
		{status: 400, want: giterr.ErrProtocol, wait: 0},
	}
	for _, test := range tests {
		srv.Fail(test.status, http.Header{"Retry-After": {test.after}})
		_, err := remote.Refs(t.Context(), []string{"refs/heads/main"})
		var fault *giterr.Error
		if !errors.Is(err, test.want) || !errors.As(err, &fault) || fault.RetryAfter != test.wait {
			t.Errorf("%d: got %v, retry after %v", test.status, err, fault.RetryAfter)
		}

		if !strings.HasPrefix(err.Error(), url+": ") {
			t.Errorf("%d: the error does not name the repository: %v", test.status, err)
		}
	}
}

func TestUnreachableServerIsUnavailable(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	_, err := open(t, gitwire.Options{URL: srv.URL + "/a"}).Head(t.Context())
	if !errors.Is(err, giterr.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownAuthorityIsACertificateError(t *testing.T) {
	_, _, url := served(t, gitwiretest.Options{TLS: true})
	_, err := open(t, gitwire.Options{URL: url}).Head(t.Context())
	if !errors.Is(err, giterr.ErrCertificate) {
		t.Errorf("got %v", err)
	}
}

func TestDumbServersAreNotRead(t *testing.T) {
	repo := gitwiretest.NewRepo(t)
	repo.Commit(map[string]string{"a": "1"})
	dumb := httptest.NewServer(http.FileServer(http.Dir(repo.Dir)))
	defer dumb.Close()
	repo.Git("update-server-info")
	_, err := open(t, gitwire.Options{URL: dumb.URL}).Refs(t.Context(), []string{"refs/heads/main"})
	if !errors.Is(err, giterr.ErrVersion) {
		t.Errorf("got %v", err)
	}
}

func TestSHA256RepositoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new.git")
	gitwiretest.Git(t, "", "init", "--quiet", "--bare", "--object-format=sha256", path)
	srv := gitwiretest.NewServer(t, dir, gitwiretest.Options{})
	_, err := open(t, gitwire.Options{URL: srv.URL + "/new.git"}).Head(t.Context())
	if !errors.Is(err, giterr.ErrSHA256) {
		t.Errorf("got %v", err)
	}
}

func TestCapabilitiesAreAskedForAgainWhenAnAnswerMakesNoSense(t *testing.T) {
	var nonsense atomic.Int32
	wrap := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && nonsense.Add(-1) >= 0 {
				w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
				_, _ = io.WriteString(w, "zzzz")
				return
			}
			next.ServeHTTP(w, r)
		})
	}

	repo, srv, url := served(t, gitwiretest.Options{Wrap: wrap})
	repo.Commit(map[string]string{"a": "1"})
	r := open(t, gitwire.Options{URL: url})
	refs := func() error {
		_, err := r.Refs(t.Context(), []string{"refs/heads/main"})
		return err
	}
	if err := refs(); err != nil {
		t.Fatal(err)
	}

	nonsense.Store(1)
	if err := refs(); err != nil {
		t.Errorf("one bad answer: %v", err)
	}

	equal(t, "requests", []string{"GET refs", "POST git-upload-pack", "GET refs", "POST git-upload-pack"}, asked(srv))
	nonsense.Store(100)
	if err := refs(); !errors.Is(err, giterr.ErrProtocol) {
		t.Errorf("nothing but bad answers: %v", err)
	}

	equal(t, "requests", []string{"GET refs"}, asked(srv))
}

func TestServerThatGivesUpIsUnavailable(t *testing.T) {
	for said, want := range map[string]error{
		packet("packfile\n") + packet("\x02counting") + packet("\x03out of \x1bmemory"):   giterr.ErrUnavailable,
		packet("packfile\n") + packet("\x01PACK"):                                         giterr.ErrUnavailable,
		packet("ERR try another \x1bserver"):                                              giterr.ErrProtocol,
		packet("ERR upload-pack: not our ref 0123456789012345678901234567890123456789\n"): giterr.ErrMissing,
		packet("acknowledgments\n") + "0000":                                              giterr.ErrProtocol,
		packet("packfile\n") + packet(""):                                                 giterr.ErrProtocol,
		packet("packfile\n") + packet("\x07"):                                             giterr.ErrProtocol,
		"":                                                                                giterr.ErrUnavailable,
	} {
		srv := cannedServer(t, func([]byte) string { return said })
		_, err := open(t, gitwire.Options{URL: srv}).Snapshot(t.Context(), object.ID{1}, nil)
		if !errors.Is(err, want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: got %v", said, err)
		}
	}
}

func TestGivingUpIsTheCallersError(t *testing.T) {
	_, _, url := served(t, gitwiretest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t, gitwire.Options{URL: url}).Head(ctx)
	if !errors.Is(err, context.Canceled) || errors.Is(err, giterr.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestAttack10SlowServerIsCutOff(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))

	defer silent.Close()
	for _, limits := range []gitwire.Limits{{Idle: 50 * time.Millisecond}, {Timeout: 50 * time.Millisecond}} {
		_, err := open(t, gitwire.Options{URL: silent.URL, Limits: limits}).Head(t.Context())
		if !errors.Is(err, giterr.ErrUnavailable) || !strings.Contains(err.Error(), "too long") {
			t.Errorf("%+v: got %v", limits, err)
		}
	}
}
