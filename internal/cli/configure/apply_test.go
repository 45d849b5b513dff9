package configure_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

const linkUUID = "01234567-89ab-cdef-0123-456789abcdef"

// A manifestServer has one link and its sync configurations.
type manifestServer struct {
	*clitest.Server
	mu            sync.Mutex
	all           []wire.SyncConfiguration
	running, most int               // requests at once
	refuse        func(n int) error // returns the error of the nth creation, from 1
	creations     int
}

func TestMain(m *testing.M) { clitest.Main(m) }

func newManifestServer(t testing.TB) *manifestServer {
	t.Helper()
	server := &manifestServer{Server: clitest.NewServer(t), refuse: func(int) error { return nil }}
	clitest.HandleAWS(server.Server, "ListHosts",
		func(*wire.ListHostsInput) (*wire.ListHostsOutput, error) { return &wire.ListHostsOutput{}, nil })
	clitest.HandleAWS(server.Server, "ListConnections",
		func(*wire.ListConnectionsInput) (*wire.ListConnectionsOutput, error) {
			return &wire.ListConnectionsOutput{}, nil
		})
	clitest.HandleAWS(server.Server, "ListRepositoryLinks",
		func(*wire.ListRepositoryLinksInput) (*wire.ListRepositoryLinksOutput, error) {
			return &wire.ListRepositoryLinksOutput{RepositoryLinks: []wire.RepositoryLinkInfo{{
				OwnerId:           "acme",
				RepositoryName:    "infra",
				ProviderType:      "Git",
				RepositoryLinkId:  linkUUID,
				RepositoryLinkArn: "arn:aws:codeconnections:us-east-1:111122223333:repository-link/" + linkUUID,
				ConnectionArn:     "arn:aws:codeconnections:us-east-1:111122223333:connection/x",
			}}}, nil
		})

	clitest.HandleAWS(server.Server, "ListSyncConfigurations", server.list)
	clitest.HandleAWS(server.Server, "CreateSyncConfiguration", server.create)
	return server
}

func (c *manifestServer) list(request *wire.ListSyncConfigurationsInput) (*wire.ListSyncConfigurationsOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, _ := strconv.Atoi(request.NextToken) // "" is 0
	to := min(from+*request.MaxResults, len(c.all))
	out := &wire.ListSyncConfigurationsOutput{SyncConfigurations: c.all[from:to]}
	if to < len(c.all) {
		out.NextToken = strconv.Itoa(to)
	}
	return out, nil
}

func (c *manifestServer) create(
	request *wire.CreateSyncConfigurationInput,
) (*wire.CreateSyncConfigurationOutput, error) {
	c.mu.Lock()
	c.running++
	c.most = max(c.most, c.running)
	c.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()

	c.running--
	c.creations++
	if err := c.refuse(c.creations); err != nil {
		return nil, err
	}

	made := wire.SyncConfiguration{
		Branch:           request.Branch,
		ConfigFile:       request.ConfigFile,
		OwnerId:          "acme",
		ProviderType:     "Git",
		RepositoryLinkId: request.RepositoryLinkId,
		RepositoryName:   "infra",
		ResourceName:     request.ResourceName,
		RoleArn:          request.RoleArn,
		SyncType:         request.SyncType,
	}
	c.all = append(c.all, made)
	return &wire.CreateSyncConfigurationOutput{SyncConfiguration: made}, nil
}

// thousand returns a manifest of a thousand sync configurations, and their names.
func thousand(t testing.TB) (file string, names []string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("configurations:\n")
	for i := range 1000 {
		name := fmt.Sprintf("stack%04d", i)
		names = append(names, name)
		fmt.Fprintf(&text, "- {resource: %s, link: acme/infra, branch: main, file: f, role: "+
			"'arn:aws:iam::111122223333:role/deploy'}\n", name)
	}
	file = filepath.Join(t.TempDir(), "lockstep.yaml")
	clitest.WriteFile(t, file, text.String())
	return file, names
}

func (c *manifestServer) resources() []string {
	var names []string
	for _, cfg := range c.all {
		names = append(names, cfg.ResourceName)
	}
	slices.Sort(names)
	return names
}

