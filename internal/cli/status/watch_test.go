package status_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

// newEventServer returns a server with two past events, and one new event; then the
// context ends.
func newEventServer(t testing.TB) (server *clitest.Server, ctx context.Context, cursors *[]string) {
	server, cursors = clitest.NewServer(t), new([]string)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	clitest.HandleAWS(server, "GetSyncConfiguration",
		func(request *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
			if request.ResourceName != "web" {
				return nil, clitest.Exception("ResourceNotFoundException", "Could not find it.")
			}
			return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration("web")}, nil
		})
	happened := func(second int, resource, kind, status, text string) wire.SyncEvent {
		return wire.SyncEvent{
			Time:         timeAt(4, second),
			Event:        text,
			Type:         kind,
			ResourceName: resource,
			Branch:       "main",
			Sha:          sha1,
			AttemptId:    "attempt of " + resource,
			Status:       status,
		}
	}
	clitest.Handle(server, "ListSyncEvents",
		func(request *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
			*cursors = append(*cursors, request.ResourceName+">"+request.After)
			switch request.After {
			case "":
				return &wire.ListSyncEventsOutput{
					NextCursor: "2",
					Events: []wire.SyncEvent{
						happened(1, "", "STARTING_SYNC", "SUCCEEDED", "Starting syncs"),
						happened(2, "web", "TEMPLATE_BUNDLED", "IN_PROGRESS", "Template bundled"),
					},
				}, nil
			case "2":
				return &wire.ListSyncEventsOutput{NextCursor: "3", Events: []wire.SyncEvent{
					happened(3, "web", "STACK_UPDATE_SUCCEEDED", "SUCCEEDED", "Done\nand \x1bover")}}, nil
			}

			cancel()
			return nil, clitest.Exception("ThrottlingException", "Slow down.")
		})

	return server, ctx, cursors
}

func TestWatchPrintsEachEventOnceUntilItIsInterrupted(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json", "yaml"} {
		server, ctx, cursors := newEventServer(t)
		clitest.Golden(t, "watch."+format, clitest.RunWith(t, ctx, server.Env(), "", "watch", "-o", format).
			OK(t).Stdout)
		if diff := cmp.Diff([]string{">", ">2", ">3"}, *cursors); diff != "" {
			t.Errorf("cursors (-want +got):\n%s", diff)
		}
	}
}

func TestWatchOfOneResourceRequestsItsEvents(t *testing.T) {
	t.Parallel()
	server, ctx, cursors := newEventServer(t)
	clitest.RunWith(t, ctx, server.Env(), "", "watch", "web").OK(t)
	if got := strings.Join(*cursors, " "); got != "web> web>2 web>3" {
		t.Errorf("asked %q", got)
	}
}

func TestWatchOfAnUnknownResourceFails(t *testing.T) {
	server, ctx, _ := newEventServer(t)
	clitest.RunWith(t, ctx, server.Env(), "", "watch", "wbe").Fails(t, 1, "ResourceNotFoundException")
}

func TestWatchFailsIfNothingListens(t *testing.T) {
	server, ctx, _ := newEventServer(t)
	env := server.Env()
	env["LOCKSTEP_ENDPOINT_URL"] = clitest.ClosedPort(t)
	clitest.RunWith(t, ctx, env, "", "watch").
		Fails(t, 1, "Nothing listens at http://127.0.0.1:", "LOCKSTEP_ENDPOINT_URL", "lockstep up")
}

func TestWatchRemovesControlCharacters(t *testing.T) {
	t.Parallel()
	const bad = "a\x1b[2J\u009b2J\x7f\u202e\u2066\r\n09:00:00  forged"
	server := clitest.NewServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	clitest.Handle(server, "ListSyncEvents",
		func(request *wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
			if request.After != "" {
				cancel()
				return &wire.ListSyncEventsOutput{NextCursor: request.After}, nil
			}
			return &wire.ListSyncEventsOutput{NextCursor: "1", Events: []wire.SyncEvent{{
				Time:         timeAt(4, 1),
				Event:        bad,
				Type:         bad,
				ResourceName: bad,
				Branch:       bad,
				Sha:          sha1,
				AttemptId:    "a",
				Status:       "IN_PROGRESS",
			}}}, nil
		})

	stdout := clitest.RunWith(t, ctx, server.Env(), "", "watch").OK(t).Stdout

	line, rest, _ := strings.Cut(stdout, "\n")
	if rest != "" {
		t.Errorf("it prints more than one line: %q", stdout)
	}
	if got := strings.Count(line, "forged"); got != 3 {
		t.Errorf("it prints %d of the values, want 3: %q", got, line)
	}
	if strings.ContainsFunc(line, lockstep.IsUnsafe) {
		t.Errorf("it prints unsafe characters: %q", line)
	}
}

func TestWatchOfOneResourceSaysWhetherItsRepositoryCanBeRead(t *testing.T) {
	t.Parallel()
	server := clitest.NewServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clitest.HandleAWS(server, "GetSyncConfiguration",
		func(*wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
			return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration("web")}, nil
		})

	states := []string{wire.HealthUnknown, wire.HealthUnknown, wire.HealthInStep, wire.HealthInStep}
	clitest.Handle(server, "ListSyncEvents",
		func(*wire.ListSyncEventsInput) (*wire.ListSyncEventsOutput, error) {
			if len(states) == 0 {
				cancel()
			}
			return &wire.ListSyncEventsOutput{NextCursor: "1"}, nil
		})
	clitest.Handle(server, "GetResourceHealth",
		func(*wire.GetResourceHealthInput) (*wire.GetResourceHealthOutput, error) {
			health := wire.ResourceHealth{Status: states[0]}
			if health.Status == wire.HealthUnknown {
				health.Reason = "The host does not answer."
			}
			states = states[1:]
			return &wire.GetResourceHealthOutput{Health: health}, nil
		})

	printed := clitest.RunWith(t, ctx, server.Env(), "", "watch", "web").OK(t).Stdout
	if got := strings.Count(printed, "  web  The repository cannot be read: The host does not answer.\n"); got != 1 {
		t.Errorf("that it cannot be read is printed %d times, want once:\n%s", got, printed)
	}
	if got := strings.Count(printed, "  web  The repository can be read again.\n"); got != 1 {
		t.Errorf("that it can be read again is printed %d times, want once:\n%s", got, printed)
	}
}
