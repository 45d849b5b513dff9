package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/wire"
)

// past is a server on which web was tried three times, which it lists in pages
// of one. What was asked for is noted.
func past(t testing.TB) (*fake, *[]string) {
	f, asked := newFake(t), new([]string)
	all := []wire.ResourceSyncAttemptSummary{
		{AttemptId: "third", Status: "IN_PROGRESS", Branch: "main", InitialSha: sha2, TargetSha: sha3, StartedAt: clock(6, 0), LastEvent: "Creating\x1b a\nchangeset."},
		{AttemptId: "second", Status: "FAILED", Outcome: wire.OutcomeFailed, Branch: "main", InitialSha: sha1, TargetSha: sha2,
			StartedAt: clock(5, 0), EndedAt: clock(5, 42), LastEvent: "No."},
		{AttemptId: "first", Status: "SUCCEEDED", Outcome: wire.OutcomeApplied, Branch: "main", InitialSha: sha1, TargetSha: sha1,
			StartedAt: clock(4, 0), EndedAt: wire.Time{Time: clock(4, 2).Add(345e6)}, LastEvent: "Done."},
	}
	own(f, "ListResourceSyncAttempts", func(in *wire.ListResourceSyncAttemptsInput) (*wire.ListResourceSyncAttemptsOutput, error) {
		if in.ResourceName == "nobody" {
			return nil, exception("ResourceNotFoundException", "Could not find it.")
		}

		*asked = append(*asked, fmt.Sprint(in.NextToken, *in.MaxResults))
		if in.ResourceName == "new" {
			return &wire.ListResourceSyncAttemptsOutput{Attempts: []wire.ResourceSyncAttemptSummary{}}, nil
		}

		n := len(in.NextToken)
		out := &wire.ListResourceSyncAttemptsOutput{Attempts: all[n : n+1]}
		if n < 2 {
			out.NextToken = in.NextToken + "x"
		}

		return out, nil
	})
	own(f, "GetResourceSyncAttempt", func(in *wire.GetResourceSyncAttemptInput) (*wire.GetResourceSyncAttemptOutput, error) {
		if in.AttemptId != "second" {
			return nil, exception("ResourceNotFoundException", "Could not find the attempt.")
		}

		a := attempt("FAILED", sha2, event(1, "TEMPLATE_BUNDLED", "Template bundled."), event(2, "STACK_UPDATE_FAILED", "No."))
		return &wire.GetResourceSyncAttemptOutput{AttemptId: "second", ResourceName: "web", SyncType: "CFN_STACK_SYNC",
			Outcome: wire.OutcomeFailed, EndedAt: clock(4, 42), Attempt: a, Plan: &wire.SyncPlan{Truncated: true, Changes: []wire.ProposedChange{
				{Action: "Add", LogicalResourceId: "Topic", ResourceType: "AWS::SNS::Topic"},
				{Action: "Modify", LogicalResourceId: "Queue", PhysicalResourceId: "q", ResourceType: "AWS::SQS::Queue", Replacement: "True",
					Scope: []string{"Properties"}, Details: []wire.ChangeDetail{
						{Attribute: "Properties", Name: "QueueName", RequiresRecreation: "Always", ChangeSource: "ParameterReference", CausingEntity: "Name\u202e"},
						{Attribute: "Tags", RequiresRecreation: "Never", ChangeSource: "DirectModification"}}},
			}, Parameters: []wire.ValueChange{{Name: "Name", Before: "old", After: "new\u202e"}, {Name: "Password", Masked: true}},
				Tags: []wire.ValueChange{{Name: "team", After: "web"}}}}, nil
	})

	return f, asked
}

func TestHistoryIsPrintedInEachFormat(t *testing.T) {
	f, _ := past(t)
	for _, format := range []string{"table", "json", "yaml"} {
		golden(t, "history."+format, run(t, f.env(), "history", "web", "-o", format).ok(t).stdout)
		golden(t, "attempt."+format, run(t, f.env(), "history", "web", "second", "-o", format).ok(t).stdout)
	}
	named := run(t, f.env(), "history", "--attempt", "second").ok(t).stdout
	if diff := cmp.Diff(run(t, f.env(), "history", "web", "second").ok(t).stdout, named); diff != "" {
		t.Errorf("--attempt prints something else:\n%s", diff)
	}
}

func TestHistoryAsksForNoMoreThanItShows(t *testing.T) {
	f, asked := past(t)
	if out := run(t, f.env(), "history", "web", "--limit", "2").ok(t).stdout; strings.Contains(out, "first") || !strings.Contains(out, "second") {
		t.Errorf("it prints:\n%s", out)
	}
	if diff := cmp.Diff([]string{"2", "x2"}, *asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHistoryOfWhatWasNeverTriedOrIsNotThere(t *testing.T) {
	f, _ := past(t)
	if out := run(t, f.env(), "history", "new").ok(t).stdout; out != "new was never synced.\n" {
		t.Errorf("it prints %q", out)
	}
	if out := run(t, f.env(), "history", "new", "-o", "json").ok(t).stdout; out != "{\n  \"Attempts\": []\n}\n" {
		t.Errorf("it prints %q", out)
	}
	run(t, f.env(), "history", "nobody").refused(t, 1, "ResourceNotFoundException: Could not find it.")
	run(t, f.env(), "history", "web", "fourth").refused(t, 1, "ResourceNotFoundException: Could not find the attempt.")
	run(t, f.env(), "history", "api", "second").refused(t, 1, "second is one of web, not of api", "lockstep history api")
}
