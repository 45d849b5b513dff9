package targettest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// maxSteps is more than any attempt of the suite needs.
const maxSteps = 500

// A Run is how an attempt went.
type Run struct {
	Attempt target.Attempt // as the last step got it
	Events  []lockstep.Event
	End     *target.End
	Plan    *lockstep.Plan // the last proposal, nil if there is none
	Err     error          // the error that ended the attempt, if it has no End
}

// Types returns the types of the events.
func (r Run) Types() []string {
	types := make([]string, len(r.Events))
	for i, ev := range r.Events {
		types[i] = ev.Type
	}
	return types
}

// LastEvent returns the last event, or the zero event.
func (r Run) LastEvent() lockstep.Event {
	if len(r.Events) == 0 {
		return lockstep.Event{}
	}
	return r.Events[len(r.Events)-1]
}

// NewAttempt returns an attempt to sync cfg's resource to files. It has a new id and a
// new SHA.
func NewAttempt(t testing.TB, cfg lockstep.SyncConfiguration, files lockstep.Tree, last []byte) target.Attempt {
	t.Helper()
	random := make([]byte, 36)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}

	now := time.Now()
	return target.Attempt{
		ID:            hex.EncodeToString(random[:16]),
		Configuration: cfg,
		Revision:      cfg.Revision(lockstep.SHA(hex.EncodeToString(random[16:]))),
		OpenTree:      func(context.Context) (lockstep.Tree, error) { return files, nil },
		Baseline:      last,
		StartedAt:     now,
		Now:           now,
	}
}

// Drive runs an attempt to its end as the engine does. With crash it runs it as an
// engine that crashes after each step, before the step is recorded: every step runs
// twice with the same checkpoint, and the first result is lost.
func Drive(t testing.TB, driver target.Driver, a target.Attempt, crash bool) Run {
	t.Helper()
	run := Run{Attempt: a}
	for range maxSteps {
		step, err := advance(t, driver, &run, crash)
		if err != nil {
			run.Err = err
			return run
		}

		run.record(t, step)
		if step.End != nil {
			run.End = step.End
			return run
		}

		pause(t, step.ContinueAfter)
	}

	t.Fatalf("the attempt has not ended after %d steps: %v", maxSteps, run.Types())
	return run
}

// DriveToIntent runs an attempt until its intent is committed.
func DriveToIntent(t testing.TB, driver target.Driver, a target.Attempt) Run {
	t.Helper()
	run := Run{Attempt: a}
	for range maxSteps {
		step, err := advance(t, driver, &run, false)
		if err != nil || step.End != nil {
			t.Fatalf("the attempt ended before its intent: %v, %v", step.End, err)
		}

		run.record(t, step)
		if step.Intent != "" {
			return run
		}

		pause(t, step.ContinueAfter)
	}

	t.Fatalf("the attempt has no intent after %d steps: %v", maxSteps, run.Types())
	return run
}

// advance runs one step, and repeats it while the outside system is unavailable.
func advance(t testing.TB, driver target.Driver, run *Run, crash bool) (target.Step, error) {
	t.Helper()
	run.Attempt.Now = time.Now()
	if crash {
		_, _ = driver.Advance(t.Context(), run.Attempt)
	}

	for try := 0; ; try++ {
		step, err := driver.Advance(t.Context(), run.Attempt)
		if lockstep.KindOf(err) != lockstep.Unavailable || err == nil || try == 20 {
			return step, err
		}

		pause(t, 100*time.Millisecond)
	}
}

// record records a step as the engine does, and checks the contract of steps.
func (r *Run) record(t testing.TB, step target.Step) {
	t.Helper()
	for _, event := range step.Events {
		if event.Type == "" {
			t.Errorf("an event has no type: %+v", event)
		}
		if event.Message == "" || len(event.Message) > lockstep.MaxMessage {
			t.Errorf("an event has an empty message or a too long one: %+v", event)
		}
	}

	r.Events = append(r.Events, step.Events...)
	if step.Checkpoint != nil {
		r.Attempt.Checkpoint = step.Checkpoint
	}

	if len(step.Checkpoint) > 64<<10 {
		t.Errorf("the checkpoint has %d bytes", len(step.Checkpoint))
	}

	if step.Intent != "" {
		r.Attempt.Intent = step.Intent
	}

	if step.Plan != nil {
		r.Plan = nil
		if step.Plan.ID != "" {
			r.Plan = step.Plan
			checkPlan(t, *step.Plan)
		}
	}

	if step.Intent != "" && r.Plan == nil {
		t.Error("an intent is declared without a plan")
	}

	if step.Intent != "" && step.End != nil {
		t.Error("a step declares an intent and ends the attempt")
	}
}

// checkPlan checks the limits of a plan, which is kept in a row that every later step
// writes.
func checkPlan(t testing.TB, plan lockstep.Plan) {
	t.Helper()
	if len(plan.Changes) > lockstep.MaxChanges {
		t.Errorf("the plan has %d changes", len(plan.Changes))
	}

	for _, change := range plan.Changes {
		if change.Action == "" || change.LogicalID == "" || change.ResourceType == "" {
			t.Errorf("a change has no action, logical id or type: %+v", change)
		}
		if len(change.Details) > lockstep.MaxChangeDetails {
			t.Errorf("%d details of %s", len(change.Details), change.LogicalID)
		}
	}
}

// pause waits for the delay of a step.
func pause(t testing.TB, duration time.Duration) {
	t.Helper()
	if duration == 0 {
		return
	}
	select {
	case <-time.After(duration):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
