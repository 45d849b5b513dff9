package cli_test

import (
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/wire"
)

func TestHostsAreMadeMovedAndDeleted(t *testing.T) {
	i := newInstallation(t)
	if out := i.run(t, "host", "list").ok(t).stdout; !strings.Contains(out, "There is no host yet.") {
		t.Errorf("host list prints %q", out)
	}

	if out := i.run(t, "host", "list", "-o", "json").ok(t).stdout; out != "{\n  \"Hosts\": []\n}\n" {
		t.Errorf("host list prints %q", out)
	}

	i.run(t, "host", "create", "acme", "--endpoint", "https://git.example.com").ok(t)
	i.run(t, "host", "update", "acme", "--endpoint", "https://new.example.com").ok(t)
	if out := i.run(t, "host", "list").ok(t).stdout; !strings.Contains(out, "acme  Git       AVAILABLE  https://new.example.com  arn:aws:codeconnections:") {
		t.Errorf("host list prints:\n%s", out)
	}

	i.run(t, "connect", "acme", "--provider", "Git", "--none").ok(t)
	i.run(t, "host", "delete", "acme").refused(t, 1, "ResourceUnavailableException")
	if out := i.run(t, "connect", "show", "acme").ok(t).stdout; !strings.Contains(out, "Status      AVAILABLE\n") {
		t.Errorf("connect show prints:\n%s", out)
	}

	i.run(t, "connect", "delete", "acme").ok(t)
	if out := i.run(t, "connect", "list").ok(t).stdout; !strings.Contains(out, "There is no connection yet.") {
		t.Errorf("connect list prints %q", out)
	}

	i.run(t, "connect", "delete", "acme").refused(t, 1, "There is no connection acme; there is none at all.")
	i.run(t, "host", "create", "acme", "--endpoint", "https://git.example.com").ok(t)
	i.run(t, "host", "delete", "acme").refused(t, 1, "There are 2 hosts acme.", "arn:aws:codeconnections:")
}

func TestLinksAndConfigurationsAreChanged(t *testing.T) {
	i := newInstallation(t)
	for _, name := range []string{"one", "two"} {
		i.run(t, "connect", name, "--provider", "Git", "--endpoint", "https://git.example.com", "--none").ok(t)
	}

	i.run(t, "link", "create", "--connection", "one", "--repository", "acme/infra").ok(t)
	i.run(t, "link", "update", "acme/infra", "--connection", "two").ok(t)
	arn := ""
	for line := range strings.Lines(i.run(t, "connect", "list").ok(t).stdout) {
		if f := strings.Fields(line); f[0] == "two" {
			arn = f[3]
		}
	}

	if out := i.run(t, "link", "list").ok(t).stdout; arn == "" || !strings.Contains(out, arn) {
		t.Errorf("link list does not name %s:\n%s", arn, out)
	}

	i.run(t, "sync", "create", "--resource", "web", "--link", "acme/infra", "--branch", "main", "--file", "web.yaml", "--role-arn", role,
		"--publish-deployment-status", "on", "--pull-request-comment", "off").ok(t)
	i.run(t, "sync", "update", "--resource", "web", "--pull-request-comment", "on").ok(t)
	out := i.run(t, "sync", "show", "web").ok(t).stdout
	for _, line := range []string{"Repository            acme/infra\n", "Concerned by          FILE_CHANGE\n", "Deployment status     ENABLED\n", "Pull request comment  ENABLED\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("sync show does not print %q:\n%s", line, out)
		}
	}

	if out := i.run(t, "sync", "show", "web", "-o", "json").ok(t).stdout; !strings.Contains(out, `"PullRequestComment": "ENABLED"`) {
		t.Errorf("sync show prints:\n%s", out)
	}

	i.run(t, "sync", "show", "api").refused(t, 1, "ResourceNotFoundException")
}

func TestEachThingIsTagged(t *testing.T) {
	i := newInstallation(t)
	i.run(t, "connect", "acme", "--provider", "Git", "--endpoint", "https://git.example.com", "--none").ok(t)
	i.run(t, "link", "create", "--connection", "acme", "--repository", "teams/acme/infra").ok(t)

	for _, thing := range []string{"connection/acme", "host/git.example.com", "link/teams/acme/infra"} {
		if out := i.run(t, "tag", "list", thing).ok(t).stdout; out != "It has no tags.\n" {
			t.Errorf("tag list prints %q", out)
		}

		i.run(t, "tag", "set", thing, "team=web=1", "stage=").ok(t)
		if out := i.run(t, "tag", "list", thing).ok(t).stdout; out != "KEY    VALUE\nstage\nteam   web=1\n" && out != "KEY    VALUE\nteam   web=1\nstage\n" {
			t.Errorf("%s: tag list prints:\n%s", thing, out)
		}

		i.run(t, "tag", "remove", thing, "team", "stage").ok(t)
		if out := i.run(t, "tag", "list", thing, "-o", "json").ok(t).stdout; out != "{\n  \"Tags\": []\n}\n" {
			t.Errorf("tag list prints %q", out)
		}

		i.run(t, "tag", "set", thing, "aws:team=web").refused(t, 1, "ValidationException")
	}

	i.run(t, "tag", "list", "arn:aws:codeconnections:us-east-1:111122223333:connection/"+link).refused(t, 1, "ResourceNotFoundException")
	i.run(t, "tag", "set", "connection/acne", "a=b").refused(t, 1, "There is no connection acne.", "There is: acme.")
}

