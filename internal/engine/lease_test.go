package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// A worker that was slow, and whose resource another one took meanwhile, has
// nothing to say any more, whatever its step came to.
func TestAWorkerWithoutItsLeaseWritesAndDiscardsNothing(t *testing.T) {
	ends := map[string]func() (target.Step, error){
		"a step": func() (target.Step, error) {
			return target.Step{
				Events:        []lockstep.Event{{Type: "LATE"}},
				Checkpoint:    []byte("late"),
				Intent:        "late",
				ContinueAfter: time.Hour,
			}, nil
		},
		"an end": func() (target.Step, error) {
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		},
		"a failure": func() (target.Step, error) { return target.Step{}, lockstep.Errorf(lockstep.Invalid, "No.") },
		"a retry": func() (target.Step, error) {
			return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "Away.")
		},
		"a blocker":   func() (target.Step, error) { return target.Step{}, &enginetest.BlockedError },
		"an accident": func() (target.Step, error) { return target.Step{}, errors.New("bug") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			enginetest.InSQLiteBubble(t, func(w *enginetest.World) { replaced(w, end) })
		})
	}
}

func replaced(w *enginetest.World, end func() (target.Step, error)) {
	late := make(chan struct{})
	w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
		<-late
		return end()
	})
	first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
	cfg := w.CreateConfiguration("web")
	w.WaitForStatus(cfg, lockstep.ResourceInitiated, first)
	w.WaitUntil("the step", func() bool { n, _ := w.Target.CallCounts(); return n == 1 })
	before, _ := w.RunningAttempt(cfg)
	document := w.Status(cfg)
	w.AcquireLease(cfg)
	close(late)
	time.Sleep(2 * time.Second)
	after, running := w.RunningAttempt(cfg)
	if diff := cmp.Diff(before, after); diff != "" || !running {
		w.T.Errorf("the attempt changed: %s", diff)
	}

	if diff := cmp.Diff(document, w.Status(cfg)); diff != "" {
		w.T.Errorf("the status changed: %s", diff)
	}

	if steps, discards := w.Target.CallCounts(); steps != 1 || discards != 0 {
		w.T.Errorf("%d steps and %d discards, want one step", steps, discards)
	}

	if n := w.Count(`SELECT count(*) FROM sync_blocker`); n != 0 {
		w.T.Error("a blocker was made")
	}

	// The sweep finds what a worker that went left behind.
	w.StepsSucceed()
	w.Sweep()
	w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
}

func TestARepositorySyncWithoutItsLeaseWritesNothing(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		release := w.Host.BlockReads()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForRepositorySync(lockstep.RepositoryInProgress)
		w.Update(func(tx *db.Tx) error {
			a, _, err := syncstate.RunningRepositoryAttempt(tx, w.Link.ID, "main")
			a.Tries++ // as its next worker does
			return errors.Join(err, syncstate.SaveRepositoryAttempt(tx, a))
		})

		release()
		time.Sleep(5 * time.Second)
		latest := w.LatestRepositorySync()
		if latest.Status != lockstep.RepositoryInProgress {
			t.Errorf("a replaced worker wrote status %s, want %s", latest.Status, lockstep.RepositoryInProgress)
		}
		if len(latest.Events) != 1 {
			t.Errorf("a replaced worker wrote events %+v, want one event", latest.Events)
		}
		if latest.SHA != "" {
			t.Errorf("a replaced worker wrote commit %s, want none", latest.SHA)
		}

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 0 {
			t.Error("a replaced worker started resource syncs")
		}

		w.Sweep()
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
	})
}

func TestTheSweepReplacesLostJobsWithinAMinute(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Sweep()
		synctest.Wait()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.Stop()
		cfg := w.CreateConfiguration("web")
		w.DeleteJobs() // the repository sync's
		w.Start()
		w.Sweep()
		synctest.Wait()
		w.DeleteJobs()
		began := time.Now()
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
			return target.Step{ContinueAfter: 5 * time.Minute}, nil
		})
		w.WaitForStatus(cfg, lockstep.ResourceInProgress, first)

		if took := time.Since(began); took > 62*time.Second {
			t.Errorf("the repository sync was found after %s", took)
		}

		w.DeleteJobs() // the one that waits
		began = time.Now()
		w.StepsSucceed()
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)

		if took := time.Since(began); took < 4*time.Minute || took > 7*time.Minute {
			t.Errorf("an attempt that waits for five minutes was found after %s", took)
		}
	})
}

