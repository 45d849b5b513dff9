package git_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/git"
	"github.com/lockstephq/lockstep/internal/provider/providertest"
)

func repository(endpoint string, credential lockstep.Credential) provider.Repository {
	return provider.Repository{
		Link: lockstep.RepositoryLink{OwnerID: "-", RepositoryName: "infra.git", ProviderType: git.Type},
		Access: provider.Access{
			Connection: lockstep.Connection{Name: "test"},
			Host:       &lockstep.Host{Endpoint: endpoint},
			Credential: credential,
		},
	}
}

func open(t testing.TB, d *git.Driver, r provider.Repository) provider.Client {
	t.Helper()
	client, err := d.Open(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestDriverOverHTTP(t *testing.T) {
	for _, credential := range []lockstep.Credential{
		{Kind: lockstep.BasicCredential, Username: "ann", Secret: "s3cret"},
		{Kind: lockstep.TokenCredential, Secret: "t0ken"},
	} {
		t.Run(string(credential.Kind), func(t *testing.T) {
			providertest.Test(t, func(t *testing.T) providertest.Fixture {
				folder := t.TempDir()
				options := gitwiretest.Options{User: credential.Username, Password: credential.Secret}
				if credential.Kind == lockstep.TokenCredential {
					options = gitwiretest.Options{Token: credential.Secret}
				}

				server := gitwiretest.NewServer(t, folder, options)
				network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})
				t.Cleanup(network.Close)
				driver := git.New(git.Options{Network: network})

				return providertest.Fixture{
					Repo: gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")),
					Open: func(t testing.TB, right bool) provider.Client {
						used := credential
						if !right {
							used.Secret = "wr0ng"
						}
						return open(t, driver, repository(server.URL, used))
					},
					Fail: func(status int, header http.Header) { server.Fail(status, header) },
				}
			})
		})
	}
}

// A private server's certificate is its host's, and trusted for that host alone.
func TestAHostsOwnCertificateIsTrustedForThatHost(t *testing.T) {
	folder := t.TempDir()
	sha := gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")).Commit(map[string]string{"a": "1"})
	server := gitwiretest.NewServer(t, folder, gitwiretest.Options{TLS: true})
	driver := overHTTP(t, transport.NetworkOptions{AllowLoopback: true})
	for name, row := range map[string]struct {
		vpc     *lockstep.VPCConfiguration
		own     string
		trusted bool
	}{
		"none":          {nil, "", false},
		"an empty one":  {&lockstep.VPCConfiguration{}, "", false},
		"of its VPC":    {&lockstep.VPCConfiguration{TLSCertificate: certificate(server)}, "", true},
		"its own":       {nil, certificate(server), true},
		"nonsense":      {&lockstep.VPCConfiguration{TLSCertificate: "-----BEGIN NONSENSE-----"}, "", false},
		"its own wrong": {nil, "no certificate", false},
	} {
		r := repository(server.URL, lockstep.Credential{})
		r.Host.VPC, r.Host.OwnCertificate = row.vpc, row.own
		client, err := driver.Open(r)
		var heads map[string]lockstep.SHA
		if err == nil {
			heads, err = client.Heads(t.Context(), []string{"main"})
			client.Close()
		}

		switch {
		case row.trusted && (err != nil || heads["main"] != lockstep.SHA(sha)):
			t.Errorf("%s: %v, %v", name, heads, err)
		case !row.trusted && (lockstep.KindOf(err) != lockstep.Invalid ||
			!strings.Contains(err.Error(), "certificate")):
			t.Errorf("%s: %v, %v; want that the certificate is not accepted", name, heads, err)
		}
	}
}

func certificate(s *gitwiretest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func TestDriverOverSSH(t *testing.T) {
	providertest.Test(t, func(t *testing.T) providertest.Fixture {
		folder := t.TempDir()
		server := gitwiretest.NewSSHServer(t, folder, gitwiretest.SSHOptions{})
		driver := overSSH(t, server.KnownHosts)

		return providertest.Fixture{
			Repo: gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")),
			Open: func(t testing.TB, _ bool) provider.Client {
				key := lockstep.Credential{Kind: lockstep.SSHKeyCredential, Secret: server.Key}
				return open(t, driver, repository("ssh://"+server.Address+"/", key))
			},
		}
	})
}

func overSSH(t testing.TB, knownHosts string) *git.Driver {
	t.Helper()
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, KnownHosts: knownHosts})
	t.Cleanup(network.Close)
	return git.New(git.Options{Network: network})
}

