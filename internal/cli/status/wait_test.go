package status_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

// requests are the requests of wait, in order.
type requests struct {
	mu        sync.Mutex
	shas      []string
	triggered []string
}

// newRevisionServer returns a server whose GetRevisionSync returns each answer
// once, and then always the last one; and the requests it received.
func newRevisionServer(t testing.TB, answers ...any) (*clitest.Server, *requests) {
	server, received := clitest.NewServer(t), &requests{}
	clitest.HandleAWS(server, "GetSyncConfiguration",
		func(request *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
			if request.ResourceName != "web" {
				return nil, clitest.Exception("ResourceNotFoundException", "Could not find it.")
			}
			return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration("web")}, nil
		})
	clitest.Handle(server, "GetRevisionSync",
		func(request *wire.GetRevisionSyncInput) (*wire.GetRevisionSyncOutput, error) {
			received.mu.Lock()
			defer received.mu.Unlock()

			received.shas = append(received.shas, short(request.Sha))
			answer := answers[0]
			if len(answers) > 1 {
				answers = answers[1:]
			}

			if err, ok := answer.(error); ok {
				return nil, err
			}

			out := answer.(wire.GetRevisionSyncOutput)
			return &out, nil
		})
	clitest.Handle(server, "StartRepositorySync",
		func(request *wire.StartRepositorySyncInput) (*wire.StartRepositorySyncOutput, error) {
			received.mu.Lock()
			defer received.mu.Unlock()

			received.triggered = append(received.triggered, request.RepositoryLinkId+" "+request.Branch)
			return nil, clitest.Exception("AccessDeniedException", "Not authorized.")
		})

	return server, received
}

func short(sha string) string { return sha[:min(len(sha), 8)] }

func response(status, sha string) wire.GetRevisionSyncOutput {
	return wire.GetRevisionSyncOutput{Sha: sha, Status: status}
}

func responseWith(
	state, sha, reason string,
	latest wire.ResourceSyncAttempt,
	desired string,
) wire.GetRevisionSyncOutput {
	status := &wire.GetResourceSyncStatusOutput{LatestSync: latest, DesiredState: new(revision(desired))}
	if latest.Status == "SUCCEEDED" {
		status.LatestSuccessfulSync = &latest
	}
	return wire.GetRevisionSyncOutput{Sha: sha, Status: state, Reason: reason, ResourceSync: status}
}

func TestWaitPrintsALineAndExitsWithACodeForEachOutcome(t *testing.T) {
	good, bad := attempt("SUCCEEDED", sha2), attempt("FAILED", sha2)
	for name, test := range map[string]struct {
		answers []any
		args    []string
		line    string // of stdout
		stderr  string
		code    int
		asked   []string
	}{
		"succeeded": {
			answers: []any{response(wire.RevisionSucceeded, sha1)},
			line:    "web SUCCEEDED main@11111111", asked: []string{""},
		},
		"the head of the branch at the Git host": {
			answers: []any{
				response(wire.RevisionPending, sha1),
				response(wire.RevisionInProgress, sha1),
				response(wire.RevisionSucceeded, sha1),
			},
			line:  "web SUCCEEDED main@11111111",
			asked: []string{"", "11111111", "11111111"},
		},
		"--sha in capitals": {
			answers: []any{response(wire.RevisionSucceeded, strings.ToLower(upperSHA))},
			args:    []string{"--sha", upperSHA},
			line:    "web SUCCEEDED main@aaaaaaaa",
			asked:   []string{"aaaaaaaa"},
		},
		"a later head succeeded": {
			answers: []any{responseWith(wire.RevisionLaterSucceeded, sha1, "", good, sha2)},
			args:    []string{"--sha", sha1},
			line:    "web SUCCEEDED main@22222222, later than 11111111",
			asked:   []string{"11111111"},
		},
		"failed": {
			answers: []any{responseWith(wire.RevisionFailed, sha1, "Queue failed.\nAll of it.", bad, sha2)},
			line:    "web FAILED main@22222222: Queue failed. All of it.",
			stderr:  "lockstep retry web",
			code:    1,
			asked:   []string{""},
		},
		"blocked": {
			answers: []any{responseWith(wire.RevisionBlocked, sha1, "Somebody else changed the stack.", bad, sha2)},
			line:    "web BLOCKED main@11111111: Somebody else changed the stack.",
			stderr:  "Remove the cause",
			code:    4,
			asked:   []string{""},
		},
		"not affected, and the latest succeeded": {
			answers: []any{
				responseWith(wire.RevisionNotAffected, sha1, "", good, sha2),
				responseWith(wire.RevisionSucceeded, sha2, "", good, sha2),
			},
			line:  "web SUCCEEDED main@22222222, not affected by 11111111",
			asked: []string{"", "22222222"},
		},
		"not affected, and the latest is still on its way": {
			answers: []any{
				responseWith(wire.RevisionNotAffected, sha1, "", bad, sha3),
				responseWith(wire.RevisionInProgress, sha3, "", bad, sha3),
				responseWith(wire.RevisionSucceeded, sha3, "", attempt("SUCCEEDED", sha3), sha3),
			},
			line:  "web SUCCEEDED main@33333333, not affected by 11111111",
			asked: []string{"", "33333333", "33333333"},
		},
		"not affected, and the latest failed": {
			answers: []any{
				responseWith(wire.RevisionNotAffected, sha1, "", bad, sha2),
				responseWith(wire.RevisionFailed, sha2, "No.", bad, sha2),
			},
			line:  "web FAILED main@22222222, not affected by 11111111: No.",
			code:  1,
			asked: []string{"", "22222222"},
		},
		"not affected, and the server has forgotten the latest": {
			answers: []any{
				responseWith(wire.RevisionNotAffected, sha1, "", good, sha2),
				responseWith(wire.RevisionNotAffected, sha2, "", good, sha2),
			},
			line:  "web SUCCEEDED main@22222222, not affected by 11111111",
			asked: []string{"", "22222222"},
		},
		"pinned at another commit": {
			answers: []any{
				responseWith(wire.RevisionPinned, sha2, "Pinned at commit 11111111.", attempt("SUCCEEDED", sha1), sha1),
			},
			line:  "web PINNED main@11111111: Pinned at commit 11111111.",
			code:  7,
			asked: []string{""},
		},
		"the Git host was unavailable": {
			answers: []any{
				clitest.Exception("ResourceUnavailableException", "The Git host does not answer."),
				response(wire.RevisionSucceeded, sha1),
			},
			line:   "web SUCCEEDED main@11111111",
			stderr: "The Git host does not answer.\n  Still waiting.",
			asked:  []string{"", ""},
		},
		"timed out": {
			answers: []any{response(wire.RevisionInProgress, sha1)}, args: []string{"--timeout", "150ms"},
			line: "web TIMED OUT main@11111111: still IN_PROGRESS after 150ms", stderr: "lockstep status web", code: 3,
			asked: []string{"", "11111111"},
		},
		"timed out for a commit that no sync has seen": {
			answers: []any{response(wire.RevisionPending, sha1)},
			args:    []string{"--timeout", "150ms", "--sha", sha1},
			line:    "web TIMED OUT main@11111111: still PENDING after 150ms",
			stderr:  "Check that it is on branch main",
			code:    3,
			asked:   []string{"11111111", "11111111"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, asked := newRevisionServer(t, test.answers...)
			got := clitest.Run(t, server.Env(), append([]string{"wait", "web"}, test.args...)...)
			if got.Code != test.code {
				t.Errorf("exit code %d, want %d", got.Code, test.code)
			}
			if want := test.line + "\n"; got.Stdout != want {
				t.Errorf("stdout is %q, want %q", got.Stdout, want)
			}
			if !strings.Contains(got.Stderr, test.stderr) {
				t.Errorf("stderr is %q, want %q in it", got.Stderr, test.stderr)
			}

			if diff := cmp.Diff(test.asked, asked.shas); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
		})
	}
}

