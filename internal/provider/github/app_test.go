package github_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/github"
)

const tokenRequest = "POST /app/installations/" + installation + "/access_tokens"

// tokens counts the requests for a token of the installation.
func tokens(f *fake) int {
	n := 0
	for _, r := range f.requests() {
		if r == tokenRequest {
			n++
		}
	}
	return n
}

func heads(t *testing.T, c provider.Client) {
	t.Helper()
	if _, err := c.Heads(t.Context(), []string{"main"}); err != nil {
		t.Error(err)
	}
}

func TestClientsOfAConnectionShareOneToken(t *testing.T) {
	server := newFake(t, false)
	server.repo.Commit(map[string]string{"a": "1"})
	release := make(chan struct{})
	server.set(func() { server.slow = release })
	driver, host := newDriver(t, server, github.Type)
	var all sync.WaitGroup
	for range 8 {
		client := open(t, driver, repository(host, credentials()["APP"]))
		all.Go(func() { heads(t, client) })
	}

	waitFor(t, func() bool { server.mu.Lock(); defer server.mu.Unlock(); return len(server.asked) > 0 })
	close(release)
	all.Wait()
	client := open(t, driver, repository(host, credentials()["APP"]))
	heads(t, client)

	if _, err := client.(provider.Commenter).PullRequests(t.Context(), "main"); err != nil {
		t.Error(err)
	}

	if n := tokens(server); n != 1 {
		t.Errorf("%d tokens were asked for, want one for all", n)
	}

	other := repository(host, credentials()["APP"])
	other.Connection.ARN += "2"
	heads(t, open(t, driver, other))

	if n := tokens(server); n != 1 {
		t.Errorf("another connection asked for %d tokens, want one of its own", n)
	}
}

// waitFor lets other goroutines go on until something is so.
func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for tick, end := time.NewTicker(time.Millisecond), time.After(10*time.Second); !is(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it never came to be")
		}
	}
}

func TestWhoeverGoesTakesNobodysTokenAway(t *testing.T) {
	server := newFake(t, false)
	server.repo.Commit(map[string]string{"a": "1"})
	release := make(chan struct{})
	server.set(func() { server.slow = release })
	d, h := newDriver(t, server, github.Type)
	first, second := open(t, d, repository(h, credentials()["APP"])), open(t, d, repository(h, credentials()["APP"]))
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := first.Heads(ctx, []string{"main"}); !errors.Is(err, context.Canceled) {
			t.Errorf("after the caller left: %v", err)
		}
	})

	waitFor(t, func() bool { server.mu.Lock(); defer server.mu.Unlock(); return len(server.asked) > 0 })
	all.Go(func() { heads(t, second) })
	leave()
	close(release)
	all.Wait()
}

func TestATokenIsLeftBeforeItsEnd(t *testing.T) {
	for name, row := range map[string]struct {
		life, skew time.Duration
		want       int
	}{
		"an hour":                       {time.Hour, 0, 1},
		"some minutes":                  {4 * time.Minute, 0, 3},
		"no time":                       {-time.Hour, 0, 3},
		"an hour of a clock behind":     {time.Hour, -90 * time.Second, 1},
		"an hour of a clock ahead":      {time.Hour, 4 * time.Minute, 1},
		"some minutes of a clock ahead": {4 * time.Minute, 4 * time.Minute, 3},
	} {
		server := newFake(t, false)
		server.repo.Commit(map[string]string{"a": "1"})
		server.life, server.skew = row.life, row.skew
		d, h := newDriver(t, server, github.Type)
		c := open(t, d, repository(h, credentials()["APP"])).(provider.Commenter)
		for range 3 {
			if _, err := c.PullRequests(t.Context(), "main"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}

		if n := tokens(server); n != row.want {
			t.Errorf("%s: %d tokens, want %d", name, n, row.want)
		}
	}
}

func TestATokenThatWasEndedIsReplaced(t *testing.T) {
	server := newFake(t, false)
	server.repo.Commit(map[string]string{"a": "1"})
	d, h := newDriver(t, server, github.Type)
	c := open(t, d, repository(h, credentials()["APP"]))
	for name, call := range map[string]func() error{
		"Git": func() error { _, err := c.Heads(t.Context(), []string{"main"}); return err },
		"API": func() error { _, err := c.(provider.Commenter).PullRequests(t.Context(), "main"); return err },
	} {
		if err := call(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}

		server.set(func() { clear(server.tokens) })
		if err := call(); lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s, with a token that was ended: %v", name, err)
		}

		if err := call(); err != nil {
			t.Errorf("%s, after that: %v", name, err)
		}
	}
}

