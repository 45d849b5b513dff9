package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// takeOver does what another node does that begins to work on a resource.
func (w *world) takeOver(cfg lockstep.SyncConfiguration) {
	w.t.Helper()
	w.update(func(tx *db.Tx) error {
		s, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		_, err = syncstate.AcquireLease(tx, s.ID)
		return err
	})
}

// A worker that was slow, and whose resource another one took meanwhile, has
// nothing to say any more, whatever its step came to.
func TestAReplacedWorkerWritesAndDiscardsNothing(t *testing.T) {
	ends := map[string]func() (target.Step, error){
		"a step": func() (target.Step, error) {
			return target.Step{Events: []lockstep.Event{{Type: "LATE"}}, Checkpoint: []byte("late"), Intent: "late", ContinueAfter: time.Hour}, nil
		},
		"an end":      func() (target.Step, error) { return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil },
		"a failure":   func() (target.Step, error) { return target.Step{}, lockstep.Errorf(lockstep.Invalid, "No.") },
		"a retry":     func() (target.Step, error) { return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "Away.") },
		"a blocker":   func() (target.Step, error) { return target.Step{}, &mendTheStack },
		"an accident": func() (target.Step, error) { return target.Step{}, errors.New("bug") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inSQLite(t, func(w *world) { replaced(w, end) })
		})
	}
}

func replaced(w *world, end func() (target.Step, error)) {
	late := make(chan struct{})
	w.target.script(func(target.Attempt) (target.Step, error) {
		<-late
		return end()
	})
	first := w.host.push("main", map[string]string{"web.yaml": "1"})
	cfg := w.configure("web")
	w.untilStatus(cfg, lockstep.ResourceInitiated, first)
	w.until("the step", func() bool { n, _ := w.target.called(); return n == 1 })
	before, _ := w.running(cfg)
	document := w.status(cfg)
	w.takeOver(cfg)
	close(late)
	time.Sleep(2 * time.Second)
	after, running := w.running(cfg)
	if diff := cmp.Diff(before, after); diff != "" || !running {
		w.t.Errorf("the attempt changed: %s", diff)
	}

	if diff := cmp.Diff(document, w.status(cfg)); diff != "" {
		w.t.Errorf("the status changed: %s", diff)
	}

	if steps, discards := w.target.called(); steps != 1 || discards != 0 {
		w.t.Errorf("%d steps and %d discards, want one step", steps, discards)
	}

	if n := w.count(`SELECT count(*) FROM sync_blocker`); n != 0 {
		w.t.Error("a blocker was made")
	}

	// The sweep finds what a worker that went left behind.
	w.succeeds()
	w.sweeps()
	w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
}

func TestAReplacedWorkerOfARepositorySyncWritesNothing(t *testing.T) {
	inSQLite(t, func(w *world) {
		release := w.host.hold()
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilRepository(lockstep.RepositoryInProgress)
		w.update(func(tx *db.Tx) error {
			a, _, err := syncstate.RunningRepositoryAttempt(tx, w.link.ID, "main")
			a.Tries++ // as its next worker does
			return errors.Join(err, syncstate.SaveRepositoryAttempt(tx, a))
		})

		release()
		time.Sleep(5 * time.Second)
		if a := w.repository(); a.Status != lockstep.RepositoryInProgress || len(a.Events) != 1 || a.SHA != "" {
			t.Errorf("a replaced worker wrote: %+v", a)
		}

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 0 {
			t.Error("a replaced worker started resource syncs")
		}

		w.sweeps()
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
	})
}

// sweeps runs the sweeps until the test ends.
func (w *world) sweeps() { w.t.Cleanup(w.startSweeps()) }

// startSweeps runs the sweeps of the engine and the reporter until stop is called.
func (w *world) startSweeps() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var sweeps sync.WaitGroup
	engine, reporter := w.engine, w.reporter
	sweeps.Go(func() { engine.Sweep(ctx) })
	sweeps.Go(func() { reporter.Sweep(ctx) })
	return func() { cancel(); sweeps.Wait() }
}

