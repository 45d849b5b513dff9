package gitwire_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

func TestOpenTakesOnlyPlainAddresses(t *testing.T) {
	tests := []struct{ url, hint string }{
		{"ssh://git@git.example.com:22/team/app.git", "needs a private key"},
		{"git@git.example.com:team/app.git", "use https://git.example.com/team/app.git"},
		{"git://git.example.com/app", "use https://git.example.com/app"},
		{"ssh://me:hunter2@git.example.com/app", "a password is not part"},
		{"SSH://git.example.com/app?hunter2", "query"},
		{"ssh:///app", "no host"},
		{"ftp://git.example.com/app", "https://HOST/PATH"},
		{"file:///srv/git/app.git", "https://HOST/PATH"},
		{"/srv/git/app.git", "https://HOST/PATH"},
		{"https:///app", "no host"},
		{"https:app", "no host"},
		{"https://me:hunter2@git.example.com/app", "(https://git.example.com/app)"},
		{"https://hunter2@git.example.com/app", "as a credential"},
		{"https://git.example.com/app?token=hunter2", "query"},
		{"https://git.example.com/app#hunter2", "query"},
		{"https://git.example.com/a%0ab", "control characters"},
		{"https://git.example.com/a\nb:hunter2@", "cannot be parsed"},
		{"https://git.example.com:hunter2/%zz", "cannot be parsed"},
		{"", "either"},
	}
	for _, test := range tests {
		_, err := gitwire.Open(gitwire.Options{URL: test.url})
		if !errors.Is(err, giterr.ErrURL) {
			t.Fatalf("%s: got %v, want %v", test.url, err, giterr.ErrURL)
		}

		if !strings.Contains(err.Error(), test.hint) {
			t.Errorf("%s: %q does not contain %q", test.url, err.Error(), test.hint)
		}

		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q contains %q", test.url, err.Error(), "hunter2")
		}
	}
}

func TestAttack05OptionInjectionAndRemoteHelpers(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	for _, address := range []string{
		"--upload-pack=touch " + mark, "-u" + mark, "ext::sh -c touch% " + mark, "fd::7",
		"ssh://-oProxyCommand=touch " + mark + "/app", "https://-oProxyCommand/app@{0}:x", "--config=core.gitProxy=x",
	} {
		for _, o := range []gitwire.Options{{URL: address}, {Path: address, Roots: []string{t.TempDir()}}} {
			if _, err := gitwire.Open(o); err == nil && o.Path != "" {
				t.Errorf("opened %q", address)
			} else if err == nil && !strings.HasPrefix(address, "https://") {
				t.Errorf("opened URL %q", address)
			}
		}
	}

	repo := gitwiretest.NewRepo(t)
	repo.Commit(map[string]string{"a": "1"})
	remote := openLocal(t, repo.Dir)
	for _, ref := range []string{
		"--upload-pack=touch " + mark, "-", "main", "HEAD", "refs/heads/-x", "refs/heads/../../config",
		"refs/heads/a..b",
		"refs/heads/a\nwant", "refs/heads/a b", "refs/heads/.a", "refs/heads/a.lock", "refs/heads/a.",
		"refs/heads//a", "refs/heads/",
		"refs/heads/a@{1}", `refs/heads/a\b`, "refs/heads/a\x00", "refs/a", "refs/heads/" + strings.Repeat("a", 2000),
	} {
		if _, err := remote.Refs(t.Context(), []string{ref}); !errors.Is(err, giterr.ErrRef) {
			t.Errorf("%q: got %v", ref, err)
		}
	}

	if _, err := os.Stat(mark); err == nil {
		t.Error("something was run")
	}
}

