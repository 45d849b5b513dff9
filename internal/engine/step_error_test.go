package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

func TestUnavailableIsRetriedWithBackoffAndReportedOnce(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		var at []time.Time
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
			if at = append(at, time.Now()); len(at) < 6 {
				return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "The endpoint answers 503.")
			}
			return target.Step{End: &target.End{Outcome: lockstep.Unchanged}}, nil
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceInProgress, first)
		status := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		if diff := cmp.Diff([]string{"SYNC_RETRYING", "SYNC_SUCCEEDED"},
			enginetest.EventTypes(status.LatestSync.Events)); diff != "" {
			t.Errorf("events: %s", diff)
		}

		want := "A step failed and is tried again. The endpoint answers 503."
		if got := status.LatestSync.Events[0].Message; got != want {
			t.Errorf("the event says %q", got)
		}

		for i, pause := range []time.Duration{1, 2, 4, 8, 16} {
			pause *= time.Second
			if got := at[i+1].Sub(at[i]); got < pause-enginetest.StoredPrecision || got > pause+2*time.Second {
				t.Errorf("try %d came %s after the one before, want about %s", i+2, got, pause)
			}
		}

		if w.Count(`SELECT count(*) FROM resource_sync_attempt`) != 1 {
			t.Error("a retry made an attempt of its own")
		}
	})
}

func TestAFailureDuringCleanUpIsNotTheLastEvent(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		failures := 0
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
			if failures++; failures == 1 {
				return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "The endpoint answers 503.")
			}
			return target.Step{End: &target.End{Outcome: lockstep.Failed, Reason: "The bucket exists."}}, nil
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		status := w.WaitForStatus(w.CreateConfiguration("web"), lockstep.ResourceFailed, first)
		events := status.LatestSync.Events
		last := events[len(events)-1]
		if last.Type != "SYNC_FAILED" {
			t.Errorf("the last event is %s, want SYNC_FAILED", last.Type)
		}
		want := "The step was tried again and has succeeded. The sync has failed. The bucket exists."
		if last.Message != want {
			t.Errorf("the last event says %q, want %q", last.Message, want)
		}
	})
}

func TestAFailureIsRecordedAfterADiscardThatTookAllItsTime(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.StepsFail(lockstep.Errorf(lockstep.Denied, "Denied."))
		w.Target.OnDiscard = func(target.Attempt) error {
			<-time.After(worker.StepTimeout + time.Second)
			return lockstep.Errorf(lockstep.Unavailable, "No response.")
		}

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.WaitForStatus(w.CreateConfiguration("web"), lockstep.ResourceFailed, first)
		if steps, _ := w.Target.CallCounts(); steps != 1 {
			t.Errorf("the attempt went on after its discard: %d steps, want 1", steps)
		}
	})
}

func TestBackoffEndsAtFiveMinutesAndIsResetByAStepThatSucceeds(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: forty minutes, even of fake time, are long")
	}

	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		var at []time.Time
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			at = append(at, time.Now())
			switch {
			case len(at) == 13:
				return target.Step{Checkpoint: []byte("it works")}, nil
			case len(at) == 15:
				return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
			}

			return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "Away.")
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		status := w.WaitForStatus(w.CreateConfiguration("web"), lockstep.ResourceSucceeded, first)
		for i, want := range map[int]time.Duration{9: 5 * time.Minute, 11: 5 * time.Minute, 13: time.Second} {
			if got := at[i+1].Sub(at[i]); got < want-enginetest.StoredPrecision || got > want+2*time.Second {
				t.Errorf("pause %d lasted %s, want %s", i, got, want)
			}
		}

		diff := cmp.Diff([]string{"SYNC_RETRYING", "SYNC_RETRYING", "SYNC_SUCCEEDED"},
			enginetest.EventTypes(status.LatestSync.Events))
		if diff != "" {
			t.Errorf("each failed step is one event (-want +got):\n%s", diff)
		}
	})
}

func TestAnInternalErrorIsTriedFiveTimesAndNotShown(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsFail(errors.New("nil pointer, password hunter2"))
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		status := w.WaitForStatus(cfg, lockstep.ResourceFailed, first)
		steps, discards := w.Target.CallCounts()
		if steps != 5 || discards != 1 {
			t.Errorf("%d steps and %d discards, want 5 and 1", steps, discards)
		}

		var said []string
		for _, ev := range status.LatestSync.Events {
			said = append(said, ev.Type+" "+ev.Message)
		}

		want := []string{
			"SYNC_RETRYING A step failed and is tried again. Internal error.", "SYNC_FAILED Internal error.",
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Error(diff)
		}

		if _, blocked := w.ActiveBlocker(cfg); blocked {
			t.Error("a failure of ours blocks")
		}
	})
}

func TestAnErrorOfTheCallerFailsAtOnce(t *testing.T) {
	for _, kind := range []lockstep.Kind{lockstep.Invalid, lockstep.NotFound, lockstep.Denied, lockstep.Limit} {
		t.Run(kind.String(), func(t *testing.T) {
			enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
				w.StepsFail(lockstep.Wrapf(kind, errors.New("secret"), "Mend line 3."))
				first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
				cfg := w.CreateConfiguration("web")
				status := w.WaitForStatus(cfg, lockstep.ResourceFailed, first)

				if steps, discards := w.Target.CallCounts(); steps != 1 || discards != 1 {
					t.Errorf("%d steps and %d discards, want one of each", steps, discards)
				}

				events := status.LatestSync.Events
				if len(events) != 1 {
					t.Fatalf("got events %+v, want one", events)
				}
				if got, want := events[0].Type, "SYNC_FAILED"; got != want {
					t.Errorf("event type: got %q, want %q", got, want)
				}
				if got, want := events[0].Message, "Mend line 3."; got != want {
					t.Errorf("event message: got %q, want %q", got, want)
				}

				// The next head tries again.
				w.StepsSucceed()
				w.WaitForStatus(cfg, lockstep.ResourceSucceeded, w.Push(map[string]string{"web.yaml": "2"}))
			})
		})
	}
}