func TestKeysOfBothFormsAndIDsOfBothKinds(t *testing.T) {
	server := newFake(t, false)
	der, err := x509.MarshalPKCS8PrivateKey(appKey())
	if err != nil {
		t.Fatal(err)
	}
	c := appCredential("Iv23liExampleClientId")
	c.Secret = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	d, h := newDriver(t, server, github.Type)
	if err := d.Check(t.Context(), provider.Access{Host: h, Credential: c}); err != nil {
		t.Error(err)
	}
}

func TestCheckSaysWhetherACredentialWorks(t *testing.T) {
	elsewhere := credentials()["APP"]
	elsewhere.InstallationID = "1"
	for name, row := range map[string]struct {
		c     lockstep.Credential
		asked []string
		says  string
	}{
		"TOKEN":       {credentials()["TOKEN"], []string{"GET /user"}, ""},
		"BASIC":       {credentials()["BASIC"], []string{"GET /user"}, ""},
		"OAUTH":       {credentials()["OAUTH"], []string{"GET /user"}, ""},
		"APP":         {credentials()["APP"], []string{"GET /app", tokenRequest}, ""},
		"wrong TOKEN": {wrong(credentials()["TOKEN"]), []string{"GET /user"}, "revoked"},
		"wrong APP":   {wrong(credentials()["APP"]), []string{"GET /app"}, "do not belong together"},
		"APP without the owner": {elsewhere,
			[]string{"GET /app", strings.Replace(tokenRequest, installation, "1", 1)}, "has no installation 1"},
		"SSH_KEY": {lockstep.Credential{
			Kind:   lockstep.SSHKeyCredential,
			Secret: canary,
		}, nil, "kind TOKEN"},
		"APP with another's key": {
			lockstep.Credential{Kind: "APP", AppID: "12345", InstallationID: "1", Secret: canary},
			nil,
			"PEM",
		},
	} {
		for _, kind := range []lockstep.ProviderType{github.Type, github.EnterpriseType} {
			server := newFake(t, kind == github.EnterpriseType)
			d, h := newDriver(t, server, kind)
			err := d.Check(t.Context(), provider.Access{Host: h, Credential: row.c})
			if right := row.says == ""; right != (err == nil) || !right &&
				(lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(err.Error(), row.says)) {
				t.Errorf("%s: %s, %v; want one that says %q", name, lockstep.KindOf(err), err, row.says)
			}

			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%s: the credential is shown: %v", name, err)
			}

			if asked := server.requests(); !slices.Equal(asked, row.asked) {
				t.Errorf("%s: asked %v, want %v", name, asked, row.asked)
			}
		}
	}
}

func TestCheckOfATokenThatIsNobodys(t *testing.T) {
	server := newFake(t, false)
	server.noUser = true
	d, h := newDriver(t, server, github.Type)
	for limits, want := range map[int]lockstep.Kind{0: lockstep.Internal, 404: lockstep.Internal,
		403: lockstep.Denied, 502: lockstep.Unavailable} {
		server.set(func() { server.refuse["GET /rate_limit"] = limits })
		err := d.Check(t.Context(), provider.Access{Host: h, Credential: credentials()["TOKEN"]})
		if lockstep.KindOf(err) != want || (want == lockstep.Internal) != (err == nil) {
			t.Errorf("limits answer %d: %v", limits, err)
		}
	}
}

func TestCheckOfAHostThatIsDownKnowsNothing(t *testing.T) {
	f := newFake(t, false)
	d, h := newDriver(t, f, github.Type)
	f.Fail(503, nil)
	for name, c := range credentials() {
		if err := d.Check(t.Context(), provider.Access{Host: h,
			Credential: c}); lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApplicationsAreLetInWherePeopleSignIn(t *testing.T) {
	want := func(web string) provider.OAuthEndpoints {
		return provider.OAuthEndpoints{
			AuthURL:  web + "/login/oauth/authorize",
			TokenURL: web + "/login/oauth/access_token",
			Scopes:   []string{"repo", "admin:repo_hook"},
		}
	}
	got, err := github.New(github.Options{}).OAuthEndpoints(nil)
	if diff := cmp.Diff(want("https://github.com"), got); diff != "" || err != nil {
		t.Errorf("want -, got +:\n%s%v", diff, err)
	}

	f := newFake(t, true)
	driver, h := newDriver(t, f, github.EnterpriseType)
	got, err = driver.OAuthEndpoints(h)
	if diff := cmp.Diff(want(f.server.URL), got); diff != "" || err != nil {
		t.Errorf("want -, got +:\n%s%v", diff, err)
	}

	if _, err := driver.OAuthEndpoints(nil); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("without a host: %v", err)
	}
}