const upperSHA = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestWaitTriggersASyncOfAPendingBranchOnce(t *testing.T) {
	server, asked := newRevisionServer(t, response(wire.RevisionPending, sha1), response(wire.RevisionPending, sha1),
		response(wire.RevisionSucceeded, sha1))
	clitest.Run(t, server.Env(), "wait", "web").OK(t)
	if diff := cmp.Diff([]string{link + " main"}, asked.triggered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWaitChecksItsArguments(t *testing.T) {
	server, asked := newRevisionServer(t, response(wire.RevisionSucceeded, sha1))
	clitest.Run(t, server.Env(), "wait").Fails(t, 2, "RESOURCE is missing", "Usage: lockstep wait RESOURCE")
	clitest.Run(t, server.Env(), "wait", "web", "api").Fails(t, 2, `unexpected argument "api"`)
	clitest.Run(t, server.Env(), "wait", "web", "--sha", "1111111").Fails(t, 2, `--sha "1111111"`, "git rev-parse")
	clitest.Run(t, server.Env(), "wait", "web", "--sha", "").Fails(t, 2, "--sha")
	clitest.Run(t, server.Env(), "wait", "web", "--timeout", "-1s").Fails(t, 2, "--timeout")
	clitest.Run(t, server.Env(), "wait", "web", "--timeout", "soon").Fails(t, 2, "--timeout")
	if len(asked.shas) > 0 {
		t.Errorf("the server received %q", asked.shas)
	}
	clitest.Run(t, server.Env(), "wait", "unknown").Fails(t, 5, "ResourceNotFoundException")
}

func TestWaitEndsWithAnErrorThatTimeDoesNotHeal(t *testing.T) {
	server, asked := newRevisionServer(t, clitest.Exception("InvalidInputException", "No."))
	clitest.Run(t, server.Env(), "wait", "web").Fails(t, 6, "InvalidInputException: No.")
	if len(asked.shas) != 1 {
		t.Errorf("the server received %d requests", len(asked.shas))
	}
}

func TestWaitExitsByTheCauseOfAnError(t *testing.T) {
	for name, code := range map[string]int{
		"ResourceNotFoundException":   6, // of a branch: the resource exists
		"AccessDeniedException":       8,
		"UnrecognizedClientException": 8,
		"InternalServerException":     8,
		"ValidationException":         2,
	} {
		server, _ := newRevisionServer(t, clitest.Exception(name, "No."))
		clitest.Run(t, server.Env(), "wait", "web").Fails(t, code, "No.")
	}

	server, _ := newRevisionServer(t)
	env := server.Env()
	env["LOCKSTEP_ENDPOINT_URL"] = clitest.ClosedPort(t)
	clitest.Run(t, env, "wait", "web").Fails(t, 8, "Nothing listens")
}

func TestWaitEndsWhenItIsInterrupted(t *testing.T) {
	server, _ := newRevisionServer(t, response(wire.RevisionInProgress, sha1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	clitest.RunWith(t, ctx, server.Env(), "", "wait", "web").Fails(t, 1, "Interrupted")
}
