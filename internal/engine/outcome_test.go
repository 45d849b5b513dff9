package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// fails makes every step end in an error.
func (w *world) fails(cause error) {
	w.target.script(func(target.Attempt) (target.Step, error) { return target.Step{}, cause })
}

// succeeds makes every step the end of its attempt.
func (w *world) succeeds() {
	w.target.script(func(target.Attempt) (target.Step, error) {
		return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
	})
}

func TestUnavailableIsTriedAgainWithBackoffAndToldOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		var at []time.Time
		w.target.script(func(target.Attempt) (target.Step, error) {
			if at = append(at, time.Now()); len(at) < 6 {
				return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "The endpoint answers 503.")
			}
			return target.Step{End: &target.End{Outcome: lockstep.Unchanged}}, nil
		})

		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceInProgress, first)
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		if diff := cmp.Diff([]string{"SYNC_RETRYING"}, types(s.LatestSync.Events)); diff != "" {
			t.Errorf("events: %s", diff)
		}

		if got, want := s.LatestSync.Events[0].Message, "A step failed and is tried again. The endpoint answers 503."; got != want {
			t.Errorf("the event says %q", got)
		}

		for i, pause := range []time.Duration{1, 2, 4, 8, 16} {
			pause *= time.Second
			if got := at[i+1].Sub(at[i]); got < pause-stored || got > pause+2*time.Second {
				t.Errorf("try %d came %s after the one before, want about %s", i+2, got, pause)
			}
		}

		if w.count(`SELECT count(*) FROM resource_sync_attempt`) != 1 {
			t.Error("a retry made an attempt of its own")
		}
	})
}

// stored is how exactly times are kept in the database: what is due is due at the
// beginning of its millisecond.
const stored = time.Millisecond

func TestBackoffEndsAtFiveMinutesAndStartsAnewAfterAStepThatWorked(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: forty minutes, even of fake time, are long")
	}

	inSQLite(t, func(w *world) {
		var at []time.Time
		w.target.script(func(a target.Attempt) (target.Step, error) {
			at = append(at, time.Now())
			switch {
			case len(at) == 13:
				return target.Step{Checkpoint: []byte("it works")}, nil
			case len(at) == 15:
				return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
			}

			return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "Away.")
		})

		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		s := w.untilStatus(w.configure("web"), lockstep.ResourceSucceeded, first)
		for i, want := range map[int]time.Duration{9: 5 * time.Minute, 11: 5 * time.Minute, 13: time.Second} {
			if got := at[i+1].Sub(at[i]); got < want-stored || got > want+2*time.Second {
				t.Errorf("pause %d lasted %s, want %s", i, got, want)
			}
		}

		if diff := cmp.Diff([]string{"SYNC_RETRYING", "SYNC_RETRYING"}, types(s.LatestSync.Events)); diff != "" {
			t.Errorf("each step that fails is told once: %s", diff)
		}
	})
}

func TestInternalIsTriedFiveTimesAndNothingOfItIsShown(t *testing.T) {
	inBubble(t, func(w *world) {
		w.fails(errors.New("nil pointer, password hunter2"))
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		s := w.untilStatus(cfg, lockstep.ResourceFailed, first)
		steps, discards := w.target.called()
		if steps != 5 || discards != 1 {
			t.Errorf("%d steps and %d discards, want 5 and 1", steps, discards)
		}

		var said []string
		for _, ev := range s.LatestSync.Events {
			said = append(said, ev.Type+" "+ev.Message)
		}

		want := []string{"SYNC_RETRYING A step failed and is tried again. Internal error.", "SYNC_FAILED Internal error."}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Error(diff)
		}

		if _, blocked := w.blocker(cfg); blocked {
			t.Error("a failure of ours blocks")
		}
	})
}

func TestWhatTheCallerHasToMendFailsAtOnce(t *testing.T) {
	for _, kind := range []lockstep.Kind{lockstep.Invalid, lockstep.NotFound, lockstep.Denied, lockstep.Limit} {
		t.Run(kind.String(), func(t *testing.T) {
			inSQLite(t, func(w *world) {
				w.fails(lockstep.Wrapf(kind, errors.New("secret"), "Mend line 3."))
				first := w.host.push("main", map[string]string{"web.yaml": "1"})
				cfg := w.configure("web")
				s := w.untilStatus(cfg, lockstep.ResourceFailed, first)

				if steps, discards := w.target.called(); steps != 1 || discards != 1 {
					t.Errorf("%d steps and %d discards, want one of each", steps, discards)
				}

				if ev := s.LatestSync.Events; len(ev) != 1 || ev[0].Type != "SYNC_FAILED" || ev[0].Message != "Mend line 3." {
					t.Errorf("events: %+v", ev)
				}

				// The next head tries again.
				w.succeeds()
				w.untilStatus(cfg, lockstep.ResourceSucceeded, w.push(map[string]string{"web.yaml": "2"}))
			})
		})
	}
}

func TestNothingIsDiscardedOnceItsExecutionWasDeclared(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if a.Intent == "" {
				return target.Step{Intent: "execute"}, nil
			}
			return target.Step{}, lockstep.Errorf(lockstep.Denied, "No.")
		})

		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.untilStatus(w.configure("web"), lockstep.ResourceFailed, first)
		if _, discards := w.target.called(); discards != 0 {
			t.Error("what is being executed was discarded")
		}
	})
}

