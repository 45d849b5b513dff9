package cli_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

// An asked is what wait asked for, in order.
type asked struct {
	mu    sync.Mutex
	shas  []string
	poked []string
}

// answering is a server whose GetRevisionSync gives each answer once and then
// the last one for ever.
func answering(t testing.TB, answers ...any) (*fake, *asked) {
	f, a := newFake(t), &asked{}
	on(f, "GetSyncConfiguration", func(in *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
		if in.ResourceName != "web" {
			return nil, exception("ResourceNotFoundException", "Could not find it.")
		}
		return &wire.GetSyncConfigurationOutput{SyncConfiguration: configuration("web")}, nil
	})
	own(f, "GetRevisionSync", func(in *wire.GetRevisionSyncInput) (*wire.GetRevisionSyncOutput, error) {
		a.mu.Lock()
		defer a.mu.Unlock()

		a.shas = append(a.shas, short(in.Sha))
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
	own(f, "StartRepositorySync", func(in *wire.StartRepositorySyncInput) (*wire.StartRepositorySyncOutput, error) {
		a.mu.Lock()
		defer a.mu.Unlock()

		a.poked = append(a.poked, in.RepositoryLinkId+" "+in.Branch)
		return nil, exception("AccessDeniedException", "A reader may not.")
	})

	return f, a
}

func short(sha string) string { return sha[:min(len(sha), 8)] }

func answer(handling, sha string) wire.GetRevisionSyncOutput {
	return wire.GetRevisionSyncOutput{Sha: sha, Status: handling}
}

func answerOf(handling, sha, reason string, latest wire.ResourceSyncAttempt, desired string) wire.GetRevisionSyncOutput {
	s := &wire.GetResourceSyncStatusOutput{LatestSync: latest, DesiredState: new(revision(desired))}
	if latest.Status == "SUCCEEDED" {
		s.LatestSuccessfulSync = &latest
	}
	return wire.GetRevisionSyncOutput{Sha: sha, Status: handling, Reason: reason, ResourceSync: s}
}

func TestWaitEndsWithTheLineAndTheCodeOfEachOutcome(t *testing.T) {
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
			answers: []any{answer(wire.RevisionSucceeded, sha1)},
			line:    "web SUCCEEDED main@11111111", asked: []string{""},
		},
		"the head asked of the Git host is what is waited for": {
			answers: []any{answer(wire.RevisionPending, sha1), answer(wire.RevisionInProgress, sha1), answer(wire.RevisionSucceeded, sha1)},
			line:    "web SUCCEEDED main@11111111", asked: []string{"", "11111111", "11111111"},
		},
		"given sha, capitals allowed": {
			answers: []any{answer(wire.RevisionSucceeded, strings.ToLower(shaA))}, args: []string{"--sha", shaA},
			line: "web SUCCEEDED main@aaaaaaaa", asked: []string{"aaaaaaaa"},
		},
		"a later head succeeded": {
			answers: []any{answerOf(wire.RevisionLaterSucceeded, sha1, "", good, sha2)}, args: []string{"--sha", sha1},
			line: "web SUCCEEDED main@22222222, later head than 11111111", asked: []string{"11111111"},
		},
		"failed": {
			answers: []any{answerOf(wire.RevisionFailed, sha1, "Queue failed.\nAll of it.", bad, sha2)},
			line:    "web FAILED main@22222222: Queue failed. All of it.", stderr: "lockstep retry web", code: 1, asked: []string{""},
		},
		"needs a person": {
			answers: []any{answerOf(wire.RevisionBlocked, sha1, "Somebody else changed the stack.", bad, sha2)},
			line:    "web BLOCKED main@11111111: Somebody else changed the stack.", stderr: "Remove the cause", code: 4, asked: []string{""},
		},
		"not affected, and the latest succeeded": {
			answers: []any{answerOf(wire.RevisionNotAffected, sha1, "", good, sha2), answerOf(wire.RevisionSucceeded, sha2, "", good, sha2)},
			line:    "web SUCCEEDED main@22222222, not affected by 11111111", asked: []string{"", "22222222"},
		},
		"not affected, and the latest is still on its way": {
			answers: []any{answerOf(wire.RevisionNotAffected, sha1, "", bad, sha3), answerOf(wire.RevisionInProgress, sha3, "", bad, sha3),
				answerOf(wire.RevisionSucceeded, sha3, "", attempt("SUCCEEDED", sha3), sha3)},
			line: "web SUCCEEDED main@33333333, not affected by 11111111", asked: []string{"", "33333333", "33333333"},
		},
		"not affected, and the latest failed": {
			answers: []any{answerOf(wire.RevisionNotAffected, sha1, "", bad, sha2), answerOf(wire.RevisionFailed, sha2, "No.", bad, sha2)},
			line:    "web FAILED main@22222222, not affected by 11111111: No.", code: 1, asked: []string{"", "22222222"},
		},
		"not affected, and the books know the latest no more": {
			answers: []any{answerOf(wire.RevisionNotAffected, sha1, "", good, sha2), answerOf(wire.RevisionNotAffected, sha2, "", good, sha2)},
			line:    "web SUCCEEDED main@22222222, not affected by 11111111", asked: []string{"", "22222222"},
		},
		"the Git host was away": {
			answers: []any{exception("ResourceUnavailableException", "The Git host does not answer."), answer(wire.RevisionSucceeded, sha1)},
			line:    "web SUCCEEDED main@11111111", stderr: "The Git host does not answer.\n  Going on waiting.", asked: []string{"", ""},
		},
		"the time is up": {
			answers: []any{answer(wire.RevisionInProgress, sha1)}, args: []string{"--timeout", "150ms"},
			line: "web TIMED OUT main@11111111: still IN_PROGRESS after 150ms", stderr: "lockstep status web", code: 3,
			asked: []string{"", "11111111"},
		},
		"the time is up for a commit that nobody has seen": {
			answers: []any{answer(wire.RevisionPending, sha1)}, args: []string{"--timeout", "150ms", "--sha", sha1},
			line: "web TIMED OUT main@11111111: still PENDING after 150ms", stderr: "whether it is on branch main", code: 3,
			asked: []string{"11111111", "11111111"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, a := answering(t, test.answers...)
			got := run(t, f.env(), append([]string{"wait", "web"}, test.args...)...)
			if got.code != test.code || got.stdout != test.line+"\n" || !strings.Contains(got.stderr, test.stderr) {
				t.Errorf("exit code %d, stdout %q, stderr %q\nwant %d, %q, %q", got.code, got.stdout, got.stderr, test.code, test.line, test.stderr)
			}

			if diff := cmp.Diff(test.asked, a.shas); diff != "" {
				t.Errorf("asked for (-want +got):\n%s", diff)
			}
		})
	}
}

