package github_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/github"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// credentials are right at the fake, one of each kind that can do everything.
func credentials() map[string]lockstep.Credential {
	return map[string]lockstep.Credential{
		"TOKEN": {Kind: lockstep.TokenCredential, Secret: canary},
		"BASIC": {Kind: lockstep.BasicCredential, Username: user, Secret: canary},
		"OAUTH": {Kind: lockstep.OAuthCredential, Secret: canary},
		"APP":   appCredential("12345"),
	}
}

func appCredential(id string) lockstep.Credential {
	return lockstep.Credential{Kind: lockstep.AppCredential, AppID: id, InstallationID: installation, Secret: appPEM()}
}

// wrong makes a credential one that the fake refuses.
func wrong(credential lockstep.Credential) lockstep.Credential {
	if credential.Kind == lockstep.AppCredential {
		credential.AppID = "54321"
		return credential
	}
	credential.Secret = "wr0ng-" + canary
	return credential
}

// newDriver returns the driver of a provider type for a fake, and what it needs of its
// host: GitHub has none, and an installed server is reached over TLS.
func newDriver(t testing.TB, server *fake, kind lockstep.ProviderType) (*github.Driver, *lockstep.Host) {
	t.Helper()
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	t.Cleanup(network.Close)
	if kind == github.Type {
		return github.New(github.Options{Network: network, API: server.server.URL + api, Git: server.server.URL}), nil
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.server.Certificate().Raw})
	return github.New(github.Options{Network: network, Enterprise: true}), &lockstep.Host{
		Endpoint: server.server.URL,
		VPC:      &lockstep.VPCConfiguration{TLSCertificate: string(certificate)},
	}
}

func repository(h *lockstep.Host, c lockstep.Credential) provider.Repository {
	return provider.Repository{
		Link: lockstep.RepositoryLink{OwnerID: "acme", RepositoryName: "infra"},
		Access: provider.Access{
			Connection: lockstep.Connection{
				Name: "test",
				ARN:  "arn:aws:codeconnections:eu-west-1:123456789012:connection/test",
			},
			Host:       h,
			Credential: c,
		},
	}
}

func open(t testing.TB, d *github.Driver, r provider.Repository) provider.Client {
	t.Helper()
	client, err := d.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// opened returns a client of GitHub with what it can do.
func opened[A any](t testing.TB, f *fake, c lockstep.Credential) A {
	t.Helper()
	d, h := newDriver(t, f, github.Type)
	return open(t, d, repository(h, c)).(A)
}

func TestDriverReads(t *testing.T) {
	each(t, func(t *testing.T, kind lockstep.ProviderType, credential lockstep.Credential) {
		providertest.Test(t, func(t *testing.T) providertest.Fixture {
			f := newFake(t, kind == github.EnterpriseType)
			d, h := newDriver(t, f, kind)
			return providertest.Fixture{Repo: f.repo, Fail: f.Fail, Open: opener(d, h, credential)}
		})
	})
}

func TestDriverDoesMoreThanRead(t *testing.T) {
	each(t, func(t *testing.T, kind lockstep.ProviderType, credential lockstep.Credential) {
		providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
			f := newFake(t, kind == github.EnterpriseType)
			d, h := newDriver(t, f, kind)
			return providertest.CapabilityFixture{Host: f, Repo: f.repo, Fail: f.Fail, Open: opener(d, h, credential)}
		})
	})
}

func TestARenamedRepositoryHasAllCapabilities(t *testing.T) {
	for _, name := range []string{"TOKEN", "APP"} {
		t.Run(name, func(t *testing.T) {
			providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
				f := newFake(t, false)
				f.moved = true
				driver, host := newDriver(t, f, github.Type)
				return providertest.CapabilityFixture{
					Host: f,
					Repo: f.repo,
					Fail: f.Fail,
					Open: opener(driver, host, credentials()[name]),
				}
			})
		})
	}
}

func opener(driver *github.Driver, host *lockstep.Host, credential lockstep.Credential) func(testing.TB,
	bool) provider.Client {
	return func(t testing.TB, right bool) provider.Client {
		used := credential
		if !right {
			used = wrong(credential)
		}
		return open(t, driver, repository(host, used))
	}
}

// each runs a test for GitHub with credentials of all kinds, and for an installed
// server with two.
func each(t *testing.T, run func(*testing.T, lockstep.ProviderType, lockstep.Credential)) {
	for name, c := range credentials() {
		t.Run("GitHub with "+name, func(t *testing.T) { run(t, github.Type, c) })
		if name == "TOKEN" || name == "APP" {
			t.Run("GitHubEnterpriseServer with "+name, func(t *testing.T) { run(t, github.EnterpriseType, c) })
		}
	}
}