func TestNothingIsDiscardedAfterTheIntent(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if a.Intent == "" {
				return target.Step{Intent: "execute"}, nil
			}
			return target.Step{}, lockstep.Errorf(lockstep.Denied, "No.")
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.WaitForStatus(w.CreateConfiguration("web"), lockstep.ResourceFailed, first)
		if _, discards := w.Target.CallCounts(); discards != 0 {
			t.Error("what is being executed was discarded")
		}
	})
}

// blocks says in both ways what only a person can mend.
func blocks(t *testing.T, script func(target.Attempt) (target.Step, error)) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.Target.SetSteps(script)
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceFailed, first)
		blocker, blocked := w.ActiveBlocker(cfg)
		if !blocked {
			t.Fatal("there is no active blocker")
		}
		if got, want := blocker.CreatedReason, "Mend the stack."; got != want {
			t.Fatalf("reason of the blocker: got %q, want %q", got, want)
		}

		want := []lockstep.Context{{Key: "StackName", Value: "web"}, {Key: "StackStatus", Value: "ROLLBACK_FAILED"}}
		if diff := cmp.Diff(want, blocker.Contexts); diff != "" {
			t.Fatalf("contexts of the blocker (-want +got):\n%s", diff)
		}

		if h := w.RevisionStatus(cfg, first); h.State != "BLOCKED" || h.Reason != "Mend the stack." {
			t.Errorf("handled: %+v", h)
		}

		w.StepsSucceed()
		var newest lockstep.SHA
		for _, text := range []string{"2", "3"} {
			newest = w.Push(map[string]string{"web.yaml": text})
			time.Sleep(2 * time.Second)
		}

		if s := w.Status(cfg); s.DesiredState.SHA != newest || s.LatestSync.TargetRevision.SHA != first {
			t.Errorf("while blocked: desired %s, latest %s", s.DesiredState.SHA, s.LatestSync.TargetRevision.SHA)
		}

		if steps, _ := w.Target.CallCounts(); steps != 1 {
			t.Errorf("%d steps ran, want none after the one that blocked", steps-1)
		}

		w.Retry(cfg)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, newest)
		if _, blocked := w.ActiveBlocker(cfg); blocked {
			t.Error("still blocked after the retry")
		}

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
			t.Errorf("%d attempts, want 2: the newest head alone is synced", n)
		}
	})
}

func TestAStepThatIsBlockedStopsTheResourceUntilARetry(t *testing.T) {
	blocks(t, func(target.Attempt) (target.Step, error) { return target.Step{}, &enginetest.BlockedError })
}

func TestAnEndThatIsBlockedStopsTheResourceUntilARetry(t *testing.T) {
	blocks(t, func(target.Attempt) (target.Step, error) {
		return target.Step{Events: []lockstep.Event{{Type: "ROLLED_BACK", Message: "Mend the stack."}},
			End: &target.End{Outcome: lockstep.Failed, Blocked: &enginetest.BlockedError}}, nil
	})
}

func TestTheBaselineReachesTheNextAttemptUnlessABlockerWasResolved(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		var last []string
		end := &target.End{Outcome: lockstep.Applied, Baseline: []byte("applied 1")}
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			last = append(last, string(a.Baseline))
			return target.Step{End: end}, nil
		})
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		end = &target.End{Outcome: lockstep.Failed, Blocked: &enginetest.BlockedError}
		w.WaitForStatus(cfg, lockstep.ResourceFailed, w.Push(map[string]string{"web.yaml": "2"}))
		w.Retry(cfg)
		w.WaitUntil("third attempt", func() bool { n, _ := w.Target.CallCounts(); return n == 3 })

		if diff := cmp.Diff([]string{"", "applied 1", ""}, last); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAStepThatHangsTimesOutAndIsRetried(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		began := time.Now()
		tries := 0
		w.Target.OnAdvance = func(ctx context.Context) error {
			if tries++; tries > 1 {
				return nil
			}

			<-ctx.Done()
			return ctx.Err()
		}

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		status := w.WaitForStatus(w.CreateConfiguration("web"), lockstep.ResourceSucceeded, first)
		if took := time.Since(began); took < 30*time.Second || took > 35*time.Second {
			t.Errorf("it took %s", took)
		}

		if got := status.LatestSync.Events[0].Message; got != "A step failed and is tried again. The target took "+
			"longer than 30s to answer." {
			t.Errorf("the event says %q", got)
		}
	})
}

func TestAStepThatPanicsIsAnInternalError(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) { panic("boom") })
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		s := w.WaitForStatus(cfg, lockstep.ResourceFailed, first)
		diff := cmp.Diff([]string{"SYNC_RETRYING", "SYNC_FAILED"}, enginetest.EventTypes(s.LatestSync.Events))
		if diff != "" {
			t.Error(diff)
		}
		w.StepsSucceed()
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, w.Push(map[string]string{"web.yaml": "2"}))
	})
}

func TestReadInputsThatPanicsFailsTheRepositorySync(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Target.OnReadInputs = func(string) error { panic("boom") }
		w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.CreateConfiguration("web")
		w.WaitUntil("the repository sync fails", func() bool {
			return w.LatestRepositorySync().Status == lockstep.RepositoryFailed
		})
		events := w.LatestRepositorySync().Events
		if last := events[len(events)-1]; last.Type != "CLONE_FAILED" ||
			last.Message != "Clone failed. Internal error." {
			t.Errorf("last event %+v", last)
		}
	})
}
