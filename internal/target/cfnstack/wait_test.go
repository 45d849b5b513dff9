package cfnstack_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// arrangeExecution prepares an execution: the stack's answers after the first one, and
// the events.
func arrangeExecution(f *fake, list answer, stacks ...answer) {
	f.respond("DescribeStacks", append([]answer{stack("CREATE_COMPLETE", "")}, stacks...)...)
	f.respond("DescribeStackEvents", list)
}

func TestAdvanceEmitsTheEventsOfAnUpdateAsAWSDoes(t *testing.T) {
	fake := newFake(t)
	arrangeExecution(fake, events(stackEvent("UPDATE_IN_PROGRESS", "User Initiated"),
		event{"arn:topic", "Topic", "AWS::SNS::Topic", "UPDATE_IN_PROGRESS", ""},
		event{"arn:topic", "Topic", "AWS::SNS::Topic", "UPDATE_COMPLETE", ""},
		stackEvent("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ""), stackEvent("UPDATE_COMPLETE", "")),
		stack("UPDATE_COMPLETE", "<LastUpdatedTime>2026-01-02T03:04:06Z</LastUpdatedTime>"))

	run := fake.run(plainFiles(), nil)
	want := []lockstep.Event{
		{
			Type:       "CHANGESET_CREATION_SUCCEEDED",
			Message:    "Changeset creation succeeded.",
			ExternalID: changeSetARN,
		},
		{
			Type:       "CHANGESET_EXECUTION_IN_PROGRESS",
			Message:    "Waiting for changeset execution to finish.",
			ExternalID: changeSetARN,
		},
		{
			Type:       "STACK_RESOURCE_SUCCEEDED",
			Message:    "Topic (AWS::SNS::Topic): UPDATE_COMPLETE.",
			ExternalID: "arn:topic",
		},
		{
			Type:       "STACK_UPDATE_SUCCEEDED",
			Message:    "Changeset execution succeeded and stack updated successfully.",
			ExternalID: stackARN,
		},
	}
	if diff := cmp.Diff(want, run.Events[len(run.Events)-4:]); diff != "" {
		t.Error(diff)
	}

	targettest.CheckOutcome(t, run, lockstep.Applied)
	if want := `"updated_at":"2026-01-02T03:04:06Z"`; !strings.Contains(string(run.End.Baseline), want) {
		t.Errorf("the baseline is %s, want it to contain %s", run.End.Baseline, want)
	}

	call := fake.called("ExecuteChangeSet")[0]
	if got := call.Get("ChangeSetName"); got != changeSetARN {
		t.Errorf("executed change set %q, want %q", got, changeSetARN)
	}
	if got, want := call.Get("ClientRequestToken"), "lockstep-"+run.Attempt.ID+"-1"; got != want {
		t.Errorf("executed with token %q, want %q", got, want)
	}
}

func TestAdvanceShowsEachStackEventOnce(t *testing.T) {
	fake := newFake(t)
	begin := []event{stackEvent("UPDATE_IN_PROGRESS", ""), {"a", "A", "AWS::SNS::Topic", "UPDATE_COMPLETE", ""}}
	more := append(begin[:2:2], event{"b", "B", "AWS::SNS::Topic", "UPDATE_COMPLETE", ""})
	inProgress := stack("UPDATE_IN_PROGRESS", "")
	arrangeExecution(fake, answer{}, inProgress, inProgress, stack("UPDATE_COMPLETE", ""))
	all := append(more, stackEvent("UPDATE_COMPLETE", ""))
	fake.respond("DescribeStackEvents", events(begin...), events(more...), events(all...))
	run := fake.run(plainFiles(), nil)
	shown := 0
	for _, ev := range run.Events {
		if ev.Type == "STACK_RESOURCE_SUCCEEDED" {
			shown++
		}
	}

	targettest.CheckOutcome(t, run, lockstep.Applied)
	if shown != 2 {
		t.Errorf("%d resource events, want 2: %v", shown, run.Events)
	}
}

func TestResourcesThatAreNotListedAreCounted(t *testing.T) {
	fake := newFake(t)
	list := []event{stackEvent("UPDATE_IN_PROGRESS", "")}
	for range 100 {
		list = append(list, event{"a", "A", "AWS::SNS::Topic", "UPDATE_COMPLETE", ""})
	}
	list = append(list, stackEvent("UPDATE_COMPLETE", ""))
	arrangeExecution(fake, events(list...), stack("UPDATE_COMPLETE", ""))

	run := fake.run(plainFiles(), nil)
	omitted := run.Events[len(run.Events)-2]
	if omitted.Type != "STACK_RESOURCES_OMITTED" {
		t.Fatalf("the event before the last is %s, want STACK_RESOURCES_OMITTED", omitted.Type)
	}
	if want := "40 further events of resources are not listed."; !strings.HasPrefix(omitted.Message, want) {
		t.Errorf("the event says %q, want %q", omitted.Message, want)
	}
	if last := run.Events[len(run.Events)-1].Type; last != "STACK_UPDATE_SUCCEEDED" {
		t.Errorf("the last event is %s, want STACK_UPDATE_SUCCEEDED", last)
	}
}

func TestAdvanceWaitsForTheExecutionAndNotForAStackAtRest(t *testing.T) {
	fake := newFake(t)
	arrangeExecution(fake, events(), stack("UPDATE_COMPLETE", ""))
	available := changeSet("CREATE_COMPLETE", "AVAILABLE", "")
	executed := changeSet("CREATE_COMPLETE", "EXECUTE_COMPLETE", "")
	running := changeSet("CREATE_COMPLETE", "EXECUTE_IN_PROGRESS", "")
	fake.respond("DescribeChangeSet",
		noChangeSet(), available, available, running, running, running, executed)
	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Applied)

	if n := len(fake.called("DescribeChangeSet")); n != 7 {
		t.Errorf("the change set was described %d times, want 7", n)
	}
}

func TestAdvanceNamesTheFirstResourceThatFailed(t *testing.T) {
	fake := newFake(t)
	arrangeExecution(fake, events(stackEvent("UPDATE_IN_PROGRESS", "User Initiated"),
		event{"b", "Bucket", "AWS::S3::Bucket", "CREATE_FAILED", "The bucket name is taken"},
		event{"q", "Queue", "AWS::SQS::Queue", "CREATE_FAILED", "Resource creation cancelled"},
		stackEvent("UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Bucket, Queue]."),
		event{"t", "Topic", "AWS::SNS::Topic", "UPDATE_COMPLETE", ""},
		stackEvent("UPDATE_ROLLBACK_COMPLETE", "")), stack("UPDATE_ROLLBACK_COMPLETE", ""))

	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if run.End.Blocked != nil {
		t.Errorf("the resource is blocked: %v", run.End.Blocked)
	}
	if run.End.Baseline == nil {
		t.Error("the attempt left no baseline")
	}

	if want := "Bucket (AWS::S3::Bucket): The bucket name is taken."; run.End.Reason != want {
		t.Errorf("reason %q, want %q", run.End.Reason, want)
	}

	want := []string{
		"Bucket (AWS::S3::Bucket): CREATE_FAILED: The bucket name is taken.",
		"The stack is being rolled back. The following resource(s) failed to create: [Bucket, Queue].",
		"Changeset execution failed and the stack is UPDATE_ROLLBACK_COMPLETE. " +
			"Bucket (AWS::S3::Bucket): The bucket name is taken.",
	}
	if diff := cmp.Diff(want, messages(run)[len(run.Events)-3:]); diff != "" {
		t.Error(diff)
	}
}

func messages(run targettest.Run) []string {
	var texts []string
	for _, ev := range run.Events {
		texts = append(texts, ev.Message)
	}
	return texts
}

func TestAdvanceFollowsAFailureIntoNestedStacks(t *testing.T) {
	fake := newFake(t)
	const reason = "Embedded stack was not successfully created"
	outer := events(stackEvent("UPDATE_IN_PROGRESS", ""),
		event{nestedARN, "Net", "AWS::CloudFormation::Stack", "CREATE_FAILED", reason},
		stackEvent("UPDATE_ROLLBACK_COMPLETE", ""))
	inner := events(event{nestedARN, "web-Net", "AWS::CloudFormation::Stack", "CREATE_FAILED", "self"},
		event{"v", "Vpc", "AWS::EC2::VPC", "CREATE_FAILED", "The CIDR is invalid"})
	arrangeExecution(fake, answer{}, stack("UPDATE_ROLLBACK_COMPLETE", ""))
	fake.respond("DescribeStackEvents", outer, inner)
	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "Net.Vpc (AWS::EC2::VPC): The CIDR is invalid."; run.End.Reason != want {
		t.Errorf("reason %q, want %q", run.End.Reason, want)
	}

	if got := fake.called("DescribeStackEvents"); got[len(got)-1].Get("StackName") != nestedARN {
		t.Errorf("calls %v", got)
	}
}

func TestAdvanceIgnoresEventsOfOtherOperations(t *testing.T) {
	fake := newFake(t)
	attempt := fake.attempt(plainFiles(), nil)
	list := events(event{"o", "Other", "AWS::SNS::Topic", "CREATE_FAILED", "not ours"},
		event{"b", "Bucket", "AWS::S3::Bucket", "CREATE_FAILED", "ours"}, stackEvent("UPDATE_ROLLBACK_COMPLETE", ""))
	token := "<ClientRequestToken>lockstep-" + attempt.ID + "-1</ClientRequestToken></member>"
	parts := strings.Split(list.body, "</member>") // newest first
	list.body = parts[0] + token + parts[1] + token + parts[2] + "</member>" + parts[3]
	arrangeExecution(fake, list, stack("UPDATE_ROLLBACK_COMPLETE", ""))
	run := targettest.Drive(t, fake.driver(), attempt, false)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "Bucket (AWS::S3::Bucket): ours."; run.End.Reason != want {
		t.Errorf("reason %q, want %q", run.End.Reason, want)
	}
}

func TestAdvanceBlocksWhereItsOwnFailureNeedsAPerson(t *testing.T) {
	f := newFake(t)
	f.respond("DescribeStacks", noStack(), stack("ROLLBACK_COMPLETE", ""))
	failed := event{"b", "Bucket", "AWS::S3::Bucket", "CREATE_FAILED", "taken"}
	f.respond("DescribeStackEvents", events(failed, stackEvent("ROLLBACK_COMPLETE", "")))
	run := f.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if run.End.Blocked == nil {
		t.Fatal("the resource is not blocked")
	}

	contexts := run.End.Blocked.Contexts
	if contexts[len(contexts)-1] != (lockstep.Context{Key: "LogicalResourceId", Value: "Bucket"}) {
		t.Errorf("contexts %v", contexts)
	}

	if run.LastEvent().Type != "STACK_CREATE_FAILED" {
		t.Errorf("last event %+v", run.LastEvent())
	}
}

func TestAdvanceNeverExecutesWhatIsExecutedAlready(t *testing.T) {
	for _, status := range []string{"EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE"} {
		fake := newFake(t)
		run := targettest.DriveToIntent(t, fake.driver(), fake.attempt(plainFiles(), nil))
		executed := changeSet("CREATE_COMPLETE", "EXECUTE_COMPLETE", "")
		fake.respond("DescribeChangeSet", changeSet("CREATE_COMPLETE", status, ""), executed)
		fake.respond("DescribeStacks", stack("UPDATE_COMPLETE", ""))
		run = targettest.Drive(t, fake.driver(), run.Attempt, false)
		targettest.CheckOutcome(t, run, lockstep.Applied)
		if calls := len(fake.called("ExecuteChangeSet")); calls != 0 {
			t.Errorf("ExecuteChangeSet was called %d times, want 0", calls)
		}

		if err := fake.driver().Discard(t.Context(), run.Attempt); err != nil {
			t.Errorf("discard: %v", err)
		}
		if calls := len(fake.called("DeleteChangeSet")); calls != 0 {
			t.Errorf("DeleteChangeSet was called %d times, want 0", calls)
		}
	}
}

func TestAdvanceExecutesOnlyTheCommittedIntent(t *testing.T) {
	fake := newFake(t)
	run := targettest.DriveToIntent(t, fake.driver(), fake.attempt(plainFiles(), nil))
	run.Attempt.Intent = "arn:of:another"
	step, err := fake.driver().Advance(t.Context(), run.Attempt)
	if err != nil {
		t.Fatal(err)
	}
	if step.Intent != changeSetARN {
		t.Errorf("intent %q, want %q", step.Intent, changeSetARN)
	}
	if calls := len(fake.called("ExecuteChangeSet")); calls != 0 {
		t.Errorf("ExecuteChangeSet was called %d times, want 0", calls)
	}
}

func TestAdvanceBlocksWhenTheStackIsDeletedDuringTheExecution(t *testing.T) {
	f := newFake(t)
	arrangeExecution(f, events(), noStack())
	run := f.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if run.End.Blocked == nil {
		t.Fatal("the resource is not blocked")
	}
	if kind := run.End.Blocked.Kind; kind != lockstep.Blocked {
		t.Errorf("the blocker has kind %v", kind)
	}
}

func TestAdvanceEndsWithTheReasonOfARefusedExecution(t *testing.T) {
	f := newFake(t)
	f.respond("ExecuteChangeSet", errorAnswer(409, "BucketAlreadyExists", "The bucket name is taken"))
	run := f.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "BucketAlreadyExists: The bucket name is taken"; run.End.Reason != want {
		t.Errorf("reason %q, want %q", run.End.Reason, want)
	}

	want := "Changeset execution failed. The reason was BucketAlreadyExists: The bucket name is taken."
	if got := run.LastEvent().Message; got != want {
		t.Errorf("last message %q, want %q", got, want)
	}
}

func TestAdvanceAcceptsTheStackAfterAnExecutionWithUnknownEnd(t *testing.T) {
	fake := newFake(t)
	arrangeExecution(fake, events(), stack("UPDATE_IN_PROGRESS", ""), errorAnswer(403, "AccessDenied", "no longer"))
	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "cloudformation:DescribeStacks was denied"; !strings.Contains(run.End.Reason, want) {
		t.Errorf("got %q, want it to contain %q", run.End.Reason, want)
	}
	fake.respond("DescribeStacks", stack("UPDATE_COMPLETE", "<LastUpdatedTime>2026-01-02T03:04:06Z</LastUpdatedTime>"))
	if _, err := fake.driver().Advance(t.Context(), fake.attempt(plainFiles(), run.End.Baseline)); err != nil {
		t.Errorf("the next attempt: %v", err)
	}
}

func TestAdvanceShowsABoundedNumberOfResources(t *testing.T) {
	fake := newFake(t)
	list := []event{stackEvent("UPDATE_IN_PROGRESS", "")}
	for range 50 {
		list = append(list,
			event{"a", "A", "AWS::SNS::Topic", "UPDATE_COMPLETE", ""},
			event{"b", "B", "AWS::SNS::Topic", "UPDATE_COMPLETE", ""})
	}
	arrangeExecution(fake, events(append(list, stackEvent("UPDATE_COMPLETE", ""))...), stack("UPDATE_COMPLETE", ""))
	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Applied)
	if n := len(run.Events); n > 70 {
		t.Errorf("%d events, want at most 70", n)
	}
}