func TestWithoutCredentialARepositoryIsOnlyRead(t *testing.T) {
	server := newFake(t, false)
	sha := server.repo.Commit(map[string]string{"a": "1"})
	driver, h := newDriver(t, server, github.Type)
	client := open(t, driver, repository(h, lockstep.Credential{Kind: lockstep.NoCredential}))
	if heads, err := client.Heads(t.Context(), []string{"main"}); err != nil || heads["main"] != lockstep.SHA(sha) {
		t.Errorf("heads: %v, %v", heads, err)
	}

	_, told := client.(provider.StatusReporter).ReportStatus(t.Context(), provider.CommitStatus{
		SHA:   lockstep.SHA(sha),
		State: provider.CommitFailed,
	}, nil)
	_, listed := client.(provider.Commenter).PullRequests(t.Context(), "main")
	_, commented := client.(provider.Commenter).PutComment(t.Context(), provider.PullRequest{Number: 1},
		provider.Comment{Body: "x"})
	_, proposed := client.(provider.PullRequester).Propose(t.Context(), provider.Proposal{
		Base:    "main",
		BaseSHA: lockstep.SHA(sha),
		Branch:  "x",
	})
	hooked := client.(provider.WebhookRegistrar).RegisterWebhook(t.Context(), "https://lockstep.example.com", "secret")
	unhooked := client.(provider.WebhookRegistrar).RemoveWebhook(t.Context(), "https://lockstep.example.com")
	for name, err := range map[string]error{"status": told, "pull requests": listed, "comment": commented,
		"proposal": proposed, "webhook": hooked, "no webhook": unhooked} {
		if lockstep.KindOf(err) != lockstep.Denied || !strings.Contains(err.Error(), "acme/infra") {
			t.Errorf("%s: %v", name, err)
		}
	}

	if asked := server.requests(); len(asked) != 0 {
		t.Errorf("the API was asked: %v", asked)
	}

	none := lockstep.Credential{Kind: lockstep.NoCredential}
	if err := driver.Check(t.Context(), provider.Access{Credential: none}); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	network := transport.NewNetwork(transport.NetworkOptions{})
	defer network.Close()

	public, installed := github.New(github.Options{Network: network}), github.New(github.Options{
		Network:    network,
		Enterprise: true,
	})
	token := lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary}
	host := &lockstep.Host{Endpoint: "https://ghe.example.com"}
	bad := &lockstep.Host{Endpoint: "https://ghe.example.com", VPC: &lockstep.VPCConfiguration{TLSCertificate: "none"}}
	for name, row := range map[string]struct {
		d           *github.Driver
		owner, repo string
		host        *lockstep.Host
		credential  lockstep.Credential
		want        lockstep.Kind
		says        string
	}{
		"no owner": {
			d:          public,
			owner:      "-",
			repo:       "infra",
			credential: token,
			want:       lockstep.Invalid,
			says:       "OWNER/NAME",
		},
		"an owner too many": {
			d:          public,
			owner:      "acme/team",
			repo:       "infra",
			credential: token,
			want:       lockstep.Invalid,
			says:       "OWNER/NAME",
		},
		"a path upwards": {
			d:          public,
			owner:      "acme",
			repo:       "..",
			credential: token,
			want:       lockstep.Invalid,
			says:       "OWNER/NAME",
		},
		"a query": {
			d:          public,
			owner:      "acme",
			repo:       "infra?x=1",
			credential: token,
			want:       lockstep.Invalid,
			says:       "OWNER/NAME",
		},
		"no host": {
			d:          installed,
			owner:      "acme",
			repo:       "infra",
			credential: token,
			want:       lockstep.Invalid,
			says:       "needs a host",
		},
		"a host in clear": {
			d:          installed,
			owner:      "acme",
			repo:       "infra",
			host:       &lockstep.Host{Endpoint: "http://ghe.example.com"},
			credential: token,
			want:       lockstep.Invalid,
			says:       "https://HOST",
		},
		"a bad certificate": {
			d:          installed,
			owner:      "acme",
			repo:       "infra",
			host:       bad,
			credential: token,
			want:       lockstep.Invalid,
			says:       "PEM",
		},
		"an SSH key": {
			d:     public,
			owner: "acme",
			repo:  "infra",
			credential: lockstep.Credential{
				Kind:   lockstep.SSHKeyCredential,
				Secret: canary,
			},
			want: lockstep.Invalid,
			says: "kind TOKEN",
		},
		"no key": {
			d:     installed,
			owner: "acme",
			repo:  "infra",
			host:  host,
			credential: lockstep.Credential{
				Kind:           "APP",
				AppID:          "1",
				InstallationID: "2",
				Secret:         canary,
			},
			want: lockstep.Denied,
			says: "PEM",
		},
		"no RSA key": {
			d:     public,
			owner: "acme",
			repo:  "infra",
			credential: lockstep.Credential{
				Kind:           "APP",
				AppID:          "1",
				InstallationID: "2",
				Secret:         "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
			},
			want: lockstep.Denied,
			says: "RSA",
		},
		"a long installation": {
			d:          public,
			owner:      "acme",
			repo:       "infra",
			credential: lockstep.Credential{Kind: "APP", AppID: "1", InstallationID: "99999999999999999999", Secret: canary},
			want:       lockstep.Denied,
			says:       "number",
		},
	} {
		r := repository(row.host, row.credential)
		r.Link.OwnerID, r.Link.RepositoryName = row.owner, row.repo
		_, err := row.d.Open(r)
		if lockstep.KindOf(err) != row.want {
			t.Fatalf("%s: got kind %s, want %s: %v", name, lockstep.KindOf(err), row.want, err)
		}

		if !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %q does not contain %q", name, err.Error(), row.says)
		}

		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %q contains %q", name, err.Error(), canary)
		}
	}
}

