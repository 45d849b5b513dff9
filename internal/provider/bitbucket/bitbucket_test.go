package bitbucket_test

import (
	"encoding/base64"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/bitbucket"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

const canary = "canary-of-a-secret"

// credentials are those that the suites run with, and the user that Git is let in
// with.
func credentials() map[string]lockstep.Credential {
	return map[string]lockstep.Credential{
		"x-token-auth":               {Kind: lockstep.TokenCredential, Secret: canary},
		"x-bitbucket-api-token-auth": {Kind: lockstep.BasicCredential, Username: "ann@example.com", Secret: canary},
		"ann":                        {Kind: lockstep.BasicCredential, Username: "ann", Secret: canary},
	}
}

// A bitbucketServer is a fake Bitbucket with a driver and its credential.
type bitbucketServer struct {
	*bitbucketHost
	server *gitwiretest.Server
	driver *bitbucket.Driver
	right  lockstep.Credential
}

func newBitbucketServer(t testing.TB, user string, credential lockstep.Credential) *bitbucketServer {
	t.Helper()
	authorization := "Bearer " + credential.Secret
	if credential.Kind == lockstep.BasicCredential {
		authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(credential.Username+":"+credential.Secret))
	}

	folder := t.TempDir()
	host := newBitbucketHost(t, gitwiretest.NewRepoAt(t, filepath.Join(folder, "acme", "infra.git")), authorization)
	host.isAccessToken = credential.Kind == lockstep.TokenCredential

	w := &bitbucketServer{bitbucketHost: host, right: credential}
	w.server = gitwiretest.NewServer(t, folder, gitwiretest.Options{
		User:     user,
		Password: credential.Secret,
		Wrap:     host.wrap,
	})
	host.url = w.server.URL
	w.driver = newDriver(t, w.server.URL, transport.NetworkOptions{AllowLoopback: true})

	return w
}

func newDriver(t testing.TB, url string, o transport.NetworkOptions) *bitbucket.Driver {
	t.Helper()
	network := transport.NewNetwork(o)
	t.Cleanup(network.Close)
	return bitbucket.New(bitbucket.Options{Network: network, API: url + "/2.0/", Git: url + "/"})
}

// newOAuthServer returns a server for an OAuth credential, which most tests use.
func newOAuthServer(t testing.TB) *bitbucketServer {
	t.Helper()
	return newBitbucketServer(t, "x-token-auth", lockstep.Credential{Kind: lockstep.OAuthCredential, Secret: canary})
}

func (w *bitbucketServer) open(t testing.TB, right bool) provider.Client {
	t.Helper()
	credential := w.right
	if !right {
		credential.Secret = "another-secret"
	}
	return open(t, w.driver, credential)
}

func open(t testing.TB, d *bitbucket.Driver, c lockstep.Credential) provider.Client {
	t.Helper()
	client, err := d.Open(repository("acme", "infra", c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func repository(owner, name string, c lockstep.Credential) provider.Repository {
	return provider.Repository{
		Link:   lockstep.RepositoryLink{OwnerID: owner, RepositoryName: name, ProviderType: bitbucket.Type},
		Access: provider.Access{Connection: lockstep.Connection{Name: "test"}, Credential: c},
	}
}

func TestDriverReads(t *testing.T) {
	for user, c := range credentials() {
		t.Run(user, func(t *testing.T) {
			providertest.Test(t, func(t *testing.T) providertest.Fixture {
				w := newBitbucketServer(t, user, c)
				return providertest.Fixture{Repo: w.Repo, Open: w.open, Fail: w.server.Fail}
			})
		})
	}
}

func TestDriverReports(t *testing.T) {
	for user, c := range credentials() {
		t.Run(user, func(t *testing.T) {
			providertest.TestCapabilities(t, func(t *testing.T) providertest.CapabilityFixture {
				w := newBitbucketServer(t, user, c)
				return providertest.CapabilityFixture{
					Host:        w,
					Repo:        w.Repo,
					Open:        w.open,
					Fail:        w.Fail,
					OneProgress: true,
				}
			})
		})
	}
}

func TestAPublicRepositoryIsReadWithoutACredential(t *testing.T) {
	folder := t.TempDir()
	sha := gitwiretest.NewRepoAt(t, filepath.Join(folder, "acme", "infra.git")).Commit(map[string]string{"a": "1"})
	server := gitwiretest.NewServer(t, folder, gitwiretest.Options{})
	d := newDriver(t, server.URL, transport.NetworkOptions{AllowLoopback: true})
	heads, err := open(t, d, lockstep.Credential{Kind: lockstep.NoCredential}).Heads(t.Context(), []string{"main"})
	if diff := cmp.Diff(map[string]lockstep.SHA{"main": lockstep.SHA(sha)}, heads); err != nil || diff != "" {
		t.Errorf("%v, want -, got +:\n%s", err, diff)
	}
}

func TestWhatIsNoRepositoryOfBitbucketIsRefused(t *testing.T) {
	driver := bitbucket.New(bitbucket.Options{})
	token := lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary}
	for _, path := range [][2]string{{"-", "infra"}, {"acme/sub", "infra"}, {"", "infra"}, {"acme", ""}} {
		if _, err := driver.Open(repository(path[0], path[1], token)); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%q: %v", path, err)
		}
	}

	r := repository("acme", "infra", token)
	r.Host = &lockstep.Host{Endpoint: "https://bitbucket.example.com"}
	if _, err := driver.Open(r); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("a host: %v", err)
	}

	for _, kind := range []lockstep.CredentialKind{lockstep.SSHKeyCredential, lockstep.AppCredential} {
		if _, err := driver.Open(repository("acme", "infra",
			lockstep.Credential{Kind: kind, Secret: canary})); lockstep.KindOf(err) != lockstep.Invalid {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestApplicationsAreLetInAtBitbucketItself(t *testing.T) {
	driver := bitbucket.New(bitbucket.Options{})
	want := provider.OAuthEndpoints{
		AuthURL:  "https://bitbucket.org/site/oauth2/authorize",
		TokenURL: "https://bitbucket.org/site/oauth2/access_token",
	}
	got, err := driver.OAuthEndpoints(nil)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, want -, got +:\n%s", err, diff)
	}
	if _, err := driver.OAuthEndpoints(&lockstep.Host{}); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("at a host: %v", err)
	}
}
