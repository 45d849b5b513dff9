package targettest

import (
	"errors"
	"io/fs"
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
	// First and Second can be applied, either before the other. Broken fails
	// when it is applied.
	First, Second, Broken lockstep.Tree
	// Forgetful says that the outside system does not remember an execution that
	// it has answered with an error, so that after a crash it is tried anew.
	Forgetful bool
	// Changes counts how often the outside system has begun to change the
	// resource.
	Changes func(t testing.TB) int
	// Proposals counts what is proposed and was not executed.
	Proposals func(t testing.TB) int
}

// Test runs a driver through the contract. Every part gets a harness of its
// own.
func Test(t *testing.T, harness func(t *testing.T) Harness) {
	for name, part := range map[string]func(*testing.T, Harness){
		"inputs are the files read":                 readsInputs,
		"apply, then apply another":                 applies,
		"unchanged files at a new SHA":              unchanged,
		"a step done twice is done once":            survivesCrashes,
		"discard removes what is proposed":          discards,
		"discard does not undo":                     discardDoesNotUndo,
		"a failure is explained and can be mended":  fails,
		"crashes do not make a failure a success":   failsOnceWithCrashes,
		"an executed intent is never executed anew": intentOnce,
	} {
		t.Run(name, func(t *testing.T) { part(t, harness(t)) })
	}
}

func readsInputs(t *testing.T, harness Harness) {
	inputs, err := harness.Driver.ReadInputs(t.Context(), harness.Configuration, harness.First)
	if err != nil {
		t.Fatal(err)
	}

	if _, ok := inputs[harness.Configuration.ConfigFile]; !ok {
		t.Errorf("the configuration's file is not among the inputs %v", inputs)
	}

	for name, id := range inputs {
		if want, err := harness.First.ObjectID(name); err != nil || id != want {
			t.Errorf("input %s is %s, want %s, %v", name, id, want, err)
		}
	}

	inputs, err = harness.Driver.ReadInputs(t.Context(), harness.Configuration, Files(nil))
	if kind := lockstep.KindOf(err); kind != lockstep.NotFound || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without files: kind %v, %v", kind, err)
	}

	if diff := cmp.Diff(target.Inputs{harness.Configuration.ConfigFile: lockstep.NoObject}, inputs); diff != "" {
		t.Error(diff)
	}
}

// apply drives files to a success and gives the note it leaves.
func apply(t *testing.T, h Harness, files lockstep.Tree, last []byte, crash bool) Run {
	t.Helper()
	run := Drive(t, h.Driver, NewAttempt(t, h.Configuration, files, last), crash)
	if run.Err != nil || run.End.Outcome != lockstep.Applied {
		t.Fatalf("got %+v, %v after %v", run.End, run.Err, run.Events)
	}
	if run.Attempt.Intent == "" {
		t.Fatal("executed without an intent")
	}
	return run
}

func applies(t *testing.T, harness Harness) {
	run := apply(t, harness, harness.First, nil, false)
	changed(t, harness, 1)
	apply(t, harness, harness.Second, run.End.Baseline, false)
	changed(t, harness, 2)
}

func changed(t *testing.T, harness Harness, want int) {
	t.Helper()
	if got := harness.Changes(t); got != want {
		t.Errorf("the resource was changed %d times, want %d", got, want)
	}
	if got := harness.Proposals(t); got != 0 {
		t.Errorf("%d proposals are left behind", got)
	}
}

func unchanged(t *testing.T, harness Harness) {
	run := apply(t, harness, harness.First, nil, false)
	for range 2 {
		again := Drive(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.First, run.End.Baseline), false)
		if again.Err != nil || again.End.Outcome != lockstep.Unchanged {
			t.Fatalf("got %+v, %v", again.End, again.Err)
		}

		if again.Attempt.Intent != "" {
			t.Error("nothing to change, but there is an intent")
		}

		if again.End.Baseline != nil {
			run.End.Baseline = again.End.Baseline
		}
	}

	changed(t, harness, 1)
	apply(t, harness, harness.Second, run.End.Baseline, false)
	changed(t, harness, 2)
}

