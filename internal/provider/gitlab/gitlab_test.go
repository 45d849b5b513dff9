package gitlab_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitlab"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

// canary is the secret of all credentials here.
const canary = "glpat-canary-of-a-token"

var (
	token = lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary}
	basic = lockstep.Credential{Kind: lockstep.BasicCredential, Username: "project_42_bot", Secret: canary}
	oauth = lockstep.Credential{Kind: lockstep.OAuthCredential, Secret: canary}
	none  = lockstep.Credential{Kind: lockstep.NoCredential}
)

// network reaches this machine.
func network(t testing.TB) *transport.Network {
	t.Helper()
	n := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
	t.Cleanup(n.Close)
	return n
}

// drivers returns both, as ways to reach a GitLab at an address.
func drivers() map[lockstep.ProviderType]func(t testing.TB, url string) (*gitlab.Driver, *lockstep.Host) {
	return map[lockstep.ProviderType]func(t testing.TB, url string) (*gitlab.Driver, *lockstep.Host){
		gitlab.Type: func(t testing.TB, url string) (*gitlab.Driver, *lockstep.Host) {
			return gitlab.New(gitlab.Options{Network: network(t), URL: url}), nil
		},
		gitlab.SelfManagedType: func(t testing.TB, url string) (*gitlab.Driver, *lockstep.Host) {
			return gitlab.New(gitlab.Options{
				SelfManaged: true,
				Network:     network(t),
			}), &lockstep.Host{Endpoint: url + "/"}
		},
	}
}

// repository is the fake's project.
func repository(host *lockstep.Host, credential lockstep.Credential) provider.Repository {
	owner, name, _ := strings.Cut(project, "/infra")
	return provider.Repository{
		Link:   lockstep.RepositoryLink{OwnerID: owner, RepositoryName: "infra" + name},
		Access: provider.Access{Connection: lockstep.Connection{Name: "test"}, Host: host, Credential: credential},
	}
}

func open(t testing.TB, d *gitlab.Driver, r provider.Repository) providertest.FullClient {
	t.Helper()
	client, err := d.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client.(providertest.FullClient)
}

// fakeFor starts a GitLab that takes a credential.
func fakeFor(t testing.TB, credential lockstep.Credential) *fake {
	t.Helper()
	server := newFake(t, gitwiretest.Options{})
	server.users[canary] = 7
	server.login = "oauth2"
	switch credential.Kind {
	case lockstep.BasicCredential:
		server.login = credential.Username
	case lockstep.NoCredential:
		server.public = true
	}
	return server
}

// meet starts a GitLab and opens the project with the token.
func meet(t testing.TB) (*fake, providertest.FullClient) {
	t.Helper()
	f := fakeFor(t, token)
	d, h := drivers()[gitlab.Type](t, f.URL)
	return f, open(t, d, repository(h, token))
}

// wrong returns an invalid credential of the same kind.
func wrong(credential lockstep.Credential) lockstep.Credential {
	if credential.Kind == lockstep.NoCredential {
		credential.Kind = lockstep.TokenCredential
	}
	credential.Secret = "glpat-wrong"
	return credential
}

func TestDriversReadWithEveryKindOfCredential(t *testing.T) {
	for kind, reach := range drivers() {
		for _, credential := range []lockstep.Credential{token, basic, oauth, none} {
			t.Run(string(kind)+" "+string(credential.Kind), func(t *testing.T) {
				providertest.Test(t, func(t *testing.T) providertest.Fixture {
					server := fakeFor(t, credential)
					driver, host := reach(t, server.URL)
					if driver.Metadata().Type != kind {
						t.Errorf("type %s", driver.Metadata().Type)
					}

					return providertest.Fixture{
						Repo: server.repo,
						Open: func(t testing.TB, right bool) provider.Client {
							used := credential
							if !right {
								used = wrong(credential)
							}
							return open(t, driver, repository(host, used))
						},
						Fail: func(status int, header http.Header) { server.git.Fail(status, header) },
					}
				})
			})
		}
	}
}

func TestDriversReportWithEveryKindOfCredential(t *testing.T) {
	for kind, reach := range drivers() {
		for _, credential := range []lockstep.Credential{token, basic, oauth} {
			t.Run(string(kind)+" "+string(credential.Kind), func(t *testing.T) {
				providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
					server := fakeFor(t, credential)
					driver, host := reach(t, server.URL)
					return providertest.CapabilityFixture{
						Host: server, Repo: server.repo,
						Open: func(t testing.TB, right bool) provider.Client {
							used := credential
							if !right {
								used = wrong(credential)
							}
							return open(t, driver, repository(host, used))
						},
						Fail: func(status int, header http.Header) {
							server.mu.Lock()
							defer server.mu.Unlock()
							server.status, server.header = status, header
						},
					}
				})
			})
		}
	}
}