func TestTheSweepWakesSupersededAndCancelledAttempts(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Sweep()
		w.StepsWaitAnHour()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web, api := w.CreateConfiguration("web"), w.CreateConfiguration("api")
		w.WaitForStatus(web, lockstep.ResourceInProgress, first)
		w.WaitForStatus(api, lockstep.ResourceInProgress, first)
		w.StepsSucceed()
		second := w.Host.Push("main", map[string]string{"web.yaml": "2", "api.yaml": "1"})
		w.Update(func(tx *db.Tx) error {
			state, err := syncstate.LockResourceByName(tx, web.Resource())
			if err != nil {
				return err
			}

			_, err = syncstate.SetDesiredRevision(tx, state.ID, web.Revision(second), "new") // and no wake-up
			return err
		})

		w.DeleteConfiguration(api)
		w.DeleteJobs()
		began := time.Now()
		w.WaitForStatus(web, lockstep.ResourceSucceeded, second)
		w.WaitUntil("api is cancelled", func() bool {
			return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'cancelled'`) == 1
		})

		if took := time.Since(began); took > 62*time.Second {
			t.Errorf("they were found after %s", took)
		}
	})
}

func TestTheSweepDoesNotWakeABlockedResource(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.StepsFail(&enginetest.BlockedError)
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceFailed, first)
		w.WaitForRepositorySyncOf(w.Push(map[string]string{"web.yaml": "2"}))
		w.Sweep()
		jobs := func() int { return w.Count(`SELECT coalesce(max(id), 0) FROM river_job`) }
		before := jobs()
		time.Sleep(3 * time.Minute)

		if after := jobs(); after != before {
			t.Errorf("%d jobs for what nothing can be done about", after-before)
		}
	})
}

func TestARestartContinuesFromTheCheckpointAndEndsOnce(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		var memories []string
		w.Target.SetSteps(func(attempt target.Attempt) (target.Step, error) {
			memories = append(memories, string(attempt.Checkpoint)+"/"+attempt.Intent)
			if attempt.Intent == "" {
				return target.Step{
					Checkpoint: []byte("m1"),
					Intent:     "execute",
					Events:     []lockstep.Event{{Type: "ONE"}},
				}, nil
			}
			return target.Step{
				Checkpoint:    []byte("m2"),
				ContinueAfter: time.Minute,
				Events:        []lockstep.Event{{Type: "TWO"}},
			}, nil
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitUntil("it waits", func() bool { count, _ := w.Target.CallCounts(); return count == 2 })
		time.Sleep(5 * time.Second)
		w.Stop()
		time.Sleep(10 * time.Second)
		w.Start()
		w.Target.SetSteps(func(attempt target.Attempt) (target.Step, error) {
			memories = append(memories, string(attempt.Checkpoint)+"/"+attempt.Intent)
			return target.Step{
				End:    &target.End{Outcome: lockstep.Applied},
				Events: []lockstep.Event{{Type: "THREE"}},
			}, nil
		})
		began := time.Now()
		status := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)

		if took := time.Since(began); took < 40*time.Second || took > 50*time.Second {
			t.Errorf("the wait of a minute ended %s after the start", took)
		}

		if diff := cmp.Diff([]string{"/", "m1/execute", "m2/execute"}, memories); diff != "" {
			t.Errorf("memories and intents: %s", diff)
		}

		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{
			"ONE", "TWO", "THREE",
		}, enginetest.EventTypes(status.LatestSync.Events)); diff != "" {
			t.Error(diff)
		}

		if count, _ := w.Target.CallCounts(); count != 3 || w.Count(`SELECT count(*) FROM resource_sync_attempt`) != 1 {
			t.Errorf("%d steps, want 3 of one attempt", count)
		}
	})
}

func TestAStepCutShortByAStopIsRepeatedWithoutAnEvent(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Target.OnAdvance = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitUntil("the step", func() bool { n, _ := w.Target.CallCounts(); return n == 1 })
		hurry, cancel := context.WithCancel(context.Background())
		cancel()
		w.Must(w.Queue.Stop(hurry))
		w.Target.OnAdvance = nil
		w.Start()
		s := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		if diff := cmp.Diff([]string{"DONE"}, enginetest.EventTypes(s.LatestSync.Events)); diff != "" {
			t.Error(diff)
		}
	})
}
