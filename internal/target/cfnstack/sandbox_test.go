package cfnstack_test

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/sandbox"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const (
	topicTemplate = `Parameters:
  Title: {Type: String, Default: one}
  Password: {Type: String, NoEcho: true, Default: none}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref Title}
`
	failing = `  Queue:
    Type: AWS::SQS::Queue
    DependsOn: Topic
    Metadata: {"Lockstep::Sandbox": {Fail: "the queue is full"}}
`
)

// sandboxURL starts a sandbox with a duration of each resource, and returns its URL.
func sandboxURL(t testing.TB, each time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sandbox.db")
	endpoint, err := sandbox.Open(t.Context(), path, sandbox.Options{ResourceDuration: each})
	if err != nil {
		t.Fatal(err)
	}

	server := httptest.NewServer(endpoint)
	t.Cleanup(func() {
		server.Close()
		if err := endpoint.Close(); err != nil {
			t.Error(err)
		}
	})

	return server.URL
}

func TestDriverFulfilsTheContractOnTheSandbox(t *testing.T) {
	for name, each := range map[string]time.Duration{"at once": time.Nanosecond, "in time": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			targettest.Test(t, func(t *testing.T) targettest.Harness {
				url := sandboxURL(t, each)
				return targettest.Harness{
					Driver:        newDriver(t, url),
					Configuration: configuration("web"),
					First:         stackFiles(topicTemplate),
					Second:        stackFiles(strings.Replace(topicTemplate, "one", "two", 1)),
					Broken:        stackFiles(topicTemplate + failing),
					Changes:       func(t testing.TB) int { return countChanges(t, url, "web") },
					Proposals:     func(t testing.TB) int { return countProposals(t, url, "web") },
				}
			})
		})
	}
}

func TestDriverEmitsTheEventsOfAFirstSync(t *testing.T) {
	d := newDriver(t, sandboxURL(t, time.Nanosecond))
	run := drive(t, d, stackFiles(topicTemplate), nil)
	want := []string{
		"TEMPLATE_BUNDLED", "PARAMETERS_ABSENT", "CHANGESET_CREATION_IN_PROGRESS", "CHANGESET_CREATION_SUCCEEDED",
		"CHANGESET_EXECUTION_IN_PROGRESS", "STACK_RESOURCE_SUCCEEDED", "STACK_CREATE_SUCCEEDED",
	}
	if diff := cmp.Diff(want, run.Types()); diff != "" {
		t.Error(diff)
	}

	text := "Changeset execution succeeded and stack created successfully. " +
		"Sandbox: nothing was provisioned; properties, permissions and quotas were not checked."
	if run.LastEvent().Message != text {
		t.Errorf("last event %q", run.LastEvent().Message)
	}
}

func TestDriverNamesTheResourceThatFailsAndGoesOn(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)
	run := drive(t, driver, stackFiles(topicTemplate), nil)
	broken := drive(t, driver, stackFiles(topicTemplate+failing), run.End.Baseline)
	targettest.CheckOutcome(t, broken, lockstep.Failed)
	if want := "Queue (AWS::SQS::Queue): the queue is full."; broken.End.Reason != want {
		t.Errorf("reason %q, want %q", broken.End.Reason, want)
	}

	if want := "STACK_UPDATE_FAILED"; broken.LastEvent().Type != want {
		t.Errorf("last event %+v, want type %s", broken.LastEvent(), want)
	}
	if want := "the stack is UPDATE_ROLLBACK_COMPLETE"; !strings.Contains(broken.LastEvent().Message, want) {
		t.Errorf("last event %+v, want its message to contain %q", broken.LastEvent(), want)
	}

	mended := drive(t, driver, stackFiles(topicTemplate), broken.End.Baseline)
	targettest.CheckOutcome(t, mended, lockstep.Unchanged)
}

func TestDriverIsBlockedByAFirstSyncThatFails(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)
	run := drive(t, driver, stackFiles(topicTemplate+failing), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if run.End.Blocked == nil {
		t.Fatal("the resource is not blocked")
	}

	next := drive(t, driver, stackFiles(topicTemplate), run.End.Baseline)
	if lockstep.KindOf(next.Err) != lockstep.Blocked {
		t.Errorf("got %+v, %v", next.End, next.Err)
	}

	deleteStack(t, url, "web")

	next = drive(t, driver, stackFiles(topicTemplate), nil)
	targettest.CheckOutcome(t, next, lockstep.Applied)
}

