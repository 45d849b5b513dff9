package cfnstack_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/target/targettest"
)

const proxyPage = "<!doctype html><html><head><title>Blocked</title></head><body><p>Ask the owner.</body></html>"

// repeat returns an answer several times.
func repeat(n int, one answer) []answer {
	list := make([]answer, n)
	for i := range list {
		list[i] = one
	}
	return list
}

func TestAnExecutionThatDidNotBeginIsRepeated(t *testing.T) {
	fake := newFake(t)
	available := changeSet("CREATE_COMPLETE", "AVAILABLE", "")
	executed := changeSet("CREATE_COMPLETE", "EXECUTE_COMPLETE", "")
	arrangeExecution(fake, events(), stack("UPDATE_COMPLETE", ""))
	answers := append([]answer{noChangeSet(), available}, repeat(8, available)...)
	fake.respond("DescribeChangeSet", append(answers, executed)...)

	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Applied)
	if n := len(fake.called("ExecuteChangeSet")); n != 2 {
		t.Errorf("the change set was executed %d times, want 2", n)
	}
}

func TestAnExecutionThatNeverBeginsFails(t *testing.T) {
	for name, status := range map[string]string{"a stack": "UPDATE_COMPLETE", "a new stack": "REVIEW_IN_PROGRESS"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			arrangeExecution(fake, events(), stack(status, ""))

			run := fake.run(plainFiles(), nil)
			targettest.CheckOutcome(t, run, lockstep.Failed)
			if n := len(fake.called("ExecuteChangeSet")); n != 3 {
				t.Errorf("the change set was executed %d times, want 3", n)
			}
			if want := "has accepted the execution 3 times and has not begun it"; !strings.Contains(run.End.Reason, want) {
				t.Errorf("the reason is %q, want %q in it", run.End.Reason, want)
			}
			if n := len(fake.called("DeleteChangeSet")); n != 1 {
				t.Errorf("the change set was deleted %d times, want 1", n)
			}
		})
	}
}

func TestAStackAtRestIsNoProofOfSuccess(t *testing.T) {
	fake := newFake(t)
	arrangeExecution(fake, events(), stack("UPDATE_COMPLETE", ""))
	running := changeSet("CREATE_COMPLETE", "EXECUTE_IN_PROGRESS", "")
	fake.respond("DescribeChangeSet", noChangeSet(), changeSet("CREATE_COMPLETE", "AVAILABLE", ""), running)

	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "neither its events nor its changeset show"; !strings.Contains(run.End.Reason, want) {
		t.Errorf("the reason is %q, want %q in it", run.End.Reason, want)
	}
}

func TestARefusedExecutionThatHasBegunIsFollowed(t *testing.T) {
	for name, refusal := range map[string]answer{
		"HTTP 403":      {http.StatusForbidden, proxyPage},
		"HTTP 408":      {http.StatusRequestTimeout, proxyPage},
		"HTTP 429":      {http.StatusTooManyRequests, proxyPage},
		"HTTP 500":      {http.StatusInternalServerError, proxyPage},
		"access denied": errorAnswer(http.StatusForbidden, "AccessDenied", "No."),
		"validation":    errorAnswer(http.StatusBadRequest, "ValidationError", "No."),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			arrangeExecution(fake, events(stackEvent("UPDATE_IN_PROGRESS", ""), stackEvent("UPDATE_COMPLETE", "")),
				stack("UPDATE_COMPLETE", ""))
			available := changeSet("CREATE_COMPLETE", "AVAILABLE", "")
			fake.respond("DescribeChangeSet", noChangeSet(), available, available,
				changeSet("CREATE_COMPLETE", "EXECUTE_COMPLETE", ""))
			fake.respond("ExecuteChangeSet", refusal)

			run := fake.run(plainFiles(), nil)
			targettest.CheckOutcome(t, run, lockstep.Applied)
			if n := len(fake.called("ExecuteChangeSet")); n != 1 {
				t.Errorf("the change set was executed %d times, want 1", n)
			}
		})
	}
}

func TestADeniedExecutionLeavesNoChangeSet(t *testing.T) {
	fake := newFake(t)
	fake.respond("ExecuteChangeSet", errorAnswer(http.StatusForbidden, "AccessDenied", "User x may not."))
	run := fake.run(plainFiles(), nil)
	targettest.CheckOutcome(t, run, lockstep.Failed)
	if want := "cloudformation:ExecuteChangeSet was denied"; !strings.Contains(run.End.Reason, want) {
		t.Errorf("the reason is %q, want %q in it", run.End.Reason, want)
	}
	if n := len(fake.called("DeleteChangeSet")); n != 1 {
		t.Errorf("the change set was deleted %d times, want 1", n)
	}
}

