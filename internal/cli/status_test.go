package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	sha1 = "1111111111111111111111111111111111111111"
	sha2 = "2222222222222222222222222222222222222222"
	sha3 = "3333333333333333333333333333333333333333"
	link = "6053346f-8a33-4edb-9397-10394b695173"
)

func clock(minute, second int) wire.Time {
	return wire.Time{Time: time.Date(2026, 11, 22, 10, minute, second, 0, time.UTC)}
}

func revision(sha string) wire.Revision {
	return wire.Revision{Branch: "main", Directory: "deployments/web.yaml", OwnerId: "acme", RepositoryName: "infra", ProviderType: "Git", Sha: sha}
}

func attempt(status, sha string, events ...wire.ResourceSyncEvent) wire.ResourceSyncAttempt {
	return wire.ResourceSyncAttempt{Events: events, InitialRevision: revision(sha1), StartedAt: clock(4, 0), Status: status,
		TargetRevision: revision(sha), Target: "web"}
}

func event(second int, kind, text string) wire.ResourceSyncEvent {
	return wire.ResourceSyncEvent{Event: text, Time: clock(4, second), Type: kind}
}

// fleet is a server with a failed, a good, a blocked and a new resource, which
// it lists in two pages.
func fleet(t testing.TB) *fake {
	f := newFake(t)
	summary := func(name, status, target, desired string) wire.ResourceSyncSummary {
		s := wire.ResourceSyncSummary{ResourceName: name, SyncType: "CFN_STACK_SYNC", AccountId: "111122223333", RepositoryLinkId: link,
			OwnerId: "acme", RepositoryName: "infra",
			Branch: "main", ConfigFile: "deployments/" + name + ".yaml", Status: status, TargetSha: target, DesiredSha: desired}
		if status != "" {
			s.StartedAt = clock(4, 0)
		}

		return s
	}
	own(f, "ListResourceSyncs", func(in *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
		blocked := summary("queue", "FAILED", sha1, sha1)
		blocked.Blocked = true
		if in.NextToken == "" {
			return &wire.ListResourceSyncsOutput{NextToken: "more",
				ResourceSyncs: []wire.ResourceSyncSummary{summary("api", "SUCCEEDED", sha2, sha2), summary("web", "FAILED", sha2, sha3)}}, nil
		}

		return &wire.ListResourceSyncsOutput{ResourceSyncs: []wire.ResourceSyncSummary{blocked, summary("new", "", "", "")}}, nil
	})
	statuses := map[string]wire.GetResourceSyncStatusOutput{
		"api": {LatestSync: attempt("SUCCEEDED", sha2, event(1, "STACK_UPDATE_SUCCEEDED", "Stack update succeeded."))},
		"web": {LatestSync: attempt("FAILED", sha2,
			event(1, "TEMPLATE_BUNDLED", "Template bundled."),
			event(2, "STACK_RESOURCE_FAILED", "Queue (AWS::SQS::Queue) failed: it has\nno name \x1b[31m& <no> hope"),
			event(3, "STACK_RESOURCE_FAILED", "Topic was cancelled."),
			event(4, "STACK_UPDATE_FAILED", "Stack update failed.")),
			DesiredState: new(revision(sha3)), LatestSuccessfulSync: new(attempt("SUCCEEDED", sha1))},
		"queue": {LatestSync: attempt("FAILED", sha1, event(9, "SYNC_BLOCKED", "The stack was changed by somebody else."))},
	}
	on(f, "GetResourceSyncStatus", func(in *wire.GetResourceSyncStatusInput) (*wire.GetResourceSyncStatusOutput, error) {
		if s, ok := statuses[in.ResourceName]; ok {
			return &s, nil
		}
		return nil, exception("ResourceNotFoundException", "Could not find a sync status.")
	})
	on(f, "GetSyncConfiguration", func(in *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
		if in.ResourceName == "nobody" {
			return nil, exception("ResourceNotFoundException", "Could not find a sync configuration for nobody.")
		}
		return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration(in.ResourceName)}, nil
	})

	return f
}

func configuration(name string) wire.SyncConfiguration {
	return wire.SyncConfiguration{Branch: "main", ConfigFile: "deployments/" + name + ".yaml", OwnerId: "acme", ProviderType: "Git",
		RepositoryLinkId: link, RepositoryName: "infra", ResourceName: name, RoleArn: "arn:aws:iam::000000000000:role/sync",
		SyncType: "CFN_STACK_SYNC"}
}

func TestStatusPrintsTheFleetAndOneResourceInEachFormat(t *testing.T) {
	f := fleet(t)
	for _, format := range []string{"table", "json", "yaml"} {
		golden(t, "fleet."+format, run(t, f.env(), "status", "-o", format).ok(t).stdout)
		golden(t, "resource."+format, run(t, f.env(), "status", "web", "-o", format).ok(t).stdout)
		golden(t, "new."+format, run(t, f.env(), "status", "new", "-o", format).ok(t).stdout)
	}
}

func TestStatusOfAnEmptyFleetSaysWhatToDo(t *testing.T) {
	f := newFake(t)
	own(f, "ListResourceSyncs", func(*wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
		return &wire.ListResourceSyncsOutput{ResourceSyncs: []wire.ResourceSyncSummary{}}, nil
	})
	if got := run(t, f.env(), "status").ok(t).stdout; !strings.Contains(got, "lockstep sync create") {
		t.Errorf("it says %q", got)
	}
	if got, want := run(t, f.env(), "status", "-o", "json").ok(t).stdout, "{\n  \"ResourceSyncs\": []\n}\n"; got != want {
		t.Errorf("the document is %q, want %q", got, want)
	}
}

func TestStatusOfAnUnknownResourceNamesTheException(t *testing.T) {
	run(t, fleet(t).env(), "status", "nobody").refused(t, 1, "ResourceNotFoundException", "Could not find a sync configuration for nobody.")
}

func TestStatusSaysThatAResourceIsBlocked(t *testing.T) {
	if got := run(t, fleet(t).env(), "status", "queue").ok(t).stdout; !strings.Contains(got, "Status      BLOCKED\n") {
		t.Errorf("it says:\n%s", got)
	}
}
