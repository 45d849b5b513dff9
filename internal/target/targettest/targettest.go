package targettest

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// A Harness is a driver with an outside system to change.
type Harness struct {
	Driver target.Driver
	// Configuration is one whose resource does not exist yet.
	Configuration lockstep.SyncConfiguration
	// First and Second can be applied, either before the other. Broken fails when it
	// is applied.
	First, Second, Broken lockstep.Tree
	// ForgetsFailures is set if the outside system does not remember an execution that
	// it refused, so that a repeated step executes again.
	ForgetsFailures bool
	// Changes counts how often the outside system began to change the resource.
	Changes func(t testing.TB) int
	// Proposals counts what is proposed and not executed.
	Proposals func(t testing.TB) int
}

// Test runs a driver through the contract. Every part gets a new harness.
func Test(t *testing.T, newHarness func(t *testing.T) Harness) {
	for name, part := range map[string]func(*testing.T, Harness){
		"inputs are the files read":                  testInputs,
		"apply, then apply another":                  testApply,
		"unchanged files at a new SHA":               testUnchanged,
		"a step that runs twice has one effect":      testCrashes,
		"discard removes what is proposed":           testDiscard,
		"discard does not undo":                      testDiscardAfterApply,
		"a failure is explained and can be repaired": testFailure,
		"crashes do not make a failure a success":    testFailureWithCrashes,
		"an intent is executed once":                 testIntentIsExecutedOnce,
	} {
		t.Run(name, func(t *testing.T) { part(t, newHarness(t)) })
	}
}

func testInputs(t *testing.T, harness Harness) {
	configFile := harness.Configuration.ConfigFile
	inputs, err := harness.Driver.ReadInputs(t.Context(), harness.Configuration, harness.First)
	if err != nil {
		t.Fatal(err)
	}

	if _, ok := inputs[configFile]; !ok {
		t.Errorf("the configuration's file is not among the inputs %v", inputs)
	}

	for name, id := range inputs {
		want, err := harness.First.ObjectID(name)
		if err != nil {
			t.Errorf("input %s is not in the tree: %v", name, err)
		}
		if id != want {
			t.Errorf("input %s has the object id %s, want %s", name, id, want)
		}
	}

	inputs, err = harness.Driver.ReadInputs(t.Context(), harness.Configuration, Files(nil))
	if kind := lockstep.KindOf(err); kind != lockstep.NotFound {
		t.Errorf("error of a missing file has kind %v: %v", kind, err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error of a missing file is not fs.ErrNotExist: %v", err)
	}
	if diff := cmp.Diff(target.Inputs{configFile: lockstep.NoObject}, inputs); diff != "" {
		t.Errorf("inputs of a missing file: %s", diff)
	}
}

// attempt drives an attempt on files to its end.
func (h Harness) attempt(t *testing.T, files lockstep.Tree, baseline []byte, crash bool) Run {
	t.Helper()
	return Drive(t, h.Driver, NewAttempt(t, h.Configuration, files, baseline), crash)
}

// apply drives an attempt that must be applied.
func (h Harness) apply(t *testing.T, files lockstep.Tree, baseline []byte, crash bool) Run {
	t.Helper()
	run := h.attempt(t, files, baseline, crash)
	CheckOutcome(t, run, lockstep.Applied)
	if run.Attempt.Intent == "" {
		t.Fatal("the attempt was executed without an intent")
	}
	return run
}

// CheckOutcome checks that an attempt ended with an outcome and without an error.
func CheckOutcome(t *testing.T, run Run, want lockstep.Outcome) {
	t.Helper()
	if run.Err != nil {
		t.Fatalf("the attempt failed: %v, after %v", run.Err, run.Events)
	}
	if run.End.Outcome != want {
		t.Fatalf("the outcome is %v, want %v: %+v after %v", run.End.Outcome, want, run.End, run.Events)
	}
}

// CheckError checks the kind of an error and that its message contains text.
func CheckError(t testing.TB, err error, kind lockstep.Kind, text string) {
	t.Helper()
	if got := lockstep.KindOf(err); got != kind {
		t.Errorf("the error is of kind %v, want %v: %v", got, kind, err)
	}
	if got := lockstep.Shown(err); !strings.Contains(got, text) {
		t.Errorf("the error is %q, want it to contain %q", got, text)
	}
}

// checkChanges checks how often the resource was changed, and that nothing is left
// that was not executed.
func (h Harness) checkChanges(t *testing.T, want int) {
	t.Helper()
	if got := h.Changes(t); got != want {
		t.Errorf("the resource was changed %d times, want %d", got, want)
	}
	if got := h.Proposals(t); got != 0 {
		t.Errorf("%d proposals remain", got)
	}
}

func testApply(t *testing.T, harness Harness) {
	run := harness.apply(t, harness.First, nil, false)
	harness.checkChanges(t, 1)

	harness.apply(t, harness.Second, run.End.Baseline, false)
	harness.checkChanges(t, 2)
}

func testUnchanged(t *testing.T, harness Harness) {
	run := harness.apply(t, harness.First, nil, false)
	for range 2 {
		again := harness.attempt(t, harness.First, run.End.Baseline, false)
		CheckOutcome(t, again, lockstep.Unchanged)
		if again.Attempt.Intent != "" {
			t.Error("an unchanged attempt has an intent")
		}

		if again.End.Baseline != nil {
			run.End.Baseline = again.End.Baseline
		}
	}
	harness.checkChanges(t, 1)

	harness.apply(t, harness.Second, run.End.Baseline, false)
	harness.checkChanges(t, 2)
}

func testCrashes(t *testing.T, harness Harness) {
	run := harness.apply(t, harness.First, nil, true)
	harness.checkChanges(t, 1)

	run = harness.apply(t, harness.Second, run.End.Baseline, true)
	harness.checkChanges(t, 2)

	CheckOutcome(t, harness.attempt(t, harness.Second, run.End.Baseline, true), lockstep.Unchanged)
	harness.checkChanges(t, 2)
}

func testDiscard(t *testing.T, harness Harness) {
	attempt := NewAttempt(t, harness.Configuration, harness.First, nil)
	if err := harness.Driver.Discard(t.Context(), attempt); err != nil {
		t.Errorf("discard of an attempt that has not begun: %v", err)
	}

	run := DriveToIntent(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.First, nil))
	for range 2 {
		if err := harness.Driver.Discard(t.Context(), run.Attempt); err != nil {
			t.Fatal(err)
		}
		harness.checkChanges(t, 0)
	}

	first := harness.apply(t, harness.First, nil, false)
	run = DriveToIntent(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.Second, first.End.Baseline))
	if err := harness.Driver.Discard(t.Context(), run.Attempt); err != nil {
		t.Fatal(err)
	}
	harness.checkChanges(t, 1)
}