func TestExpiredCredentialsAreRenewedOnce(t *testing.T) {
	fake := newFake(t)
	fake.respond("AssumeRole", result("AssumeRole", assumed))
	expired := errorAnswer(http.StatusForbidden, "ExpiredToken", "The security token has expired")
	fake.respond("DescribeStacks", expired, stack("CREATE_COMPLETE", ""))
	targettest.DriveToIntent(t, driverAssumingRoles(t, fake), fake.attempt(plainFiles(), nil))
	if n := len(fake.called("AssumeRole")); n != 2 {
		t.Errorf("the role was assumed %d times, want 2", n)
	}

	fake = newFake(t)
	fake.respond("AssumeRole", result("AssumeRole", assumed))
	fake.respond("DescribeStacks", expired)
	driver := driverAssumingRoles(t, fake)
	attempt := fake.attempt(plainFiles(), nil)
	_, err := driver.Advance(t.Context(), attempt)
	targettest.CheckError(t, err, lockstep.Unavailable, "New credentials are requested.")
	_, err = driver.Advance(t.Context(), attempt)
	targettest.CheckError(t, err, lockstep.Denied, "The security token has expired")
}

func TestAnAnswerThatIsNotCloudFormationsPassesAtFirst(t *testing.T) {
	fake := newFake(t)
	fake.respond("DescribeStacks", answer{http.StatusNotFound, proxyPage}, stack("CREATE_COMPLETE", ""))
	attempt := fake.attempt(plainFiles(), nil)
	attempt.Now = attempt.StartedAt.Add(time.Second)
	_, err := fake.driver().Advance(t.Context(), attempt)
	targettest.CheckError(t, err, lockstep.Unavailable, "answered HTTP 404 and no CloudFormation error")
}

// An error whose body was cut off says nothing, whatever its status.
func TestAResponseThatIsCutOffPasses(t *testing.T) {
	fake := newFake(t)
	fake.cutOff = "DescribeStacks"
	attempt := fake.attempt(plainFiles(), nil)
	attempt.Now = attempt.StartedAt.Add(time.Hour)
	_, err := fake.driver().Advance(t.Context(), attempt)
	if kind := lockstep.KindOf(err); kind != lockstep.Unavailable {
		t.Errorf("kind %v, want %v: %v", kind, lockstep.Unavailable, err)
	}
}

func TestAPageInPlaceOfAResponseIsQuoted(t *testing.T) {
	fake := newFake(t)
	fake.respond("DescribeStacks", answer{http.StatusOK, "<html><style>x</style><p>Sign in\x1b[2J first</html>"})
	_, err := fake.driver().Advance(t.Context(), fake.attempt(plainFiles(), nil))
	targettest.CheckError(t, err, lockstep.Unavailable, `is not CloudFormation's: "Sign in`)
	if strings.ContainsFunc(lockstep.Shown(err), lockstep.IsUnsafe) {
		t.Errorf("the message has unsafe characters: %q", lockstep.Shown(err))
	}
}

// An empty success says nothing: no changeset, and no other stack of the same name.
func TestAnEmptyAnswerIsNotBelieved(t *testing.T) {
	empty := answer{http.StatusOK, ""}
	for _, action := range []string{"DescribeStacks", "DescribeChangeSet", "CreateChangeSet"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			fake := newFake(t)
			fake.respond("DescribeStacks", stack("REVIEW_IN_PROGRESS", ""))
			fake.respond(action, empty)

			driver, attempt := fake.driver(), fake.attempt(plainFiles(), nil)
			var err error
			for range 10 {
				var step target.Step
				if step, err = driver.Advance(t.Context(), attempt); err != nil {
					break
				}
				attempt.Checkpoint = step.Checkpoint
			}
			targettest.CheckError(t, err, lockstep.Unavailable, "cloudformation:"+action)
			if n := len(fake.called("DeleteStack")); n != 0 {
				t.Errorf("%d calls of DeleteStack, want none", n)
			}
			if n := len(fake.called("ExecuteChangeSet")); n != 0 {
				t.Errorf("%d calls of ExecuteChangeSet, want none", n)
			}
		})
	}
}