// GitHub Enterprise Cloud with data residency has its API on a host of its own.
func TestTheAPIOfAnEnterpriseWithDataResidencyIsFound(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://acme.ghe.com":     "api.acme.ghe.com:443",
		"https://ACME.GHE.com/":    "api.acme.ghe.com:443",
		"https://ghe.com":          "ghe.com:443",
		"https://acme.notghe.com":  "acme.notghe.com:443",
		"https://ghe.example.com":  "ghe.example.com:443",
		"https://acme.ghe.com.org": "acme.ghe.com.org:443",
	} {
		var connected []string
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			connected = append(connected, strings.ToLower(r.Host))
			w.WriteHeader(http.StatusForbidden)
		}))
		address, err := transport.ParseProxy(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}

		network := transport.NewNetwork(transport.NetworkOptions{Proxy: address})
		driver := github.New(github.Options{Network: network, Enterprise: true})
		checkErr := driver.Check(t.Context(), provider.Access{
			Host:       &lockstep.Host{Endpoint: endpoint},
			Credential: lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary},
		})
		network.Close()
		proxy.Close()

		if checkErr == nil {
			t.Errorf("%s: a proxy that refuses led to no error", endpoint)
		}
		if diff := cmp.Diff([]string{want}, connected); diff != "" {
			t.Errorf("%s: hosts asked (-want +got):\n%s", endpoint, diff)
		}
	}
}

func TestEndpointsOfInstalledServersAreHTTPS(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"https://ghe.example.com": true, "https://ghe.example.com/": true, "https://ghe.example.com:8443": true,
		"http://ghe.example.com":         false,
		"ssh://ghe.example.com":          false,
		"https://ghe.example.com/api/v3": false,
		"https://":                       false,
		"https://ann@ghe.example.com":    false,
		"https://ghe.example.com?x":      false,
		"https://ghe.example.com#x":      false,
		"ghe.example.com":                false,
		"https://%":                      false,
	} {
		err := github.New(github.Options{Enterprise: true}).Metadata().CheckEndpoint(endpoint)
		if (err == nil) != want {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestARepositoryIsNamedWithOrWithoutGit(t *testing.T) {
	f := newFake(t, false)
	f.repo.Commit(map[string]string{"a": "1"})
	d, h := newDriver(t, f, github.Type)
	r := repository(h, credentials()["TOKEN"])
	r.Link.RepositoryName = "infra.git"
	client := open(t, d, r)
	if heads, err := client.Heads(t.Context(), []string{"main"}); err != nil || len(heads) != 1 {
		t.Errorf("heads: %v, %v", heads, err)
	}

	if _, err := client.(provider.Commenter).PullRequests(t.Context(), "main"); err != nil {
		t.Error(err)
	}
}

func TestLimitsOnRateSayHowLong(t *testing.T) {
	server := newFake(t, false)
	commenter := opened[provider.Commenter](t, server, credentials()["TOKEN"])
	reset := time.Now().Add(10 * time.Minute)
	for name, row := range map[string]struct {
		status   int
		header   http.Header
		body     string
		min, max time.Duration
	}{
		"primary": {
			status: 403,
			header: http.Header{
				"X-Ratelimit-Remaining": {"0"},
				"X-Ratelimit-Reset":     {strconv.FormatInt(reset.Unix(), 10)},
			},
			body: `{"message":"API rate limit exceeded"}`,
			min:  9 * time.Minute,
			max:  10 * time.Minute,
		},
		"secondary": {
			status: 403,
			header: http.Header{"Retry-After": {"30"}},
			body:   `{"message":"You have exceeded a secondary rate limit."}`,
			min:    30 * time.Second,
			max:    30 * time.Second,
		},
		"secondary, 429": {
			status: 429,
			header: http.Header{"Retry-After": {"40"}},
			min:    40 * time.Second,
			max:    40 * time.Second,
		},
		"secondary, no time": {
			status: 403,
			body: `{"message":"You have exceeded a secondary rate limit.","documentation_url":` +
				`"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`,
			min: time.Minute,
			max: time.Minute,
		},
	} {
		server.set(func() { server.status, server.header, server.answer = row.status, row.header, row.body })
		server.requests()
		for range 2 { // the library's own memory of limits is not used
			_, err := commenter.PullRequests(t.Context(), "main")
			if wait := provider.RetryAfter(err); lockstep.KindOf(err) != lockstep.Unavailable || wait < row.min ||
				wait > row.max {
				t.Errorf("%s: %s, wait %s: %v", name, lockstep.KindOf(err), wait, err)
			}
		}

		if asked := server.requests(); len(asked) != 2 {
			t.Errorf("%s: asked %v", name, asked)
		}
	}
}