// loseJobs deletes what the queue would have woken.
func (w *world) loseJobs() {
	w.t.Helper()
	w.update(func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM river_job WHERE state <> 'running'`)
		return err
	})
}

func TestTheSweepWakesWhatLostItsJobWithinAMinute(t *testing.T) {
	inBubble(t, func(w *world) {
		w.sweeps()
		synctest.Wait()
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.stop()
		cfg := w.configure("web")
		w.loseJobs() // the repository sync's
		w.start()
		w.sweeps()
		synctest.Wait()
		w.loseJobs()
		began := time.Now()
		w.target.script(func(target.Attempt) (target.Step, error) { return target.Step{ContinueAfter: 5 * time.Minute}, nil })
		w.untilStatus(cfg, lockstep.ResourceInProgress, first)

		if took := time.Since(began); took > 62*time.Second {
			t.Errorf("the repository sync was found after %s", took)
		}

		w.loseJobs() // the one that waits
		began = time.Now()
		w.succeeds()
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)

		if took := time.Since(began); took < 4*time.Minute || took > 7*time.Minute {
			t.Errorf("an attempt that waits for five minutes was found after %s", took)
		}
	})
}

func TestTheSweepWakesWhatANewerHeadOrADeletionWaitsFor(t *testing.T) {
	inBubble(t, func(w *world) {
		w.sweeps()
		w.waits()
		first := w.host.push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web, api := w.configure("web"), w.configure("api")
		w.untilStatus(web, lockstep.ResourceInProgress, first)
		w.untilStatus(api, lockstep.ResourceInProgress, first)
		w.succeeds()
		second := w.host.push("main", map[string]string{"web.yaml": "2", "api.yaml": "1"})
		w.update(func(tx *db.Tx) error {
			s, err := syncstate.LockResourceByName(tx, web.Resource())
			if err != nil {
				return err
			}

			_, err = syncstate.SetDesiredRevision(tx, s.ID, web.Revision(second), "new") // and no wake-up
			return err
		})

		w.deconfigure(api)
		w.loseJobs()
		began := time.Now()
		w.untilStatus(web, lockstep.ResourceSucceeded, second)
		w.until("api is cancelled", func() bool {
			return w.count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'cancelled'`) == 1
		})

		if took := time.Since(began); took > 62*time.Second {
			t.Errorf("they were found after %s", took)
		}
	})
}

func TestTheSweepLeavesABlockedResourceAlone(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.fails(&mendTheStack)
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceFailed, first)
		w.settle(w.push(map[string]string{"web.yaml": "2"}))
		w.sweeps()
		jobs := func() int { return w.count(`SELECT coalesce(max(id), 0) FROM river_job`) }
		before := jobs()
		time.Sleep(3 * time.Minute)

		if after := jobs(); after != before {
			t.Errorf("%d jobs for what nothing can be done about", after-before)
		}
	})
}

func TestARestartInTheMiddleGoesOnWithItsMemoryAndEndsOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		var memories []string
		w.target.script(func(a target.Attempt) (target.Step, error) {
			memories = append(memories, string(a.Checkpoint)+"/"+a.Intent)
			if a.Intent == "" {
				return target.Step{Checkpoint: []byte("m1"), Intent: "execute", Events: []lockstep.Event{{Type: "ONE"}}}, nil
			}
			return target.Step{Checkpoint: []byte("m2"), ContinueAfter: time.Minute, Events: []lockstep.Event{{Type: "TWO"}}}, nil
		})

		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.until("it waits", func() bool { n, _ := w.target.called(); return n == 2 })
		time.Sleep(5 * time.Second)
		w.stop()
		time.Sleep(10 * time.Second)
		w.start()
		w.target.script(func(a target.Attempt) (target.Step, error) {
			memories = append(memories, string(a.Checkpoint)+"/"+a.Intent)
			return target.Step{End: &target.End{Outcome: lockstep.Applied}, Events: []lockstep.Event{{Type: "THREE"}}}, nil
		})
		began := time.Now()
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, first)

		if took := time.Since(began); took < 40*time.Second || took > 50*time.Second {
			t.Errorf("the wait of a minute ended %s after the start", took)
		}

		if diff := cmp.Diff([]string{"/", "m1/execute", "m2/execute"}, memories); diff != "" {
			t.Errorf("memories and intents: %s", diff)
		}

		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"ONE", "TWO", "THREE"}, types(s.LatestSync.Events)); diff != "" {
			t.Error(diff)
		}

		if n, _ := w.target.called(); n != 3 || w.count(`SELECT count(*) FROM resource_sync_attempt`) != 1 {
			t.Errorf("%d steps, want 3 of one attempt", n)
		}
	})
}

func TestAStepCutShortByTheStopIsDoneAgainAndSaysNothing(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.target.hang = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.until("the step", func() bool { n, _ := w.target.called(); return n == 1 })
		hurry, cancel := context.WithCancel(context.Background())
		cancel()
		w.must(w.queue.Stop(hurry))
		w.target.hang = nil
		w.start()
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		if diff := cmp.Diff([]string{"DONE"}, types(s.LatestSync.Events)); diff != "" {
			t.Error(diff)
		}
	})
}