// everything uses each capability once and returns the errors.
func everything(t testing.TB, client providertest.FullClient) map[string]error {
	t.Helper()
	status := provider.CommitStatus{
		SHA:         lockstep.SHA(strings.Repeat("12", 20)),
		Branch:      "main",
		Environment: "1/x",
		State:       provider.CommitSucceeded,
	}
	errs := map[string]error{}
	_, errs["status"] = client.ReportStatus(t.Context(), status, nil)
	_, errs["pull requests"] = client.PullRequests(t.Context(), "main")
	_, errs["comment"] = client.PutComment(t.Context(), provider.PullRequest{Number: 1}, provider.Comment{
		Marker: "m",
		Body:   "m",
	})
	_, errs["edited comment"] = client.PutComment(t.Context(), provider.PullRequest{Number: 1}, provider.Comment{
		ID:     "5",
		Marker: "m",
		Body:   "m",
	})
	_, errs["proposal"] = client.Propose(t.Context(), provider.Proposal{
		Base:    "main",
		BaseSHA: status.SHA,
		Branch:  "b",
		Files:   []provider.ProposedFile{{Path: "a"}},
	})
	errs["webhook"] = client.RegisterWebhook(t.Context(), "https://lockstep.example.com/w", hookSecret)
	errs["webhook's end"] = client.RemoveWebhook(t.Context(), "https://lockstep.example.com/w")
	return errs
}

func TestWithoutACredentialNothingButReadingIsTried(t *testing.T) {
	server := fakeFor(t, none)
	d, h := drivers()[gitlab.SelfManagedType](t, server.URL)
	for what, err := range everything(t, open(t, d, repository(h, none))) {
		if lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	if asked := server.asked(); asked != nil {
		t.Errorf("the API was asked %q", asked)
	}
}

func TestAHostsOwnCertificateIsTrustedForAllOfIt(t *testing.T) {
	server := newFake(t, gitwiretest.Options{TLS: true})
	server.users[canary], server.login = 7, "oauth2"
	sha := lockstep.SHA(server.repo.Commit(map[string]string{"a": "1"}))
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.git.Certificate().Raw}))
	status := provider.CommitStatus{SHA: sha, Branch: "main", Environment: "1/x", State: provider.CommitRunning}
	for given, want := range map[string]bool{certificate: true, "": false} {
		driver, host := drivers()[gitlab.SelfManagedType](t, server.URL)
		host.VPC = &lockstep.VPCConfiguration{TLSCertificate: given}
		c := open(t, driver, repository(host, token))
		heads, read := c.Heads(t.Context(), []string{"main"})
		_, reported := c.ReportStatus(t.Context(), status, nil)
		if (read == nil && heads["main"] == sha) != want || (reported == nil) != want {
			t.Errorf("with a certificate of %d bytes: %v, %v", len(given), read, reported)
		}
	}

	driver, host := drivers()[gitlab.SelfManagedType](t, server.URL)
	host.VPC = &lockstep.VPCConfiguration{TLSCertificate: "no PEM"}
	if _, err := driver.Open(repository(host, token)); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a certificate that is none: %v", err)
	}
}

func TestWhatCannotBeOpenedIsSaidAtOnce(t *testing.T) {
	managed := gitlab.New(gitlab.Options{SelfManaged: true, Network: network(t)})
	for name, row := range map[string]struct {
		host *lockstep.Host
		c    lockstep.Credential
	}{
		"no host":           {nil, token},
		"over SSH":          {&lockstep.Host{Endpoint: "ssh://gitlab.example.com"}, token},
		"a user in the URL": {&lockstep.Host{Endpoint: "https://ann@gitlab.example.com"}, token},
		"a private key": {&lockstep.Host{Endpoint: "https://gitlab.example.com"}, lockstep.Credential{
			Kind:   lockstep.SSHKeyCredential,
			Secret: canary,
		}},
		"an application": {&lockstep.Host{Endpoint: "https://gitlab.example.com"}, lockstep.Credential{
			Kind:   lockstep.AppCredential,
			Secret: canary,
		}},
	} {
		_, err := managed.Open(repository(row.host, row.c))
		if lockstep.KindOf(err) != lockstep.Invalid || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}

	if _, err := gitlab.New(gitlab.Options{}).Open(repository(&lockstep.Host{Endpoint: "https://gitlab.example.com"},
		token)); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("gitlab.com at a host: %v", err)
	}

	err := gitlab.New(gitlab.Options{}).Metadata().CheckEndpoint("https://gitlab.com")
	if lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a host of gitlab.com: %v", err)
	}
}