func TestErrorsOverSSHSayWhoHasToAct(t *testing.T) {
	folder := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")).Commit(map[string]string{"a": "1"})
	server := gitwiretest.NewSSHServer(t, folder, gitwiretest.SSHOptions{})
	key := lockstep.Credential{Kind: lockstep.SSHKeyCredential, Secret: server.Key}
	stranger := lockstep.Credential{Kind: lockstep.SSHKeyCredential, Username: "ann", Secret: gitwiretest.NewSSHKey(t)}
	for name, row := range map[string]struct {
		endpoint, knownHosts string
		credential           lockstep.Credential
		want                 lockstep.Kind
		says                 string
	}{
		"wrong key": {
			endpoint:   "ssh://" + server.Address,
			knownHosts: server.KnownHosts,
			credential: stranger,
			want:       lockstep.Denied,
			says:       "ssh://ann@",
		},
		"unknown host": {
			endpoint:   "ssh://" + server.Address,
			credential: key,
			want:       lockstep.Denied,
			says:       "known-hosts",
		},
		"no such place": {
			endpoint:   "ssh://" + server.Address + "/nowhere",
			knownHosts: server.KnownHosts,
			credential: key,
			want:       lockstep.NotFound,
			says:       "128",
		},
		"no key": {
			endpoint:   "ssh://" + server.Address,
			knownHosts: server.KnownHosts,
			credential: lockstep.Credential{
				Kind:   "TOKEN",
				Secret: "canary",
			},
			want: lockstep.Denied,
			says: "--ssh-key",
		},
		"key over http": {
			endpoint:   "https://git.example.com",
			credential: key,
			want:       lockstep.Invalid,
			says:       "ssh://HOST",
		},
		"key is none": {
			endpoint: "ssh://git.example.com",
			credential: lockstep.Credential{
				Kind:   "SSH_KEY",
				Secret: "canary",
			},
			want: lockstep.Invalid,
			says: "not a private key",
		},
		"path of a command": {
			endpoint:   "ssh://git.example.com/a'b",
			credential: key,
			want:       lockstep.Invalid,
			says:       "not sent over SSH",
		},
		"strange user": {
			endpoint: "ssh://git.example.com",
			credential: lockstep.Credential{
				Kind:     "SSH_KEY",
				Username: "-x",
				Secret:   server.Key,
			},
			want: lockstep.Invalid,
			says: "user name",
		},
	} {
		c, err := overSSH(t, row.knownHosts).Open(repository(row.endpoint, row.credential))
		if err == nil {
			_, err = c.Heads(t.Context(), []string{"main"})
			c.Close()
		}

		if lockstep.KindOf(err) != row.want {
			t.Fatalf("%s: got kind %s, want %s: %v", name, lockstep.KindOf(err), row.want, err)
		}

		if !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %q does not contain %q", name, err.Error(), row.says)
		}

		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %q contains %q", name, err.Error(), "canary")
		}
	}
}

func TestEndpointsAreOfAListedScheme(t *testing.T) {
	valid := git.New(git.Options{}).Metadata().CheckEndpoint
	for endpoint, want := range map[string]bool{
		"https://git.example.com":      true,
		"http://git.example.com/x":     true,
		"ssh://git.example.com:2222/x": true,
		"ssh://git.example.com":        true,
		"ssh://git@git.example.com":    false,
		"ssh:///x":                     false,
		"git://git.example.com":        false,
		"ssh://git.example.com?x":      false,
		"file:///x":                    false,
	} {
		if err := valid(endpoint); (err == nil) != want {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestDriverOverLocalFolder(t *testing.T) {
	providertest.Test(t, func(t *testing.T) providertest.Fixture {
		folder := t.TempDir()
		driver := git.New(git.Options{Roots: []string{folder}})
		return providertest.Fixture{
			Repo: gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git")),
			Open: func(t testing.TB, _ bool) provider.Client {
				return open(t, driver, repository("file://"+folder, lockstep.Credential{Kind: lockstep.NoCredential}))
			},
		}
	})
}

func TestAttack04ASiblingOfARootIsOutside(t *testing.T) {
	root := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(root+"-evil", "infra.git"))
	driver := git.New(git.Options{Roots: []string{root}})
	_, err := driver.Open(repository("file://"+root+"-evil", lockstep.Credential{}))
	if lockstep.KindOf(err) != lockstep.Denied {
		t.Errorf("a repository beside the root: %v", err)
	}
}

func TestAttack18ErrorsShowNoCredential(t *testing.T) {
	folder := t.TempDir()
	gitwiretest.NewRepoAt(t, filepath.Join(folder, "infra.git"))
	server := gitwiretest.NewServer(t, folder, gitwiretest.Options{User: "ann", Password: "right"})
	driver := git.New(git.Options{Network: transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})})
	c := open(t, driver, repository(server.URL, lockstep.Credential{
		Kind:     lockstep.BasicCredential,
		Username: "ann",
		Secret:   "canary",
	}))
	_, err := c.Heads(t.Context(), []string{"main"})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error: %v", err)
	}
}

func TestWhatAHostAsksToWaitIsPassedOn(t *testing.T) {
	server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{})
	driver := git.New(git.Options{Network: transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true})})
	c := open(t, driver, repository(server.URL, lockstep.Credential{}))
	for after, want := range map[string]time.Duration{"90": 90 * time.Second, "": 0} {
		server.Fail(http.StatusTooManyRequests, http.Header{"Retry-After": {after}})
		_, err := c.Heads(t.Context(), []string{"main"})
		if lockstep.KindOf(err) != lockstep.Unavailable || provider.RetryAfter(err) != want {
			t.Errorf("asked to wait %q: %s, %v", after, provider.RetryAfter(err), err)
		}
	}
}

func TestARepositoryWithoutHostIsRefused(t *testing.T) {
	r := repository("", lockstep.Credential{})
	r.Host = nil
	if _, err := git.New(git.Options{}).Open(r); lockstep.KindOf(err) != lockstep.Invalid {
		t.Errorf("error: %v", err)
	}
}

// If the network rules forbid the address, the credential is not sent, and the
// error says so.
func TestAnAddressThatIsNotAllowedSaysThatNothingWasShown(t *testing.T) {
	server := gitwiretest.NewServer(t, t.TempDir(), gitwiretest.Options{Token: "t0ken"})
	for loopback, want := range map[bool]bool{true: false, false: true} {
		network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: loopback})
		t.Cleanup(network.Close)
		client := open(t, git.New(git.Options{Network: network}),
			repository(server.URL, lockstep.Credential{Kind: lockstep.TokenCredential, Secret: "wr0ng"}))
		_, err := client.Heads(t.Context(), []string{"main"})
		if lockstep.KindOf(err) != lockstep.Denied || errors.Is(err, provider.ErrCredentialNotSent) != want {
			t.Errorf("loopback allowed %v: %v", loopback, err)
		}
	}
}
