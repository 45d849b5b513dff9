package cli_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

const linkUUID = "01234567-89ab-cdef-0123-456789abcdef"

// A configured is a fake with one link and what has been configured for it.
type configured struct {
	*fake
	mu            sync.Mutex
	all           []wire.SyncConfiguration
	running, most int
	refuse        func(n int) error // the nth creation, from 1
	creations     int
}

func newConfigured(t testing.TB) *configured {
	t.Helper()
	c := &configured{fake: newFake(t), refuse: func(int) error { return nil }}
	on(c.fake, "ListHosts", func(*wire.ListHostsInput) (*wire.ListHostsOutput, error) { return &wire.ListHostsOutput{}, nil })
	on(c.fake, "ListConnections", func(*wire.ListConnectionsInput) (*wire.ListConnectionsOutput, error) {
		return &wire.ListConnectionsOutput{}, nil
	})
	on(c.fake, "ListRepositoryLinks", func(*wire.ListRepositoryLinksInput) (*wire.ListRepositoryLinksOutput, error) {
		return &wire.ListRepositoryLinksOutput{RepositoryLinks: []wire.RepositoryLinkInfo{{OwnerId: "acme", RepositoryName: "infra", ProviderType: "Git",
			RepositoryLinkId: linkUUID, RepositoryLinkArn: "arn:aws:codeconnections:us-east-1:111122223333:repository-link/" + linkUUID,
			ConnectionArn: "arn:aws:codeconnections:us-east-1:111122223333:connection/x"}}}, nil
	})

	on(c.fake, "ListSyncConfigurations", c.list)
	on(c.fake, "CreateSyncConfiguration", c.create)
	return c
}

func (c *configured) list(in *wire.ListSyncConfigurationsInput) (*wire.ListSyncConfigurationsOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from, _ := strconv.Atoi(in.NextToken) // "" is 0
	to := min(from+*in.MaxResults, len(c.all))
	out := &wire.ListSyncConfigurationsOutput{SyncConfigurations: c.all[from:to]}
	if to < len(c.all) {
		out.NextToken = strconv.Itoa(to)
	}
	return out, nil
}

func (c *configured) create(in *wire.CreateSyncConfigurationInput) (*wire.CreateSyncConfigurationOutput, error) {
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

	made := wire.SyncConfiguration{Branch: in.Branch, ConfigFile: in.ConfigFile, OwnerId: "acme", ProviderType: "Git", RepositoryLinkId: in.RepositoryLinkId,
		RepositoryName: "infra", ResourceName: in.ResourceName, RoleArn: in.RoleArn, SyncType: in.SyncType}
	c.all = append(c.all, made)
	return &wire.CreateSyncConfigurationOutput{SyncConfiguration: made}, nil
}

// thousand is a file of as many configurations.
func thousand(t testing.TB) (file string, names []string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("configurations:\n")
	for i := range 1000 {
		name := fmt.Sprintf("stack%04d", i)
		names = append(names, name)
		fmt.Fprintf(&text, "- {resource: %s, link: acme/infra, branch: main, file: f, role: 'arn:aws:iam::111122223333:role/deploy'}\n", name)
	}
	file = filepath.Join(t.TempDir(), "fleet.yaml")
	write(t, file, text.String())
	return file, names
}

func (c *configured) resources() []string {
	var names []string
	for _, cfg := range c.all {
		names = append(names, cfg.ResourceName)
	}
	slices.Sort(names)
	return names
}

func TestAThousandConfigurationsAreAppliedAFewAtATime(t *testing.T) {
	c := newConfigured(t)
	c.refuse = func(n int) error {
		if n == 500 {
			return exception("ThrottlingException", "Rate exceeded.")
		}
		return nil
	}

	file, names := thousand(t)
	r := run(t, c.env(), "apply", "-f", file).ok(t)
	if !strings.HasSuffix(r.stdout, "\n1000 created, 0 changed, 0 deleted, 0 as they were.\n") || strings.Count(r.stdout, "\n") != 1001 {
		t.Errorf("stdout ends %q", r.stdout[max(0, len(r.stdout)-200):])
	}

	if diff := cmp.Diff(names, c.resources()); diff != "" {
		t.Errorf("configured (-want +got):\n%s", diff)
	}

	if c.most > 8 || c.creations != 1001 {
		t.Errorf("%d creations, up to %d at once", c.creations, c.most)
	}

	if r := run(t, c.env(), "apply", "-f", file, "--prune").ok(t); r.stdout != "0 created, 0 changed, 0 deleted, 1000 as they were.\n" {
		t.Errorf("applied again: %s", r.stdout)
	}
}

func TestApplyGoesOnAfterAFailure(t *testing.T) {
	c := newConfigured(t)
	c.refuse = func(n int) error {
		if n == 300 {
			return exception("InvalidInputException", "Not this one.")
		}
		return nil
	}

	file, names := thousand(t)
	r := run(t, c.env(), "apply", "-f", file)
	done := strings.Count(r.stdout, "created configuration ")
	said := fmt.Sprintf("lockstep: %d done, 1 failed, %d not tried.\n  What was done stays. Applying again goes on from here.\n", done, 999-done)
	if r.code != 1 || done < 299 || done > 400 || len(c.all) != done || !strings.HasSuffix(r.stderr, said) ||
		!strings.Contains(r.stderr, ": InvalidInputException: Not this one.") {
		t.Errorf("exit code %d, %d of %d told, stderr %s", r.code, done, len(c.all), r.stderr)
	}

	r = run(t, c.env(), "apply", "-f", file).ok(t)
	if want := fmt.Sprintf("\n%d created, 0 changed, 0 deleted, %d as they were.\n", 1000-done, done); !strings.HasSuffix(r.stdout, want) {
		t.Errorf("stdout ends %q, want %q", r.stdout[max(0, len(r.stdout)-200):], want)
	}

	if diff := cmp.Diff(names, c.resources()); diff != "" {
		t.Errorf("configured (-want +got):\n%s", diff)
	}
}

func TestADryRunAsksForNothingToBeChanged(t *testing.T) {
	c := newConfigured(t)
	file, _ := thousand(t)
	r := run(t, c.env(), "apply", "-f", file, "--dry-run").ok(t)
	if !strings.HasPrefix(r.stdout, "would create configuration stack0000\nwould create configuration stack0001\n") ||
		!strings.HasSuffix(r.stdout, "\n1000 to create, 0 to change, 0 to delete, 0 as they are. Nothing was done.\n") || c.creations != 0 {
		t.Errorf("%d creations, stdout begins %q", c.creations, r.stdout[:100])
	}
}

func TestAFileFromStandardInputIsCalledSo(t *testing.T) {
	c := newConfigured(t)
	r := runWith(t, t.Context(), c.env(), "hosts: []\nsecrets: hunter2\n", "apply", "-f", "-")
	r.refused(t, 1, "nothing was changed:\nstandard input:2:1: no secret belongs into this file: remove \"secrets\"")
	if strings.Contains(r.stderr, "hunter2") {
		t.Errorf("a secret is shown: %s", r.stderr)
	}
}
