package status_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

// newBlockerServer returns a server on which web has an active and a resolved
// blocker, queue two active ones and api none; and the requests to resolve one.
func newBlockerServer(t testing.TB) (*clitest.Server, *[]wire.UpdateSyncBlockerInput) {
	server, resolved := clitest.NewServer(t), new([]wire.UpdateSyncBlockerInput)
	blocker := func(minute int, resource, id, status string) wire.ResourceSyncBlocker {
		b := wire.SyncBlocker{
			Id:            id,
			Type:          "AUTOMATED",
			Status:        status,
			CreatedReason: "Somebody else\nchanged it.\x1b[2J",
			CreatedAt:     timeAt(minute, 0),
			Contexts:      []wire.SyncBlockerContext{{Key: "StackName", Value: resource}},
		}
		if status == "RESOLVED" {
			b.ResolvedReason, b.ResolvedAt = "Restored the topic.", timeAt(minute+1, 0)
		}
		return wire.ResourceSyncBlocker{ResourceName: resource, SyncType: "CFN_STACK_SYNC", SyncBlocker: b}
	}

	all := []wire.ResourceSyncBlocker{blocker(9, "web", "w2", "ACTIVE"), blocker(8, "queue", "q2", "ACTIVE"),
		blocker(7, "queue", "q1", "ACTIVE"), blocker(5, "web", "w1", "RESOLVED")}
	clitest.Handle(server, "ListSyncBlockers",
		func(request *wire.ListSyncBlockersInput) (*wire.ListSyncBlockersOutput, error) {
			return &wire.ListSyncBlockersOutput{
				ResourceSyncBlockers: slices.DeleteFunc(slices.Clone(all), func(b wire.ResourceSyncBlocker) bool {
					return b.SyncBlocker.Status != request.Status ||
						request.ResourceName != "" && (request.ResourceName != b.ResourceName || request.SyncType == "")
				}),
			}, nil
		})
	clitest.Handle(server, "ListResourceSyncs",
		func(request *wire.ListResourceSyncsInput) (*wire.ListResourceSyncsOutput, error) {
			if request.Health != wire.HealthUnknown {
				t.Errorf("ListResourceSyncs of health %q, want UNKNOWN", request.Health)
			}
			if request.ResourceName != "" && request.ResourceName != "lost" {
				return &wire.ListResourceSyncsOutput{}, nil
			}
			return &wire.ListResourceSyncsOutput{ResourceSyncs: []wire.ResourceSyncSummary{{
				ResourceName: "lost",
				Health: wire.ResourceHealth{
					Status: wire.HealthUnknown,
					Reason: "The host does not answer.",
					Since:  timeAt(4, 0),
				},
			}}}, nil
		})
	clitest.HandleAWS(server, "GetSyncConfiguration",
		func(request *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
			if request.ResourceName != "api" {
				return nil, clitest.Exception("ResourceNotFoundException", "Could not find it.")
			}
			return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration("api")}, nil
		})
	clitest.HandleAWS(server, "UpdateSyncBlocker",
		func(request *wire.UpdateSyncBlockerInput) (*wire.UpdateSyncBlockerOutput, error) {
			if request.Id == "gone" {
				return nil, clitest.Exception("SyncBlockerDoesNotExistException", "There is no such blocker.")
			}

			*resolved = append(*resolved, *request)
			return &wire.UpdateSyncBlockerOutput{
				ResourceName: request.ResourceName,
				SyncBlocker: wire.SyncBlocker{
					Id:             request.Id,
					Type:           "AUTOMATED",
					Status:         "RESOLVED",
					CreatedReason:  "x",
					CreatedAt:      timeAt(1, 0),
					ResolvedReason: request.ResolvedReason,
					ResolvedAt:     timeAt(10, 0),
				},
			}, nil
		})

	return server, resolved
}

func TestBlockersArePrintedInEachFormat(t *testing.T) {
	server, _ := newBlockerServer(t)
	for _, format := range []string{"table", "json", "yaml"} {
		clitest.Golden(t, "blockers."+format,
			clitest.Run(t, server.Env(), "blockers", "--all", "-o", format).OK(t).Stdout)
	}

	out := clitest.Run(t, server.Env(), "blockers").OK(t).Stdout
	if strings.Contains(out, "w1") || !strings.Contains(out, "q1") {
		t.Errorf("without --all it prints:\n%s", out)
	}

	out = clitest.Run(t, server.Env(), "blockers", "web", "--all").OK(t).Stdout
	if strings.Contains(out, "queue") || !strings.Contains(out, "Restored the topic.") {
		t.Errorf("of one resource it prints:\n%s", out)
	}

	out = clitest.Run(t, server.Env(), "blockers", "queue", "q1").OK(t).Stdout
	if strings.Contains(out, "q2") || !strings.Contains(out, "q1") {
		t.Errorf("of one blocker it prints:\n%s", out)
	}

	if out := clitest.Run(t, server.Env(), "blockers", "api").OK(t).Stdout; out != "Nothing is blocked.\n" {
		t.Errorf("without blockers it prints %q", out)
	}

	out = clitest.Run(t, server.Env(), "blockers", "api", "-o", "json").OK(t).Stdout
	if out != "{\n  \"ResourceSyncBlockers\": []\n}\n" {
		t.Errorf("without blockers it prints %q", out)
	}

	clitest.Run(t, server.Env(), "blockers", "wbe").Fails(t, 1, "ResourceNotFoundException")
}

func TestBlockersResolvesOneBlocker(t *testing.T) {
	server, resolved := newBlockerServer(t)
	clitest.Run(t, server.Env(), "blockers", "web", "--resolve", "--reason", "Restored the topic.").
		OK(t).Prints(t, "lockstep wait web")

	out := clitest.Run(t, server.Env(), "blockers", "queue", "q1", "--resolve", "--reason", "Kept the change.",
		"-o", "json").OK(t).Stdout
	if !strings.Contains(out, `"Status": "RESOLVED"`) ||
		!strings.Contains(out, `"ResolvedReason": "Kept the change."`) {
		t.Errorf("it prints %s", out)
	}

	want := []wire.UpdateSyncBlockerInput{
		{Id: "w2", SyncType: "CFN_STACK_SYNC", ResourceName: "web", ResolvedReason: "Restored the topic."},
		{Id: "q1", SyncType: "CFN_STACK_SYNC", ResourceName: "queue", ResolvedReason: "Kept the change."},
	}
	if diff := cmp.Diff(want, *resolved); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	*resolved = nil
	clitest.Run(t, server.Env(), "blockers", "queue", "--resolve", "--reason", "x").
		Fails(t, 1, "queue has 2 blockers: q2 q1.", "Give the ID of the one to resolve")
	clitest.Run(t, server.Env(), "blockers", "api", "--resolve", "--reason", "x").
		Fails(t, 1, "api is not blocked.", "lockstep retry api")
	clitest.Run(t, server.Env(), "blockers", "web", "gone", "--resolve", "--reason", "x").
		Fails(t, 1, "SyncBlockerDoesNotExistException: There is no such blocker.")

	if len(*resolved) != 0 {
		t.Errorf("resolved %v", *resolved)
	}
}
