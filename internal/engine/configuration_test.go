package engine_test

import (
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

// waits makes every step wait for an hour.
func (w *world) waits() {
	w.target.script(func(target.Attempt) (target.Step, error) {
		return target.Step{Checkpoint: []byte("proposed"), ContinueAfter: time.Hour}, nil
	})
}

// executes makes attempts declare their execution and then follow it for as
// long as the channel that it returns is open, to the end given.
func (w *world) executes(end target.End) (finish chan struct{}) {
	finish = make(chan struct{})
	w.target.script(func(a target.Attempt) (target.Step, error) {
		if a.Intent == "" {
			return target.Step{Intent: "execute"}, nil
		}

		select {
		case <-finish:
			return target.Step{End: &end}, nil
		default:
			return target.Step{ContinueAfter: time.Second}, nil
		}
	})

	return finish
}

// untilIntent waits for an attempt that has declared its execution.
func (w *world) untilIntent(cfg lockstep.SyncConfiguration) {
	w.t.Helper()
	w.until("the intent", func() bool {
		a, running := w.running(cfg)
		return running && a.Intent != ""
	})
}

func TestDeletionBeforeTheIntentCancelsTheAttempt(t *testing.T) {
	inBubble(t, func(w *world) {
		w.waits()
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceInProgress, first)
		began := time.Now()
		w.deconfigure(cfg)

		if s := w.status(cfg); s.LatestSync != nil {
			t.Error("the status is still there")
		}

		w.until("the attempt is cancelled", func() bool {
			return w.count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'cancelled' AND status = 'FAILED'`) == 1
		})
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}

		if _, discards := w.target.called(); discards != 1 {
			t.Errorf("%d discards, want one", discards)
		}

		if n := w.count(`SELECT count(*) FROM sync_event WHERE type = 'SYNC_CANCELLED' AND message = 'The sync configuration was deleted.'`); n != 1 {
			t.Errorf("%d events tell the cancellation", n)
		}

		w.push(map[string]string{"web.yaml": "2"})
		time.Sleep(time.Minute)
		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 1 {
			t.Error("a resource without a configuration was synced")
		}

		if s := w.status(cfg); s.LatestSync != nil {
			t.Error("the status came back")
		}
	})
}

func TestAConfigurationMadeAgainBeginsEmptyAndCancelsItsPredecessor(t *testing.T) {
	inBubble(t, func(w *world) {
		w.waits()
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceInProgress, first)
		w.succeeds()
		w.deconfigure(cfg)
		again := w.configure("web")
		if s := w.status(again); s.LatestSync != nil || s.DesiredState != nil {
			t.Errorf("the status of a new configuration: %+v", s)
		}

		s := w.untilStatus(again, lockstep.ResourceSucceeded, first)
		if s.LatestSync.InitialRevision.SHA != first || len(s.LatestSync.Events) != 0 {
			t.Errorf("the new configuration's attempt: %+v", s.LatestSync)
		}

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'cancelled'`); n != 1 {
			t.Errorf("%d cancelled attempts, want 1", n)
		}
	})
}

func TestDeletionAfterTheIntentFollowsTheExecutionToItsEnd(t *testing.T) {
	inBubble(t, func(w *world) {
		w.executes(target.End{})
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		old := w.configure("web")
		w.untilIntent(old)
		w.deconfigure(old)
		again := w.configure("web")
		second := w.push(map[string]string{"web.yaml": "2"})
		time.Sleep(10 * time.Second)

		if s := w.status(again); s.LatestSync != nil {
			t.Errorf("the new configuration shows attempt %+v beside the one that runs", s.LatestSync)
		}

		note := make(chan string, 1)
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if a.Configuration.ID != old.ID {
				note <- string(a.Baseline)
			}
			return target.Step{End: &target.End{Outcome: lockstep.Applied, Baseline: []byte("of the old configuration")}}, nil
		})

		s := w.untilStatus(again, lockstep.ResourceSucceeded, second)
		if got := s.LatestSync.InitialRevision.SHA; got != second {
			t.Errorf("the first sync of a configuration begins with %s of another one", got)
		}

		if last := <-note; last != "" {
			t.Errorf("the first sync of a configuration is given a note %s", last)
		}

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND outcome = 'applied'`, string(first)); n != 1 {
			t.Error("the old execution was not followed to its end")
		}

		if _, discards := w.target.called(); discards != 0 || w.target.most["web"] != 1 {
			t.Errorf("%d discards, %d steps at once", discards, w.target.most["web"])
		}
	})
}

// A step that is under way cannot know what is desired by the time it ends. Its
// intent counts only if nothing newer is there in the transaction that writes
// it.
func TestAnIntentThatComesTooLateIsNotDeclared(t *testing.T) {
	newer := map[string]func(w *world, cfg lockstep.SyncConfiguration){
		"superseded": func(w *world, _ lockstep.SyncConfiguration) { w.settle(w.push(map[string]string{"web.yaml": "2"})) },
		"cancelled":  func(w *world, cfg lockstep.SyncConfiguration) { w.deconfigure(cfg) },
	}
	for outcome, comes := range newer {
		t.Run(outcome, func(t *testing.T) {
			inBubble(t, func(w *world) {
				late := make(chan struct{})
				first := w.host.push("main", map[string]string{"web.yaml": "1"})
				w.target.script(func(a target.Attempt) (target.Step, error) {
					if a.Revision.SHA == first && a.Intent == "" {
						<-late
						return target.Step{Intent: "execute"}, nil
					}
					return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
				})

				cfg := w.configure("web")
				w.until("the step", func() bool { n, _ := w.target.called(); return n == 1 })
				comes(w, cfg)
				close(late)
				w.until("the end", func() bool {
					return w.count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND ended_at IS NOT NULL`, string(first)) == 1
				})

				if n := w.count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND outcome = $2`, string(first), outcome); n != 1 {
					t.Errorf("the attempt was not %s", outcome)
				}

				if _, discards := w.target.called(); discards != 1 {
					t.Errorf("%d discards, want one", discards)
				}
			})
		})
	}
}

func TestWhatBlocksADeletedConfigurationDoesNotBlockItsSuccessor(t *testing.T) {
	inBubble(t, func(w *world) {
		w.executes(target.End{})
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		old := w.configure("web")
		w.untilIntent(old)
		w.deconfigure(old)
		again := w.configure("web")
		time.Sleep(5 * time.Second)
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if a.Configuration.ID == old.ID {
				return target.Step{End: &target.End{Outcome: lockstep.Failed, Blocked: &mendTheStack}}, nil
			}
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})

		w.untilStatus(again, lockstep.ResourceSucceeded, first)
		if n := w.count(`SELECT count(*) FROM sync_blocker`); n != 0 {
			t.Errorf("%d blockers were made", n)
		}
	})
}

func TestABlockerGoesWithItsConfiguration(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.fails(&mendTheStack)
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceFailed, first)
		w.deconfigure(cfg)
		w.succeeds()
		w.untilStatus(w.configure("web"), lockstep.ResourceSucceeded, first)

		if n := w.count(`SELECT count(*) FROM sync_blocker WHERE status = 'RESOLVED' AND resolved_reason = 'The sync configuration was deleted.'`); n != 1 {
			t.Errorf("%d blockers were resolved with the reason", n)
		}
	})
}

func TestAnUpdateToAnotherBranchAndFileSyncsThem(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		dev := w.host.push("dev", map[string]string{"web.yaml": "1", "dev.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		w.reconfigure(&cfg, func(c *lockstep.SyncConfiguration) { c.Branch = "dev" })
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, dev)
		if s.LatestSync.TargetRevision != cfg.Revision(dev) || s.LatestSync.InitialRevision.Branch != "main" {
			t.Errorf("after the branch: from %+v to %+v", s.LatestSync.InitialRevision, s.LatestSync.TargetRevision)
		}

		w.reconfigure(&cfg, func(c *lockstep.SyncConfiguration) { c.ConfigFile = "dev.yaml" })
		w.until("the file is followed", func() bool {
			s := w.status(cfg)
			return s.LatestSync.TargetRevision == cfg.Revision(dev) && s.LatestSync.Status == lockstep.ResourceSucceeded
		})
		w.push(map[string]string{"web.yaml": "2"})
		time.Sleep(10 * time.Second)

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 3 {
			t.Errorf("%d attempts, want 3: the branch left behind is nobody's", n)
		}
	})
}

func TestAnUpdateSupersedesWhatItsPredecessorProposed(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.waits()
		first := w.host.push("main", map[string]string{"web.yaml": "1", "new.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceInProgress, first)
		time.Sleep(time.Second)
		w.succeeds()
		w.reconfigure(&cfg, func(c *lockstep.SyncConfiguration) { c.ConfigFile = "new.yaml" })
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		if got := s.LatestSync.TargetRevision.Directory; got != "new.yaml" {
			t.Errorf("the attempt was for %s", got)
		}

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'superseded'`); n != 1 {
			t.Errorf("%d attempts superseded, want 1", n)
		}
	})
}

// A desire from before an update, left while an execution was followed, is not
// what the updated configuration asks for: its file and its role would meet a
// commit of another branch.
func TestADesireFromBeforeAnUpdateIsNotAttempted(t *testing.T) {
	inBubble(t, func(w *world) {
		finish := w.executes(target.End{Outcome: lockstep.Applied})
		w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilIntent(cfg)
		stale := w.push(map[string]string{"web.yaml": "2"})
		w.until("the second head is desired", func() bool { return w.status(cfg).DesiredState.SHA == stale })
		dev := w.host.push("dev", map[string]string{"dev.yaml": "1"})
		release := w.host.hold()
		w.reconfigure(&cfg, func(c *lockstep.SyncConfiguration) { c.Branch, c.ConfigFile = "dev", "dev.yaml" })
		close(finish)
		time.Sleep(10 * time.Second)
		release()
		w.until("the other branch is synced", func() bool {
			s := w.status(cfg)
			return s.LatestSync.TargetRevision == cfg.Revision(dev) && s.LatestSync.Status == lockstep.ResourceSucceeded
		})

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1`, string(stale)); n != 0 {
			t.Error("the file of one branch was applied from a commit of another")
		}
	})
}