const shaA = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestWaitHasAPendingBranchLookedAtOnce(t *testing.T) {
	f, a := answering(t, answer(wire.RevisionPending, sha1), answer(wire.RevisionPending, sha1), answer(wire.RevisionSucceeded, sha1))
	run(t, f.env(), "wait", "web").ok(t)
	if diff := cmp.Diff([]string{link + " main"}, a.poked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWaitRefusesWhatItCannotWaitFor(t *testing.T) {
	f, a := answering(t, answer(wire.RevisionSucceeded, sha1))
	run(t, f.env(), "wait").refused(t, 2, "RESOURCE is missing", "Usage: lockstep wait RESOURCE")
	run(t, f.env(), "wait", "web", "api").refused(t, 2, `unexpected argument "api"`)
	run(t, f.env(), "wait", "web", "--sha", "1111111").refused(t, 2, `--sha "1111111"`, "git rev-parse")
	run(t, f.env(), "wait", "web", "--sha", "").refused(t, 2, "--sha")
	run(t, f.env(), "wait", "web", "--timeout", "-1s").refused(t, 2, "--timeout")
	run(t, f.env(), "wait", "web", "--timeout", "soon").refused(t, 2, "--timeout")
	if len(a.shas) > 0 {
		t.Errorf("the server was asked for %q", a.shas)
	}
	run(t, f.env(), "wait", "nobody").refused(t, 1, "ResourceNotFoundException")
}

func TestWaitGivesUpOnAServerThatRefuses(t *testing.T) {
	f, a := answering(t, exception("InvalidInputException", "No."))
	run(t, f.env(), "wait", "web").refused(t, 1, "InvalidInputException: No.")
	if len(a.shas) != 1 {
		t.Errorf("the server was asked %d times", len(a.shas))
	}
}

func TestWaitEndsWhenItIsInterrupted(t *testing.T) {
	f, _ := answering(t, answer(wire.RevisionInProgress, sha1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	runWith(t, ctx, f.env(), "", "wait", "web").refused(t, 1, "Interrupted")
}