func testDiscardAfterApply(t *testing.T, harness Harness) {
	run := harness.apply(t, harness.First, nil, false)
	if err := harness.Driver.Discard(t.Context(), run.Attempt); err != nil {
		t.Fatal(err)
	}

	CheckOutcome(t, harness.attempt(t, harness.First, run.End.Baseline, false), lockstep.Unchanged)
}

func testFailure(t *testing.T, harness Harness) {
	run := harness.apply(t, harness.First, nil, false)
	broken := harness.attempt(t, harness.Broken, run.End.Baseline, false)
	checkFailed(t, broken)

	baseline := run.End.Baseline
	if broken.End != nil && broken.End.Baseline != nil {
		baseline = broken.End.Baseline
	}
	harness.apply(t, harness.Second, baseline, false)
}

// checkFailed checks that an attempt failed for good, with a reason.
func checkFailed(t *testing.T, run Run) {
	t.Helper()
	if run.Err != nil {
		switch kind := lockstep.KindOf(run.Err); kind {
		case lockstep.Internal, lockstep.Unavailable, lockstep.Blocked:
			t.Fatalf("the error has kind %v: %v", kind, run.Err)
		}
		return
	}

	CheckOutcome(t, run, lockstep.Failed)
	if run.End.Reason == "" {
		t.Error("the failure has no reason")
	}
	if run.End.Blocked != nil {
		t.Errorf("the failure blocks the resource: %v", run.End.Blocked)
	}
}

func testFailureWithCrashes(t *testing.T, harness Harness) {
	if harness.ForgetsFailures {
		t.Skip("the outside system does not remember refused executions")
	}

	run := harness.apply(t, harness.First, nil, false)
	checkFailed(t, harness.attempt(t, harness.Broken, run.End.Baseline, true))
}

// testIntentIsExecutedOnce repeats the step that executes, as engines do that crash
// in it.
func testIntentIsExecutedOnce(t *testing.T, harness Harness) {
	run := DriveToIntent(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.First, nil))
	for range 3 {
		if _, err := harness.Driver.Advance(t.Context(), run.Attempt); err != nil {
			t.Fatal(err)
		}
	}

	rest := Drive(t, harness.Driver, run.Attempt, false)
	CheckOutcome(t, rest, lockstep.Applied)
	if rest.Attempt.Intent != run.Attempt.Intent {
		t.Errorf("the intent changed to %q", rest.Attempt.Intent)
	}
	harness.checkChanges(t, 1)
}