// blocks says in both ways what only a person can mend.
func blocks(t *testing.T, script func(target.Attempt) (target.Step, error)) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.target.script(script)
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceFailed, first)
		b, blocked := w.blocker(cfg)
		want := []lockstep.Context{{Key: "StackName", Value: "web"}, {Key: "StackStatus", Value: "ROLLBACK_FAILED"}}
		if diff := cmp.Diff(want, b.Contexts); !blocked || b.CreatedReason != "Mend the stack." || diff != "" {
			t.Fatalf("blocker %+v: %s", b, diff)
		}

		if h := w.handled(cfg, first); h.State != "BLOCKED" || h.Reason != "Mend the stack." {
			t.Errorf("handled: %+v", h)
		}

		w.succeeds()
		var newest lockstep.SHA
		for _, text := range []string{"2", "3"} {
			newest = w.push(map[string]string{"web.yaml": text})
			time.Sleep(2 * time.Second)
		}

		if s := w.status(cfg); s.DesiredState.SHA != newest || s.LatestSync.TargetRevision.SHA != first {
			t.Errorf("while blocked: desired %s, latest %s", s.DesiredState.SHA, s.LatestSync.TargetRevision.SHA)
		}

		if steps, _ := w.target.called(); steps != 1 {
			t.Errorf("%d steps ran, want none after the one that blocked", steps-1)
		}

		w.retry(cfg)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, newest)
		if _, blocked := w.blocker(cfg); blocked {
			t.Error("still blocked after the retry")
		}

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
			t.Errorf("%d attempts, want 2: the newest head alone is synced", n)
		}
	})
}

var mendTheStack = lockstep.Error{Kind: lockstep.Blocked, Message: "Mend the stack.",
	Contexts: []lockstep.Context{{Key: "StackName", Value: "web"}, {Key: "StackStatus", Value: "ROLLBACK_FAILED"}}}

func TestAStepThatIsBlockedStopsTheResourceUntilARetry(t *testing.T) {
	blocks(t, func(target.Attempt) (target.Step, error) { return target.Step{}, &mendTheStack })
}

func TestAnEndThatIsBlockedStopsTheResourceUntilARetry(t *testing.T) {
	blocks(t, func(target.Attempt) (target.Step, error) {
		return target.Step{Events: []lockstep.Event{{Type: "ROLLED_BACK", Message: "Mend the stack."}},
			End: &target.End{Outcome: lockstep.Failed, Blocked: &mendTheStack}}, nil
	})
}

func TestANoteReachesTheNextAttemptUnlessABlockerWasResolved(t *testing.T) {
	inSQLite(t, func(w *world) {
		var last []string
		end := &target.End{Outcome: lockstep.Applied, Baseline: []byte("applied 1")}
		w.target.script(func(a target.Attempt) (target.Step, error) {
			last = append(last, string(a.Baseline))
			return target.Step{End: end}, nil
		})
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		end = &target.End{Outcome: lockstep.Failed, Blocked: &mendTheStack}
		w.untilStatus(cfg, lockstep.ResourceFailed, w.push(map[string]string{"web.yaml": "2"}))
		w.retry(cfg)
		w.until("third attempt", func() bool { n, _ := w.target.called(); return n == 3 })

		if diff := cmp.Diff([]string{"", "applied 1", ""}, last); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAStepThatHangsIsCutShortAndTriedAgain(t *testing.T) {
	inSQLite(t, func(w *world) {
		began := time.Now()
		tries := 0
		w.target.hang = func(ctx context.Context) error {
			if tries++; tries > 1 {
				return nil
			}

			<-ctx.Done()
			return ctx.Err()
		}

		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		s := w.untilStatus(w.configure("web"), lockstep.ResourceSucceeded, first)
		if took := time.Since(began); took < 30*time.Second || took > 35*time.Second {
			t.Errorf("it took %s", took)
		}

		if got := s.LatestSync.Events[0].Message; got != "A step failed and is tried again. The target took longer than 30s to answer." {
			t.Errorf("the event says %q", got)
		}
	})
}

func TestAStepThatPanicsFailsLikeAnyBugOfOurs(t *testing.T) {
	inBubble(t, func(w *world) {
		w.target.script(func(target.Attempt) (target.Step, error) { panic("boom") })
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		s := w.untilStatus(cfg, lockstep.ResourceFailed, first)
		if diff := cmp.Diff([]string{"SYNC_RETRYING", "SYNC_FAILED"}, types(s.LatestSync.Events)); diff != "" {
			t.Error(diff)
		}
		w.succeeds()
		w.untilStatus(cfg, lockstep.ResourceSucceeded, w.push(map[string]string{"web.yaml": "2"}))
	})
}

func TestAPlanThatPanicsFailsTheRepositorySync(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.target.plan = func(string) error { panic("boom") }
		w.host.push("main", map[string]string{"web.yaml": "1"})
		w.configure("web")
		w.until("the repository sync fails", func() bool { return w.repository().Status == lockstep.RepositoryFailed })
		events := w.repository().Events
		if last := events[len(events)-1]; last.Type != "CLONE_FAILED" || last.Message != "Clone failed. Internal error." {
			t.Errorf("last event %+v", last)
		}
	})
}