func TestAThousandConfigurationsAreAppliedAFewAtATime(t *testing.T) {
	server := newManifestServer(t)
	server.refuse = func(n int) error {
		if n == 500 {
			return clitest.Exception("ThrottlingException", "Rate exceeded.")
		}
		return nil
	}

	file, names := thousand(t)
	result := clitest.Run(t, server.Env(), "apply", "-f", file).OK(t)
	if !strings.HasSuffix(result.Stdout, "\n1000 created, 0 changed, 0 deleted, 0 unchanged.\n") ||
		strings.Count(result.Stdout, "\n") != 1001 {
		t.Errorf("stdout ends %q", result.Stdout[max(0, len(result.Stdout)-200):])
	}

	if diff := cmp.Diff(names, server.resources()); diff != "" {
		t.Errorf("configured (-want +got):\n%s", diff)
	}

	if server.most > 8 || server.creations != 1001 {
		t.Errorf("%d creations, up to %d at once", server.creations, server.most)
	}

	result = clitest.Run(t, server.Env(), "apply", "-f", file, "--prune").OK(t)
	if result.Stdout != "0 created, 0 changed, 0 deleted, 1000 unchanged.\n" {
		t.Errorf("applied again: %s", result.Stdout)
	}
}

func TestApplyContinuesAfterAFailure(t *testing.T) {
	server := newManifestServer(t)
	server.refuse = func(n int) error {
		if n == 300 {
			return clitest.Exception("InvalidInputException", "Not this one.")
		}
		return nil
	}

	file, names := thousand(t)
	result := clitest.Run(t, server.Env(), "apply", "-f", file)
	done := strings.Count(result.Stdout, "created configuration ")
	wantError := fmt.Sprintf("lockstep: %d done, 1 failed, %d not started.\n  Correct the cause and apply again: "+
		"completed steps are kept.\n", done, 999-done)
	if result.Code != 1 {
		t.Errorf("exit code %d, want 1", result.Code)
	}
	if want := ": InvalidInputException: Not this one."; !strings.Contains(result.Stderr, want) {
		t.Errorf("stderr is %q, want %q in it", result.Stderr, want)
	}
	if done < 299 || done > 400 {
		t.Errorf("%d creations were printed, want 299 to 400", done)
	}
	if len(server.all) != done {
		t.Errorf("%d creations were printed, %d done", done, len(server.all))
	}
	if !strings.HasSuffix(result.Stderr, wantError) {
		t.Errorf("stderr is %q, want it to end %q", result.Stderr, wantError)
	}

	result = clitest.Run(t, server.Env(), "apply", "-f", file).OK(t)
	want := fmt.Sprintf("\n%d created, 0 changed, 0 deleted, %d unchanged.\n", 1000-done, done)
	if !strings.HasSuffix(result.Stdout, want) {
		t.Errorf("stdout ends %q, want %q", result.Stdout[max(0, len(result.Stdout)-200):], want)
	}

	if diff := cmp.Diff(names, server.resources()); diff != "" {
		t.Errorf("configured (-want +got):\n%s", diff)
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	server := newManifestServer(t)
	file, _ := thousand(t)
	result := clitest.Run(t, server.Env(), "apply", "-f", file, "--dry-run").OK(t)
	const begin = "would create configuration stack0000\nwould create configuration stack0001\n"
	if !strings.HasPrefix(result.Stdout, begin) {
		t.Errorf("stdout begins %q, want %q", result.Stdout[:min(len(result.Stdout), 100)], begin)
	}
	const end = "\n1000 to create, 0 to change, 0 to delete, 0 unchanged. Nothing was done.\n"
	if !strings.HasSuffix(result.Stdout, end) {
		t.Errorf("stdout ends %q, want %q", result.Stdout[max(0, len(result.Stdout)-100):], end)
	}
	if server.creations != 0 {
		t.Errorf("%d creations, want none", server.creations)
	}
}

func TestErrorsOfStandardInputNameIt(t *testing.T) {
	server := newManifestServer(t)
	result := clitest.RunWith(t, t.Context(), server.Env(), "hosts: []\nsecrets: hunter2\n", "apply", "-f", "-")
	result.Fails(t, 1, "nothing was changed:\nstandard input:2:1: a manifest must not contain secrets: "+
		"remove \"secrets\"")
	if strings.Contains(result.Stderr, "hunter2") {
		t.Errorf("a secret is shown: %s", result.Stderr)
	}
}
