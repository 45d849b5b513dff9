package cfnstack_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const (
	exporting = topicTemplate + `Outputs:
  Arn: {Value: !Ref Topic, Export: {Name: shared}}
`
	importing = `Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !ImportValue shared}
`
)

func TestAMissingExportIsAwaitedAndThenFound(t *testing.T) {
	driver := newDriver(t, sandboxURL(t, time.Nanosecond))
	attempt := targettest.NewAttempt(t, configuration("api"), stackFiles(importing), nil)
	var types []string
	made := false
	for range 100 {
		attempt.Now = attempt.StartedAt.Add(time.Second)
		step, err := driver.Advance(t.Context(), attempt)
		if err != nil {
			t.Fatal(err)
		}

		for _, ev := range step.Events {
			types = append(types, ev.Type)
		}

		if step.Checkpoint != nil {
			attempt.Checkpoint = step.Checkpoint
		}

		if step.Intent != "" {
			attempt.Intent = step.Intent
		}

		if step.End != nil {
			if step.End.Outcome != lockstep.Applied {
				t.Fatalf("ended %+v after %v", step.End, types)
			}
			break
		}

		if slices.Contains(types, "EXPORT_AWAITED") && !made {
			made = true
			drive(t, driver, stackFiles(exporting), nil)
		}
	}

	if times := count(types, "EXPORT_AWAITED"); times != 1 {
		t.Errorf("the wait was told %d times: %v", times, types)
	}

	if times := count(types, "CHANGESET_CREATION_IN_PROGRESS"); times != 1 {
		t.Errorf("the change set was announced %d times: %v", times, types)
	}

	if types[len(types)-1] != "STACK_CREATE_SUCCEEDED" {
		t.Errorf("events: %v", types)
	}
}

func TestAnExportThatNeverComesFailsWithCloudFormationsReason(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	d := newDriver(t, url)
	attempt := targettest.NewAttempt(t, configuration("api"), stackFiles(importing), nil)
	attempt.StartedAt = attempt.StartedAt.Add(-time.Hour)
	run := targettest.Drive(t, d, attempt, false)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "No export named shared found"; !strings.Contains(run.End.Reason, want) {
		t.Errorf("got %q, want it to contain %q", run.End.Reason, want)
	}

	if count(run.Types(), "EXPORT_AWAITED") != 0 {
		t.Errorf("events: %v", run.Types())
	}

	if n := countProposals(t, url, "api"); n != 0 {
		t.Errorf("%d change sets were left behind", n)
	}
}

func count(list []string, want string) (times int) {
	for _, s := range list {
		if s == want {
			times++
		}
	}
	return times
}