func TestStatusIsNarrowedAndCounted(t *testing.T) {
	f := newFake(t)
	var asked wire.ListResourceSyncsInput
	own(f, "ListResourceSyncs", func(in *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
		asked = *in
		out := &wire.ListResourceSyncsOutput{ResourceSyncs: []wire.ResourceSyncSummary{}, Counts: &wire.ResourceSyncCounts{}}
		if in.Branch == "main" {
			out.Counts = &wire.ResourceSyncCounts{Total: 5, Succeeded: 1, Failed: 2, InProgress: 1, NeverSynced: 1, Blocked: 1}
			out.ResourceSyncs = append(out.ResourceSyncs, wire.ResourceSyncSummary{ResourceName: "new", Branch: "main"})
		}

		return out, nil
	})

	out := run(t, f.env(), "status", "--repository", "teams/acme/infra", "--branch", "main", "--status", "in-progress", "--blocked", "--never-synced=false").ok(t).stdout
	if want := "\n5 in all: 1 succeeded, 2 failed, 1 in progress, 1 never synced; 1 blocked\n"; !strings.HasSuffix(out, want) {
		t.Errorf("it prints:\n%s", out)
	}

	if asked.OwnerId != "teams/acme" || asked.RepositoryName != "infra" || asked.Status != "IN_PROGRESS" || !*asked.Blocked || *asked.NeverSynced || !*asked.IncludeCounts {
		t.Errorf("asked for %+v", asked)
	}

	if out := run(t, f.env(), "status", "--branch", "none").ok(t).stdout; out != "No resource is so.\n" {
		t.Errorf("it prints %q", out)
	}

	if out := run(t, f.env(), "status", "--branch", "main", "-o", "json").ok(t).stdout; !strings.Contains(out, `"Total": 5`) {
		t.Errorf("it prints:\n%s", out)
	}
}

func TestRetryTakesACommit(t *testing.T) {
	f := newFake(t)
	var asked []string
	own(f, "StartResourceSync", func(in *wire.StartResourceSyncInput) (*wire.StartResourceSyncOutput, error) {
		if in.ResourceName != "web" {
			return nil, exception("RetryLatestCommitFailedException", "It is being deleted.")
		}

		asked = append(asked, in.Sha)
		return &wire.StartResourceSyncOutput{}, nil
	})

	run(t, f.env(), "retry", "web").ok(t)
	out := run(t, f.env(), "retry", "web", "--sha", shaA).ok(t).stdout
	if !strings.Contains(out, "with commit aaaaaaaa") || strings.Join(asked, " ") != " "+strings.ToLower(shaA) {
		t.Errorf("asked for %q, prints %q", asked, out)
	}

	run(t, f.env(), "retry", "api").refused(t, 1, "RetryLatestCommitFailedException: It is being deleted.")
}

func TestDocumentsCommandNoTerminal(t *testing.T) {
	const bad = "a\u009b2J\x7f\u202eb\u2066\nc\x1b: d"
	f := newFake(t)
	own(f, "GetPolicy", func(*wire.GetPolicyInput) (*wire.GetPolicyOutput, error) {
		return &wire.GetPolicyOutput{Policy: wire.Policy{Name: "x\u202ey", Document: bad}}, nil
	})

	for format, want := range map[string]string{
		"json": `"a\u009b2J\u007f\u202eb\u2066\nc\u001b: d"`,
		"yaml": `"a\u009b2J\u007f\u202eb\u2066\nc\e: d"`,
	} {
		out := run(t, f.env(), "policy", "get", "x", "-o", format).ok(t).stdout
		if !strings.Contains(out, `"x\u202ey"`) {
			t.Errorf("%s: %s", format, out)
		}

		if got := strings.NewReplacer(`\x9B`, `\u009b`, `\x7F`, `\u007f`).Replace(out); !strings.Contains(got, want) {
			t.Errorf("%s: %s", format, out)
		}
	}
}
