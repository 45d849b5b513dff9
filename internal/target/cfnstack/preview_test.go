package cfnstack_test

import (
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

// A change set that is not executed, such as that of a preview, is not a change of the
// stack.
func TestAnUnexecutedChangeSetDoesNotAffectAttempts(t *testing.T) {
	url := sandboxURL(t, time.Nanosecond)
	driver := newDriver(t, url)
	look := func(text string, last []byte) target.Attempt {
		attempt := targettest.NewAttempt(t, configuration("web"), stackFiles(topicTemplate+text), last)
		attempt.ID, attempt.StartedAt = "preview-"+attempt.ID, time.Time{}
		run := targettest.DriveToIntent(t, driver, attempt)
		run.Attempt.Intent = ""

		return run.Attempt
	}

	const more = "  More: {Type: AWS::SNS::Topic}\n"
	var note []byte
	for _, text := range []string{"", more} { // of a stack that is not there, and of one that is
		attempt := look(text+"  Other: {Type: AWS::SNS::Topic}\n", note)
		run := drive(t, driver, stackFiles(topicTemplate+text), note)
		targettest.CheckOutcome(t, run, lockstep.Applied)

		if err := driver.Discard(t.Context(), attempt); err != nil {
			t.Fatal(err)
		}

		note = run.End.Baseline
		again := drive(t, driver, stackFiles(topicTemplate+text), note)
		targettest.CheckOutcome(t, again, lockstep.Unchanged)
	}

	out, err := describeStacks(t, url, "web")
	if err != nil || out.Stacks[0].StackStatus != "UPDATE_COMPLETE" {
		t.Errorf("the stack: %+v, %v", out, err)
	}
}