func survivesCrashes(t *testing.T, harness Harness) {
	run := apply(t, harness, harness.First, nil, true)
	changed(t, harness, 1)
	run = apply(t, harness, harness.Second, run.End.Baseline, true)
	changed(t, harness, 2)
	again := Drive(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.Second, run.End.Baseline), true)
	if again.Err != nil || again.End.Outcome != lockstep.Unchanged {
		t.Errorf("got %+v, %v", again.End, again.Err)
	}
	changed(t, harness, 2)
}

func discards(t *testing.T, harness Harness) {
	if err := harness.Driver.Discard(t.Context(), NewAttempt(t, harness.Configuration, harness.First, nil)); err != nil {
		t.Errorf("discard of an attempt that has not begun: %v", err)
	}

	run := DriveToIntent(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.First, nil))
	for range 2 {
		if err := harness.Driver.Discard(t.Context(), run.Attempt); err != nil {
			t.Fatal(err)
		}
		changed(t, harness, 0)
	}

	first := apply(t, harness, harness.First, nil, false)
	run = DriveToIntent(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.Second, first.End.Baseline))
	if err := harness.Driver.Discard(t.Context(), run.Attempt); err != nil {
		t.Fatal(err)
	}

	changed(t, harness, 1)
}

func discardDoesNotUndo(t *testing.T, harness Harness) {
	run := apply(t, harness, harness.First, nil, false)
	if err := harness.Driver.Discard(t.Context(), run.Attempt); err != nil {
		t.Fatal(err)
	}
	again := Drive(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.First, run.End.Baseline), false)
	if again.Err != nil || again.End.Outcome != lockstep.Unchanged {
		t.Errorf("got %+v, %v", again.End, again.Err)
	}
}

func fails(t *testing.T, harness Harness) {
	run := apply(t, harness, harness.First, nil, false)
	broken := failed(t, Drive(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.Broken, run.End.Baseline), false))
	note := run.End.Baseline
	if broken.End != nil && broken.End.Baseline != nil {
		note = broken.End.Baseline
	}
	apply(t, harness, harness.Second, note, false)
}

func failed(t *testing.T, run Run) Run {
	t.Helper()
	if run.Err != nil {
		switch kind := lockstep.KindOf(run.Err); kind {
		case lockstep.Internal, lockstep.Unavailable, lockstep.Blocked:
			t.Fatalf("kind %v, %v", kind, run.Err)
		}
		return run
	}

	if run.End.Outcome != lockstep.Failed || run.End.Reason == "" || run.End.Blocked != nil {
		t.Fatalf("got %+v after %v", run.End, run.Events)
	}

	return run
}

func failsOnceWithCrashes(t *testing.T, harness Harness) {
	if harness.Forgetful {
		return
	}
	run := apply(t, harness, harness.First, nil, false)
	failed(t, Drive(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.Broken, run.End.Baseline), true))
}

// intentOnce takes the step that executes again and again, as engines do that
// die in it.
func intentOnce(t *testing.T, harness Harness) {
	run := DriveToIntent(t, harness.Driver, NewAttempt(t, harness.Configuration, harness.First, nil))
	for range 3 {
		if _, err := harness.Driver.Advance(t.Context(), run.Attempt); err != nil {
			t.Fatal(err)
		}
	}

	rest := Drive(t, harness.Driver, run.Attempt, false)
	if rest.Err != nil || rest.End.Outcome != lockstep.Applied {
		t.Fatalf("got %+v, %v", rest.End, rest.Err)
	}

	if rest.Attempt.Intent != run.Attempt.Intent {
		t.Errorf("the intent became %q", rest.Attempt.Intent)
	}

	changed(t, harness, 1)
}
