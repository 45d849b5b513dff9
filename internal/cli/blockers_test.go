package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

// blocked is a server on which web has one active blocker and one that was
// resolved, queue has two, and api none. What is resolved is noted.
func blocked(t testing.TB) (*fake, *[]wire.UpdateSyncBlockerInput) {
	f, resolved := newFake(t), new([]wire.UpdateSyncBlockerInput)
	blocker := func(minute int, resource, id, status string) wire.ResourceSyncBlocker {
		b := wire.SyncBlocker{Id: id, Type: "AUTOMATED", Status: status, CreatedReason: "Somebody else\nchanged it.\x1b[2J", CreatedAt: clock(minute, 0),
			Contexts: []wire.SyncBlockerContext{{Key: "StackName", Value: resource}}}
		if status == "RESOLVED" {
			b.ResolvedReason, b.ResolvedAt = "Put it back.", clock(minute+1, 0)
		}
		return wire.ResourceSyncBlocker{ResourceName: resource, SyncType: "CFN_STACK_SYNC", SyncBlocker: b}
	}

	all := []wire.ResourceSyncBlocker{blocker(9, "web", "w2", "ACTIVE"), blocker(8, "queue", "q2", "ACTIVE"),
		blocker(7, "queue", "q1", "ACTIVE"), blocker(5, "web", "w1", "RESOLVED")}
	own(f, "ListSyncBlockers", func(in *wire.ListSyncBlockersInput) (*wire.ListSyncBlockersOutput, error) {
		return &wire.ListSyncBlockersOutput{ResourceSyncBlockers: slices.DeleteFunc(slices.Clone(all), func(b wire.ResourceSyncBlocker) bool {
			return b.SyncBlocker.Status != in.Status || in.ResourceName != "" && (in.ResourceName != b.ResourceName || in.SyncType == "")
		})}, nil
	})
	on(f, "GetSyncConfiguration", func(in *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
		if in.ResourceName != "api" {
			return nil, exception("ResourceNotFoundException", "Could not find it.")
		}
		return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration("api")}, nil
	})
	on(f, "UpdateSyncBlocker", func(in *wire.UpdateSyncBlockerInput) (*wire.UpdateSyncBlockerOutput, error) {
		if in.Id == "gone" {
			return nil, exception("SyncBlockerDoesNotExistException", "There is no such blocker.")
		}

		*resolved = append(*resolved, *in)
		return &wire.UpdateSyncBlockerOutput{ResourceName: in.ResourceName, SyncBlocker: wire.SyncBlocker{Id: in.Id, Type: "AUTOMATED",
			Status: "RESOLVED", CreatedReason: "x", CreatedAt: clock(1, 0), ResolvedReason: in.ResolvedReason, ResolvedAt: clock(10, 0)}}, nil
	})

	return f, resolved
}

func TestBlockersArePrintedInEachFormat(t *testing.T) {
	f, _ := blocked(t)
	for _, format := range []string{"table", "json", "yaml"} {
		golden(t, "blockers."+format, run(t, f.env(), "blockers", "--all", "-o", format).ok(t).stdout)
	}

	if out := run(t, f.env(), "blockers").ok(t).stdout; strings.Contains(out, "w1") || !strings.Contains(out, "q1") {
		t.Errorf("without --all it prints:\n%s", out)
	}

	if out := run(t, f.env(), "blockers", "web", "--all").ok(t).stdout; strings.Contains(out, "queue") || !strings.Contains(out, "Put it back.") {
		t.Errorf("of one resource it prints:\n%s", out)
	}

	if out := run(t, f.env(), "blockers", "queue", "q1").ok(t).stdout; strings.Contains(out, "q2") || !strings.Contains(out, "q1") {
		t.Errorf("of one blocker it prints:\n%s", out)
	}

	if out := run(t, f.env(), "blockers", "api").ok(t).stdout; out != "Nothing is blocked.\n" {
		t.Errorf("of a resource that goes on it prints %q", out)
	}

	if out := run(t, f.env(), "blockers", "api", "-o", "json").ok(t).stdout; out != "{\n  \"ResourceSyncBlockers\": []\n}\n" {
		t.Errorf("of a resource that goes on it prints %q", out)
	}

	run(t, f.env(), "blockers", "wbe").refused(t, 1, "ResourceNotFoundException")
}

func TestTheOneBlockerThatIsMeantIsResolved(t *testing.T) {
	f, resolved := blocked(t)
	if out := run(t, f.env(), "blockers", "web", "--resolve", "--reason", "Put it back.").ok(t).stdout; !strings.Contains(out, "lockstep wait web") {
		t.Errorf("it prints %q", out)
	}

	out := run(t, f.env(), "blockers", "queue", "q1", "--resolve", "--reason", "So be it.", "-o", "json").ok(t).stdout
	if !strings.Contains(out, `"Status": "RESOLVED"`) || !strings.Contains(out, `"ResolvedReason": "So be it."`) {
		t.Errorf("it prints %s", out)
	}

	want := []wire.UpdateSyncBlockerInput{
		{Id: "w2", SyncType: "CFN_STACK_SYNC", ResourceName: "web", ResolvedReason: "Put it back."},
		{Id: "q1", SyncType: "CFN_STACK_SYNC", ResourceName: "queue", ResolvedReason: "So be it."},
	}
	if diff := cmp.Diff(want, *resolved); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	*resolved = nil
	run(t, f.env(), "blockers", "queue", "--resolve", "--reason", "x").refused(t, 1, "queue has 2 blockers: q2 q1.", "Name the one")
	run(t, f.env(), "blockers", "api", "--resolve", "--reason", "x").refused(t, 1, "api is not blocked.", "lockstep retry api")
	run(t, f.env(), "blockers", "web", "gone", "--resolve", "--reason", "x").refused(t, 1, "SyncBlockerDoesNotExistException: There is no such blocker.")

	if len(*resolved) != 0 {
		t.Errorf("resolved %v", *resolved)
	}
}
