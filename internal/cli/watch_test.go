package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

// happening is a server on which two events have happened and two more do; then
// the watcher is interrupted.
func happening(t testing.TB) (f *fake, ctx context.Context, cursors *[]string) {
	f, cursors = newFake(t), new([]string)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	on(f, "GetSyncConfiguration", func(in *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
		if in.ResourceName != "web" {
			return nil, exception("ResourceNotFoundException", "Could not find it.")
		}
		return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration("web")}, nil
	})
	happened := func(second int, resource, kind, status, text string) wire.SyncEvent {
		return wire.SyncEvent{Time: clock(4, second), Event: text, Type: kind, ResourceName: resource, Branch: "main", Sha: sha1,
			AttemptId: "attempt of " + resource, Status: status}
	}
	own(f, "ListSyncEvents", func(in *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
		*cursors = append(*cursors, in.ResourceName+">"+in.After)
		switch in.After {
		case "":
			return &wire.ListSyncEventsOutput{NextCursor: "2", Events: []wire.SyncEvent{
				happened(1, "", "STARTING_SYNC", "SUCCEEDED", "Starting syncs"), happened(2, "web", "TEMPLATE_BUNDLED", "IN_PROGRESS", "Template bundled")}}, nil
		case "2":
			return &wire.ListSyncEventsOutput{NextCursor: "3", Events: []wire.SyncEvent{
				happened(3, "web", "STACK_UPDATE_SUCCEEDED", "SUCCEEDED", "Done\nand \x1bover")}}, nil
		}

		cancel()
		return nil, exception("ThrottlingException", "Slow down.")
	})

	return f, ctx, cursors
}

func TestWatchPrintsEachEventOnceUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json", "yaml"} {
		f, ctx, cursors := happening(t)
		golden(t, "watch."+format, runWith(t, ctx, f.env(), "", "watch", "-o", format).ok(t).stdout)
		if diff := cmp.Diff([]string{">", ">2", ">3"}, *cursors); diff != "" {
			t.Errorf("cursors (-want +got):\n%s", diff)
		}
	}
}

func TestWatchOfOneResourceAsksForItsEvents(t *testing.T) {
	t.Parallel()
	f, ctx, cursors := happening(t)
	runWith(t, ctx, f.env(), "", "watch", "web").ok(t)
	if got := strings.Join(*cursors, " "); got != "web> web>2 web>3" {
		t.Errorf("asked %q", got)
	}
}

func TestWatchOfAMisspeltResourceFails(t *testing.T) {
	f, ctx, _ := happening(t)
	runWith(t, ctx, f.env(), "", "watch", "wbe").refused(t, 1, "ResourceNotFoundException")
}

func TestWatchFailsWhereNothingListens(t *testing.T) {
	f, ctx, _ := happening(t)
	env := f.env()
	env["LOCKSTEP_ENDPOINT_URL"] = closedPort(t)
	runWith(t, ctx, env, "", "watch").refused(t, 1, "Nothing listens at http://127.0.0.1:", "LOCKSTEP_ENDPOINT_URL", "lockstep up")
}