func TestEndpointsAreOfHTTP(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"https://gitlab.example.com":            true,
		"http://gitlab.example.com:8080/gitlab": true,
		"https://gitlab.example.com/":           true,
		"ssh://git@gitlab.example.com":          false,
		"file:///srv/git":                       false,
		"https://":                              false,
		"gitlab.example.com":                    false,
		"https://ann:x@gitlab.example.com":      false,
		"https://gitlab.example.com?x=1":        false,
		"https://gitlab.example.com#x":          false,
		"https://%zz":                           false,
	} {
		err := gitlab.New(gitlab.Options{SelfManaged: true}).Metadata().CheckEndpoint(endpoint)
		if (err == nil) != want {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestApplicationsAreLetInAtTheHost(t *testing.T) {
	got, err := gitlab.New(gitlab.Options{}).OAuthEndpoints(nil)
	want := provider.OAuthEndpoints{
		AuthURL:  "https://gitlab.com/oauth/authorize",
		TokenURL: "https://gitlab.com/oauth/token",
		Scopes:   []string{"api"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}

	managed := gitlab.New(gitlab.Options{SelfManaged: true})
	got, err = managed.OAuthEndpoints(&lockstep.Host{Endpoint: "https://gitlab.example.com/gitlab/"})
	if err != nil || got.TokenURL != "https://gitlab.example.com/gitlab/oauth/token" {
		t.Errorf("%+v, %v", got, err)
	}

	if _, err = managed.OAuthEndpoints(nil); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("without a host: %v", err)
	}
}

func TestAttack16OnlyAllowedAddressesAreAsked(t *testing.T) {
	server := fakeFor(t, token)
	closed := transport.NewNetwork(transport.NetworkOptions{})
	defer closed.Close()

	driver := gitlab.New(gitlab.Options{SelfManaged: true, Network: closed})
	r := repository(&lockstep.Host{Endpoint: server.URL}, token)
	errs := everything(t, open(t, driver, r))
	errs["check"] = driver.Check(t.Context(), r.Access)
	_, errs["heads"] = open(t, driver, r).Heads(t.Context(), []string{"main"})

	for what, err := range errs {
		if lockstep.KindOf(err) != lockstep.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}

	if asked := server.asked(); asked != nil {
		t.Errorf("was asked %q", asked)
	}
}

func TestAttack17TheCredentialStaysAtTheHost(t *testing.T) {
	stolen := ""
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Authorization", "Private-Token"} {
			stolen += r.Header.Get(name)
		}
	}))

	defer other.Close()

	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer host.Close()

	for _, credential := range []lockstep.Credential{token, basic, oauth} {
		driver, h := drivers()[gitlab.SelfManagedType](t, host.URL)
		r := repository(h, credential)
		errs := everything(t, open(t, driver, r))
		errs["check"] = driver.Check(t.Context(), r.Access)
		_, errs["heads"] = open(t, driver, r).Heads(t.Context(), []string{"main"})

		for what, err := range errs {
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("%s %s: %v", credential.Kind, what, err)
			}
		}
	}

	if stolen != "" {
		t.Errorf("another origin was shown %q", stolen)
	}
}

func TestAttack18ErrorsShowNoSecretThatTheHostRepeats(t *testing.T) {
	quoted := fmt.Sprintf(`{"message":{"it is":["%s","%s"]},"id":"%[1]s","sha":5,"created_at":"%[1]s"}`, canary,
		hookSecret)
	for _, status := range []int{200, 201, 302, 400, 401, 403, 404, 409, 422, 429, 500} {
		for _, body := range []string{quoted, "it is " + canary + " and " + hookSecret, `"` + canary + `"`} {
			host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/hooks") { // so that the secret is sent
					_, _ = w.Write([]byte("[]"))
					return
				}
				if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/infra") {
					_, _ = w.Write([]byte(`{"id":4711}`))
					return
				}

				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}))

			driver, h := drivers()[gitlab.SelfManagedType](t, host.URL)
			r := repository(h, token)
			errs := everything(t, open(t, driver, r))
			errs["check"] = driver.Check(t.Context(), r.Access)
			_, errs["heads"] = open(t, driver, r).Heads(t.Context(), []string{"main"})

			for what, err := range errs {
				// The webhook's secret is a secret of the call that sends it.
				if err != nil && (strings.Contains(err.Error(), canary) ||
					what == "webhook" && strings.Contains(err.Error(), hookSecret)) {
					t.Errorf("%d %s: %v", status, what, err)
				}
			}

			if status >= 400 && errs["status"] == nil {
				t.Errorf("%d: no error", status)
			}

			host.Close()
		}
	}
}

func TestAttack19NothingThatIsPrintedHoldsTheCredential(t *testing.T) {
	d, h := drivers()[gitlab.SelfManagedType](t, "https://gitlab.example.com")
	c := open(t, d, repository(h, token))
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(format, c) + fmt.Sprintf(format, d); strings.Contains(text, canary) {
			t.Errorf("%s: %s", format, text)
		}
	}
}

// FuzzAnswers has the API answer anything to everything.
func FuzzAnswers(f *testing.F) {
	names, err := testdata.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}

	for _, n := range names {
		text, err := testdata.ReadFile("testdata/" + n.Name())
		if err != nil {
			f.Fatal(err)
		}

		f.Add(200, text)
		f.Add(201, append(append([]byte("["), text...), ']'))
	}

	for _, text := range []string{"null", "[null]", "[[]]", "{}", `[{"author":null}]`, ""} {
		f.Add(200, []byte(text))
		f.Add(400, []byte(text))
	}

	f.Fuzz(func(t *testing.T, status int, answer []byte) {
		if status < 200 || status > 599 {
			t.Skip()
		}

		host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write(answer)
		}))
		defer host.Close()

		d, h := drivers()[gitlab.SelfManagedType](t, host.URL)
		for what, err := range everything(t, open(t, d, repository(h, token))) {
			if err != nil && lockstep.KindOf(err) == lockstep.Internal {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