func TestAttack16SSRF(t *testing.T) {
	reached := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer srv.Close()

	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
		"0.0.0.0", "[64:ff9b::7f00:1]"} {
		for _, policy := range []transport.NetworkOptions{{}, {AllowPrivate: true}} {
			_, err := open(t, gitwire.Options{
				URL:     fmt.Sprintf("http://%s:%s/app", host, port),
				Network: transport.NewNetwork(policy),
			}).Head(t.Context())
			if !errors.Is(err, giterr.ErrAddress) {
				t.Errorf("%s with %+v: got %v", host, policy, err)
			}
		}
	}

	for _, host := range []string{"169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "100.100.100.200",
		"[fe80::1]"} {
		everything := transport.NewNetwork(transport.NetworkOptions{AllowPrivate: true, AllowLoopback: true})
		_, err := open(t, gitwire.Options{URL: "http://" + host + "/app", Network: everything}).Head(t.Context())
		if !errors.Is(err, giterr.ErrAddress) {
			t.Errorf("%s: got %v", host, err)
		}
	}

	if reached > 0 {
		t.Errorf("%d requests arrived", reached)
	}
}

func TestAttack16ProxyFromTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the proxy was asked")
	}))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	r := open(t, gitwire.Options{URL: "http://169.254.169.254/app"})
	if _, err := r.Head(t.Context()); !errors.Is(err, giterr.ErrAddress) {
		t.Errorf("got %v", err)
	}
}

func TestAttack17CredentialIsBoundToItsOrigin(t *testing.T) {
	for _, origin := range []string{
		"http://git.example.com", "https://git.example.com:8443", "https://git.example.com.evil.example",
		"https://example.com", "", "::",
	} {
		_, err := gitwire.Open(gitwire.Options{
			URL:  "https://git.example.com/app",
			Auth: transport.Bearer(origin, "hunter2"),
		})
		if !errors.Is(err, giterr.ErrURL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", origin, err)
		}
	}

	for _, origin := range []string{"https://git.example.com", "https://GIT.example.com:443/",
		"https://git.example.com/other/path"} {
		if _, err := gitwire.Open(gitwire.Options{URL: "https://git.example.com/app",
			Auth: transport.Bearer(origin, "hunter2")}); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}

	_, err := gitwire.Open(gitwire.Options{
		URL:  "https://a.example/app",
		Auth: transport.Bearer("https://a.example", "hunter2\r\nHost: x"),
	})
	if !errors.Is(err, giterr.ErrURL) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("control characters: got %v", err)
	}
}

func TestRenamedRepositoryIsFollowedOnItsOwnOrigin(t *testing.T) {
	wrap := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rest, ok := strings.CutPrefix(r.URL.Path, "/old/name"); ok {
				http.Redirect(w, r, "/team/app.git"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
				return
			}
			next.ServeHTTP(w, r)
		})
	}

	repo, srv, _ := served(t, gitwiretest.Options{Token: "tok", Wrap: wrap})
	want := id(t, repo.Commit(map[string]string{"a": "1"}))
	r := open(t, gitwire.Options{URL: srv.URL + "/old/name", Auth: transport.Bearer(srv.URL, "tok")})
	got, err := r.Refs(t.Context(), []string{"refs/heads/main"})
	if err != nil {
		t.Fatal(err)
	}

	equal(t, "refs", map[string]object.ID{"refs/heads/main": want}, got)
}

func TestRedirectLoopEnds(t *testing.T) {
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		http.Redirect(w, r, fmt.Sprintf("/%d/info/refs?%s", n, r.URL.RawQuery), http.StatusFound)
	}))
	defer srv.Close()
	_, err := open(t, gitwire.Options{URL: srv.URL + "/app"}).Head(t.Context())
	if !errors.Is(err, giterr.ErrRedirect) || n > 5 {
		t.Errorf("after %d requests: %v", n, err)
	}
}

func TestRedirectFromHTTPSToHTTPIsNotFollowed(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("asked without TLS")
	}))
	defer plain.Close()

	_, srv, address := served(t, gitwiretest.Options{TLS: true, Wrap: func(http.Handler) http.Handler {
		return http.RedirectHandler(plain.URL+"/team/app.git/info/refs", http.StatusFound)
	}})
	pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, RootCAs: pool})
	_, err := open(t, gitwire.Options{URL: address, Network: network}).Head(t.Context())
	if !errors.Is(err, giterr.ErrRedirect) {
		t.Errorf("got %v", err)
	}

	if u, _ := url.Parse(plain.URL); u != nil && !strings.Contains(fmt.Sprint(err), u.Host) {
		t.Errorf("the error does not say where to: %v", err)
	}
}