func TestDriverDetectsManualChanges(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)
	run := drive(t, driver, stackFiles(topicTemplate), nil)
	_, err := cloudFormationClient(url).UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
		StackName:           aws.String("web"),
		UsePreviousTemplate: aws.Bool(true),
		Parameters: []types.Parameter{
			{ParameterKey: aws.String("Title"), ParameterValue: aws.String("by hand")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}

	next := drive(t, driver, stackFiles(topicTemplate), run.End.Baseline)
	targettest.CheckError(t, next.Err, lockstep.Blocked, "by something besides StackSync")

	next = drive(t, driver, stackFiles(topicTemplate), nil)
	targettest.CheckOutcome(t, next, lockstep.Applied)

	deleteStack(t, url, "web")

	next = drive(t, driver, stackFiles(topicTemplate), next.End.Baseline)
	if lockstep.KindOf(next.Err) != lockstep.Blocked {
		t.Errorf("deleted: %+v, %v", next.End, next.Err)
	}
}

func TestDriverKeepsAndClearsTags(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)
	var note []byte
	for i, test := range []struct {
		file    string
		outcome lockstep.Outcome
		tags    int
	}{
		{"tags: {a: b, c: d}\n", lockstep.Applied, 2},
		{"tags: {a: b, c: d}\n", lockstep.Unchanged, 2},
		{"", lockstep.Unchanged, 2},
		{"tags: {a: b}\n", lockstep.Applied, 1},
		{"tags: {}\n", lockstep.Applied, 0},
	} {
		files := deploymentFiles(test.file, topicTemplate)
		run := drive(t, driver, files, note)
		targettest.CheckOutcome(t, run, test.outcome)

		note = run.End.Baseline
		out, err := describeStacks(t, url, "web")
		if err != nil || len(out.Stacks[0].Tags) != test.tags {
			t.Errorf("%d: tags %v, %v", i, out.Stacks[0].Tags, err)
		}
	}
}

func TestDriverKeepsTheValueOfAnAbsentNoEchoParameter(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)

	// The topic's name has the password, so that a changed password changes the topic.
	template := strings.Replace(topicTemplate, "!Ref Title", "!Ref Password", 1)
	files := func(file string) targettest.Tree {
		return deploymentFiles(file, template)
	}
	run := drive(t, driver, files("parameters: {Password: kept}"), nil)
	targettest.CheckOutcome(t, run, lockstep.Applied)

	next := drive(t, driver, files(""), run.End.Baseline)
	targettest.CheckOutcome(t, next, lockstep.Unchanged)
}

func TestDriverFailsWithTheReasonOfABrokenTemplate(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)
	for name, template := range map[string]string{
		"no resources": "Parameters: {}\n",
		"unknown ref":  "Resources: {T: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Nothing}}}\n",
	} {
		run := drive(t, driver, stackFiles(template), nil)
		targettest.CheckOutcome(t, run, lockstep.Failed)
		if run.End.Reason == "" {
			t.Error("the failure has no reason")
		}
		if want := "CHANGESET_CREATION_FAILED"; run.LastEvent().Type != want {
			t.Errorf("last event %+v, want type %s", run.LastEvent(), want)
		}

		if n := countProposals(t, url, "web"); n != 0 {
			t.Errorf("%s: %d proposals are left behind", name, n)
		}
	}
}

func TestDriverWorksInTheAccountOfTheRole(t *testing.T) {
	f := &fake{url: sandboxURL(t, time.Nanosecond)}
	d := driverAssumingRoles(t, f)
	run := drive(t, d, stackFiles(topicTemplate), nil)
	targettest.CheckOutcome(t, run, lockstep.Applied)
	if want := ":eu-west-1:444455556666:changeSet/"; !strings.Contains(run.Attempt.Intent, want) {
		t.Errorf("got %q, want it to contain %q", run.Attempt.Intent, want)
	}
}

func TestDiscardFindsAChangeSetThatACrashLost(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver, attempt := newDriver(t, url), targettest.NewAttempt(t, configuration("web"), stackFiles(topicTemplate), nil)
	step, err := driver.Advance(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}

	attempt.Checkpoint = step.Checkpoint
	if _, err := driver.Advance(t.Context(), attempt); err != nil { // creates the change set; its memory is lost
		t.Fatal(err)
	}

	if left := countProposals(t, url, "web"); left == 0 {
		t.Fatal("nothing was proposed")
	}

	if err := driver.Discard(t.Context(), attempt); err != nil {
		t.Fatal(err)
	}

	if left := countProposals(t, url, "web"); left != 0 {
		t.Errorf("%d proposals are left behind", left)
	}
}
