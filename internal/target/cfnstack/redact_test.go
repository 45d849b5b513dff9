package cfnstack_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const canary = "canary-8675309"

// secretive has an arrangement for each place in which an endpoint can repeat a secret.
var secretive = map[string]func(*fake){
	"a refused creation": func(f *fake) {
		f.respond("CreateChangeSet", errorAnswer(400, "ValidationError", "Parameter value "+canary+" is too short"))
	},
	"a denied creation": func(f *fake) {
		f.respond("CreateChangeSet", errorAnswer(403, "AccessDenied", "not with "+canary))
	},
	"a failed change set": func(f *fake) {
		f.respond("DescribeChangeSet", noChangeSet(), changeSet("FAILED", "UNAVAILABLE", "no "+canary))
	},
	"a refused execution": func(f *fake) {
		f.respond("ExecuteChangeSet", errorAnswer(400, "InvalidPassword", canary+" is no password"))
	},
	"a denied execution": func(f *fake) {
		f.respond("ExecuteChangeSet", errorAnswer(403, "AccessDenied", canary))
	},
	"a failed resource": func(f *fake) {
		list := events(
			event{canary, "Db", "AWS::RDS::DBInstance", "CREATE_FAILED", canary + " has a dash"},
			stackEvent("UPDATE_ROLLBACK_IN_PROGRESS", "because "+canary),
			stackEvent("UPDATE_ROLLBACK_COMPLETE", canary))
		reason := "<StackStatusReason>" + canary + "</StackStatusReason>"
		arrangeExecution(f, list, stack("UPDATE_IN_PROGRESS", ""), stack("UPDATE_ROLLBACK_COMPLETE", reason))
	},
	"a success that says more": func(f *fake) {
		list := events(stackEvent("UPDATE_COMPLETE", canary))
		arrangeExecution(f, list, stack("UPDATE_IN_PROGRESS", ""), stack("UPDATE_COMPLETE", ""))
	},
	"a blocked end": func(f *fake) {
		list := events(
			event{"x", "Db", "AWS::RDS::DBInstance", "CREATE_FAILED", canary},
			stackEvent("UPDATE_ROLLBACK_FAILED", canary))
		arrangeExecution(f, list, stack("UPDATE_ROLLBACK_FAILED", ""))
	},
}

func TestAdvanceNeverShowsAValueOfANoEchoParameter(t *testing.T) {
	for name, arrange := range secretive {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			arrange(f)
			checkNoCanary(t, f, f.attempt(withParameters("parameters: {Password: "+canary+"}"), nil))
		})
	}
}

func TestAdvanceWithholdsTextWhenTheSecretsAreUnknown(t *testing.T) {
	fake := newFake(t)
	secretive["a failed resource"](fake)
	attempt := fake.attempt(withParameters("parameters: {Password: "+canary+"}"), nil)
	open, opened := attempt.OpenTree, 0
	attempt.OpenTree = func(ctx context.Context) (lockstep.Tree, error) {
		if opened++; opened > 2 { // by the change set's execution
			return nil, lockstep.Errorf(lockstep.NotFound, "The commit is gone.")
		}
		return open(ctx)
	}

	run := checkNoCanary(t, fake, attempt)
	targettest.CheckOutcome(t, run, lockstep.Failed)
}

// checkNoCanary runs an attempt and checks that nothing that leaves the driver contains
// the secret.
func checkNoCanary(t *testing.T, f *fake, attempt target.Attempt) targettest.Run {
	t.Helper()
	run := targettest.Drive(t, f.driver(), attempt, false)
	output := fmt.Sprintf("%+v %+v %s", run.Events, run.Plan, run.Attempt.Checkpoint)
	if run.Err != nil {
		output += run.Err.Error()
	}

	if run.End != nil {
		output += fmt.Sprintf("%+v %s %v", run.End, run.End.Baseline, run.End.Blocked)
	}

	if strings.Contains(output, canary) {
		t.Errorf("the secret shows: %s", output)
	}

	if !strings.Contains(output, "****") && !strings.Contains(output, "Output withheld") {
		t.Errorf("the secret does not occur: %s", output)
	}

	return run
}

func TestAdvanceHidesASecretThatHoldsAnother(t *testing.T) {
	fake := newFake(t)
	fake.respond("CreateChangeSet", errorAnswer(400, "ValidationError", "the value canary-long is refused"))
	files := targettest.Files(map[string]string{
		"web.yaml": "template-file-path: t.yaml\nparameters: {A: canary, B: canary-long}\n",
		"t.yaml":   "Parameters: {A: {Type: String, NoEcho: true}, B: {Type: String, NoEcho: 'true'}}\nResources: {}\n",
	})
	run := fake.run(files, nil)
	if run.End == nil || run.End.Reason != "the value **** is refused" {
		t.Errorf("got %+v, %v", run.End, run.Err)
	}
}
