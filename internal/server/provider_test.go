package server_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/server"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// A forge is the driver of a provider type that Lockstep does not have.
type forge struct{ network *transport.Network }

func (forge) Metadata() provider.Metadata {
	return provider.Metadata{Type: "Forge", Name: "Forge", HostEndpoint: provider.HTTP()}
}

func (f forge) Open(repository provider.Repository) (provider.Client, error) {
	url := repository.Host.Endpoint + "/" + repository.Link.Path()
	return gitremote.Open(gitwire.Options{URL: url, Network: f.network})
}

// The driver is all that is new here: the API, the store and the engine take what they know of
// the provider type from its metadata.
func TestANewProviderTypeIsADriverInOneList(t *testing.T) {
	t.Parallel()
	run := serveForge(t)

	folder := t.TempDir()
	repo := gitwiretest.NewRepoAt(t, filepath.Join(folder, "acme", "infra"))
	sha := repo.Commit(map[string]string{
		"topic.yaml":    "template-file-path: template.yaml\n",
		"template.yaml": "Resources: {Topic: {Type: 'AWS::SNS::Topic'}}\n",
	})
	syncedRepository{
		provider: "Forge",
		endpoint: gitwiretest.NewServer(t, folder, gitwiretest.Options{}).URL,
		owner:    "acme",
		name:     "infra",
		stacks:   []string{"web"},
	}.configure(t, run.key, run.url)

	waitForSync(t, apiClient(run.key, run.url), "web", sha)
}

func TestTheGuideToGitHostsHasEachProviderType(t *testing.T) {
	guide, err := os.ReadFile("../../docs/git-hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, metadata := range server.ProviderTypes() {
		if !strings.Contains(string(guide), "`"+string(metadata.Type)+"`") {
			t.Errorf("docs/git-hosts.md does not mention %s", metadata.Type)
		}
	}
}

func TestBitbucketAloneRendersNoHTMLInComments(t *testing.T) {
	for _, metadata := range server.ProviderTypes() {
		if want := metadata.Type != "Bitbucket"; metadata.CommentHTML != want {
			t.Errorf("%s: CommentHTML is %t, want %t", metadata.Type, metadata.CommentHTML, want)
		}
	}
}

func TestATypeWithoutDriverIsRefused(t *testing.T) {
	t.Parallel()
	run := serveForge(t)

	_, err := apiClient(run.key, run.url).CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{
		ConnectionName: aws.String("conn"),
		ProviderType:   "Smithy",
	})
	if err == nil || !strings.Contains(err.Error(), "Member must satisfy enum value set") || !strings.Contains(err.Error(), "Forge") {
		t.Errorf("got %v, want an error that lists the types, Forge among them", err)
	}
}

func TestATypeIsHeldToTheFormOfItsEndpoints(t *testing.T) {
	t.Parallel()
	run := serveForge(t)

	_, err := apiClient(run.key, run.url).CreateHost(t.Context(), &codeconnections.CreateHostInput{
		Name:             aws.String("host"),
		ProviderType:     "Forge",
		ProviderEndpoint: aws.String("ssh://git.example.com"),
	})
	if err == nil || !strings.Contains(err.Error(), "is not https://HOST or http://HOST") {
		t.Errorf("got %v, want an error that shows the form", err)
	}
}

// A forgeServer is a running server with the driver of Forge.
type forgeServer struct {
	url string
	key server.AccessKey
}

func serveForge(t *testing.T) forgeServer {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	dir := t.TempDir()
	database, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "lockstep.db"), db.Schema())
	check(err)
	t.Cleanup(func() { database.Close() })
	sealKey, err := seal.Generate()
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)

	options := server.Options{
		DB:          database,
		SealKey:     sealKey,
		Listeners:   server.Listeners{API: listener, MaxConnections: 100},
		SandboxFile: filepath.Join(dir, "sandbox.db"),
		Network:     transport.NetworkOptions{AllowLoopback: true},
		Polling:     trigger.PollerOptions{Interval: 200 * time.Millisecond},
		Workers:     4,
		Exclusive:   true,
		Log:         slog.New(slog.DiscardHandler),
	}
	options.Target = server.Target{Name: "sandbox", Endpoint: options.Listeners.SandboxURL(), AssumeRoles: true}
	options.Target.Credentials, err = server.SandboxCredentials(t.Context(), database, sealKey)
	check(err)

	running, err := server.Assemble(t.Context(), options, func(network *transport.Network, roots []string) []provider.Driver {
		return append(server.ProviderDrivers(network, roots), forge{network})
	})
	check(err)

	key, err := server.EnsureKey(t.Context(), database, sealKey,
		identity.CreateKeyInput{Account: account, Principal: "me", Role: server.Admin})
	check(err)

	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- running.Run(ctx, func() error { close(ready); return nil }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}

	return forgeServer{url: running.URL(), key: key}
}
