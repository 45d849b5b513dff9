package status_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/wire"
)

// newHistoryServer returns a server with three attempts for web, in pages of one;
// and the requests it received.
func newHistoryServer(t testing.TB) (*clitest.Server, *[]string) {
	server, received := clitest.NewServer(t), new([]string)
	all := []wire.ResourceSyncAttemptSummary{
		{
			AttemptId:  "third",
			Status:     "IN_PROGRESS",
			Branch:     "main",
			InitialSha: sha2,
			TargetSha:  sha3,
			StartedAt:  timeAt(6, 0),
			LastEvent:  "Creating\x1b a\nchangeset.",
		},
		{
			AttemptId:  "second",
			Status:     "FAILED",
			Outcome:    wire.OutcomeFailed,
			Branch:     "main",
			InitialSha: sha1,
			TargetSha:  sha2,
			StartedAt:  timeAt(5, 0),
			EndedAt:    timeAt(5, 42),
			LastEvent:  "No.",
		},
		{
			AttemptId:  "first",
			Status:     "SUCCEEDED",
			Outcome:    wire.OutcomeApplied,
			Branch:     "main",
			InitialSha: sha1,
			TargetSha:  sha1,
			StartedAt:  timeAt(4, 0),
			EndedAt:    wire.Time{Time: timeAt(4, 2).Add(345e6)},
			LastEvent:  "Done.",
		},
	}
	clitest.Handle(server, "ListResourceSyncAttempts",
		func(request *wire.ListResourceSyncAttemptsInput) (*wire.ListResourceSyncAttemptsOutput, error) {
			if request.ResourceName == "unknown" {
				return nil, clitest.Exception("ResourceNotFoundException", "Could not find it.")
			}

			*received = append(*received, fmt.Sprint(request.NextToken, *request.MaxResults))
			if request.ResourceName == "new" {
				return &wire.ListResourceSyncAttemptsOutput{Attempts: []wire.ResourceSyncAttemptSummary{}}, nil
			}

			n := len(request.NextToken)
			out := &wire.ListResourceSyncAttemptsOutput{Attempts: all[n : n+1]}
			if n < 2 {
				out.NextToken = request.NextToken + "x"
			}

			return out, nil
		})
	clitest.Handle(server, "GetResourceSyncAttempt",
		func(request *wire.GetResourceSyncAttemptInput) (*wire.GetResourceSyncAttemptOutput, error) {
			if request.AttemptId != "second" {
				return nil, clitest.Exception("ResourceNotFoundException", "Could not find the attempt.")
			}

			failed := attempt("FAILED", sha2, event(1, "TEMPLATE_BUNDLED", "Template bundled."),
				event(2, "STACK_UPDATE_FAILED", "No."))
			return &wire.GetResourceSyncAttemptOutput{
				AttemptId:    "second",
				ResourceName: "web",
				SyncType:     "CFN_STACK_SYNC",
				Outcome:      wire.OutcomeFailed,
				EndedAt:      timeAt(4, 42),
				Attempt:      failed,
				Plan: &wire.SyncPlan{
					Truncated: true,
					Changes: []wire.ProposedChange{
						{Action: "Add", LogicalResourceId: "Topic", ResourceType: "AWS::SNS::Topic"},
						{
							Action:             "Modify",
							LogicalResourceId:  "Queue",
							PhysicalResourceId: "q",
							ResourceType:       "AWS::SQS::Queue",
							Replacement:        "True",
							Scope:              []string{"Properties"},
							Details: []wire.ChangeDetail{
								{
									Attribute:          "Properties",
									Name:               "QueueName",
									RequiresRecreation: "Always",
									ChangeSource:       "ParameterReference",
									CausingEntity:      "Name\u202e",
								},
								{Attribute: "Tags", RequiresRecreation: "Never", ChangeSource: "DirectModification"},
							},
						},
					},
					Parameters: []wire.ValueChange{
						{Name: "Name", Before: "old", After: "new\u202e"},
						{Name: "Password", Masked: true},
					},
					Tags: []wire.ValueChange{{Name: "team", After: "web"}},
				},
			}, nil
		})

	return server, received
}

func TestHistoryIsPrintedInEachFormat(t *testing.T) {
	server, _ := newHistoryServer(t)
	for _, format := range []string{"table", "json", "yaml"} {
		clitest.Golden(t, "history."+format, clitest.Run(t, server.Env(), "history", "web", "-o", format).OK(t).Stdout)
		clitest.Golden(t, "attempt."+format,
			clitest.Run(t, server.Env(), "history", "web", "second", "-o", format).OK(t).Stdout)
	}
	named := clitest.Run(t, server.Env(), "history", "--attempt", "second").OK(t).Stdout
	if diff := cmp.Diff(clitest.Run(t, server.Env(), "history", "web", "second").OK(t).Stdout, named); diff != "" {
		t.Errorf("--attempt prints something else:\n%s", diff)
	}
}

func TestHistoryRequestsNoMoreThanItShows(t *testing.T) {
	server, asked := newHistoryServer(t)
	out := clitest.Run(t, server.Env(), "history", "web", "--limit", "2").OK(t).Stdout
	if strings.Contains(out, "first") || !strings.Contains(out, "second") {
		t.Errorf("it prints:\n%s", out)
	}
	if diff := cmp.Diff([]string{"2", "x2"}, *asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHistoryWithoutAttempts(t *testing.T) {
	server, _ := newHistoryServer(t)
	if out := clitest.Run(t, server.Env(), "history", "new").OK(t).Stdout; out != "new has never been synced.\n" {
		t.Errorf("it prints %q", out)
	}
	out := clitest.Run(t, server.Env(), "history", "new", "-o", "json").OK(t).Stdout
	if out != "{\n  \"Attempts\": []\n}\n" {
		t.Errorf("it prints %q", out)
	}
	clitest.Run(t, server.Env(), "history", "unknown").Fails(t, 1, "ResourceNotFoundException: Could not find it.")
	clitest.Run(t, server.Env(), "history", "web", "fourth").
		Fails(t, 1, "ResourceNotFoundException: Could not find the attempt.")
	clitest.Run(t, server.Env(), "history", "api", "second").
		Fails(t, 1, "second belongs to web, not to api", "lockstep history api")
}
