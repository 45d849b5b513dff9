package engine_test

import (
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestDeletionBeforeTheIntentCancelsTheAttempt(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsWaitAnHour()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceInProgress, first)
		began := time.Now()
		w.DeleteConfiguration(cfg)

		if status := w.Status(cfg); status.LatestSync != nil {
			t.Error("the status is still there")
		}

		w.WaitUntil("the attempt is cancelled", func() bool {
			return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'cancelled'
				AND status = 'FAILED'`) == 1
		})
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}

		if _, discards := w.Target.CallCounts(); discards != 1 {
			t.Errorf("%d discards, want one", discards)
		}

		if count := w.Count(`SELECT count(*) FROM sync_event WHERE type = 'SYNC_CANCELLED'
			AND message = 'The sync configuration was deleted.'`); count != 1 {
			t.Errorf("%d events tell the cancellation", count)
		}

		w.Push(map[string]string{"web.yaml": "2"})
		time.Sleep(time.Minute)
		if count := w.Count(`SELECT count(*) FROM resource_sync_attempt`); count != 1 {
			t.Error("a resource without a configuration was synced")
		}

		if status := w.Status(cfg); status.LatestSync != nil {
			t.Error("the status came back")
		}
	})
}

func TestAConfigurationCreatedAgainStartsEmptyAndCancelsItsPredecessor(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsWaitAnHour()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceInProgress, first)
		w.StepsSucceed()
		w.DeleteConfiguration(cfg)
		again := w.CreateConfiguration("web")
		if status := w.Status(again); status.LatestSync != nil || status.DesiredState != nil {
			t.Errorf("the status of a new configuration: %+v", status)
		}

		status := w.WaitForStatus(again, lockstep.ResourceSucceeded, first)
		if status.LatestSync.InitialRevision.SHA != first || len(status.LatestSync.Events) != 0 {
			t.Errorf("the new configuration's attempt: %+v", status.LatestSync)
		}

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'cancelled'`); n != 1 {
			t.Errorf("%d cancelled attempts, want 1", n)
		}
	})
}

func TestDeletionAfterTheIntentFollowsTheExecutionToItsEnd(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsExecuteUntil(target.End{})
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		old := w.CreateConfiguration("web")
		w.WaitForIntent(old)
		w.DeleteConfiguration(old)
		again := w.CreateConfiguration("web")
		second := w.Push(map[string]string{"web.yaml": "2"})
		time.Sleep(10 * time.Second)

		if status := w.Status(again); status.LatestSync != nil {
			t.Errorf("the new configuration shows attempt %+v beside the one that runs", status.LatestSync)
		}

		note := make(chan string, 1)
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if a.Configuration.ID != old.ID {
				note <- string(a.Baseline)
			}
			return target.Step{
				End: &target.End{Outcome: lockstep.Applied, Baseline: []byte("of the old configuration")},
			}, nil
		})

		status := w.WaitForStatus(again, lockstep.ResourceSucceeded, second)
		if got := status.LatestSync.InitialRevision.SHA; got != second {
			t.Errorf("the first sync of a configuration begins with %s of another one", got)
		}

		if last := <-note; last != "" {
			t.Errorf("the first sync of a configuration is given a note %s", last)
		}

		n := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND outcome = 'applied'`,
			string(first))
		if n != 1 {
			t.Error("the old execution was not followed to its end")
		}

		if _, discards := w.Target.CallCounts(); discards != 0 || w.Target.MaxConcurrent["web"] != 1 {
			t.Errorf("%d discards, %d steps at once", discards, w.Target.MaxConcurrent["web"])
		}
	})
}

// A step that is under way cannot know what is desired by the time it ends. Its
// intent counts only if nothing newer is there in the transaction that writes
// it.
func TestTheIntentOfASupersededAttemptIsNotRecorded(t *testing.T) {
	newer := map[string]func(w *enginetest.World, cfg lockstep.SyncConfiguration){
		"superseded": func(w *enginetest.World, _ lockstep.SyncConfiguration) {
			w.WaitForRepositorySyncOf(w.Push(map[string]string{"web.yaml": "2"}))
		},
		"cancelled": func(w *enginetest.World, cfg lockstep.SyncConfiguration) { w.DeleteConfiguration(cfg) },
	}
	for outcome, comes := range newer {
		t.Run(outcome, func(t *testing.T) {
			enginetest.InBubble(t, func(w *enginetest.World) {
				late := make(chan struct{})
				first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
				w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
					if a.Revision.SHA == first && a.Intent == "" {
						<-late
						return target.Step{Intent: "execute"}, nil
					}
					return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
				})

				cfg := w.CreateConfiguration("web")
				w.WaitUntil("the step", func() bool { count, _ := w.Target.CallCounts(); return count == 1 })
				comes(w, cfg)
				close(late)
				w.WaitUntil("the end", func() bool {
					return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1
						AND ended_at IS NOT NULL`, string(first)) == 1
				})

				count := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND outcome = $2`,
					string(first), outcome)
				if count != 1 {
					t.Errorf("the attempt was not %s", outcome)
				}

				if _, discards := w.Target.CallCounts(); discards != 1 {
					t.Errorf("%d discards, want one", discards)
				}
			})
		})
	}
}

func TestTheBlockerOfADeletedConfigurationDoesNotBlockItsSuccessor(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsExecuteUntil(target.End{})
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		old := w.CreateConfiguration("web")
		w.WaitForIntent(old)
		w.DeleteConfiguration(old)
		again := w.CreateConfiguration("web")
		time.Sleep(5 * time.Second)
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if a.Configuration.ID == old.ID {
				return target.Step{End: &target.End{Outcome: lockstep.Failed, Blocked: &enginetest.BlockedError}}, nil
			}
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})

		w.WaitForStatus(again, lockstep.ResourceSucceeded, first)
		if n := w.Count(`SELECT count(*) FROM sync_blocker`); n != 0 {
			t.Errorf("%d blockers were made", n)
		}
	})
}

func TestABlockerGoesWithItsConfiguration(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.StepsFail(&enginetest.BlockedError)
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceFailed, first)
		w.DeleteConfiguration(cfg)
		w.StepsSucceed()
		w.WaitForStatus(w.CreateConfiguration("web"), lockstep.ResourceSucceeded, first)

		if n := w.Count(`SELECT count(*) FROM sync_blocker WHERE status = 'RESOLVED'
			AND resolved_reason = 'The sync configuration was deleted.'`); n != 1 {
			t.Errorf("%d blockers were resolved with the reason", n)
		}
	})
}

func TestAnUpdateToAnotherBranchAndFileSyncsThem(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		dev := w.Host.Push("dev", map[string]string{"web.yaml": "1", "dev.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		w.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) { c.Branch = "dev" })
		status := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, dev)
		if status.LatestSync.TargetRevision != cfg.Revision(dev) || status.LatestSync.InitialRevision.Branch != "main" {
			t.Errorf("after the branch: from %+v to %+v", status.LatestSync.InitialRevision,
				status.LatestSync.TargetRevision)
		}

		w.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) { c.ConfigFile = "dev.yaml" })
		w.WaitUntil("the file is followed", func() bool {
			status := w.Status(cfg)
			return status.LatestSync.TargetRevision == cfg.Revision(dev) &&
				status.LatestSync.Status == lockstep.ResourceSucceeded
		})
		w.Push(map[string]string{"web.yaml": "2"})
		time.Sleep(10 * time.Second)

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 3 {
			t.Errorf("%d attempts, want 3: no configuration tracks the former branch", n)
		}
	})
}

func TestAnUpdateSupersedesTheProposalBeforeIt(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.StepsWaitAnHour()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1", "new.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceInProgress, first)
		time.Sleep(time.Second)
		w.StepsSucceed()
		w.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) { c.ConfigFile = "new.yaml" })
		s := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		if got := s.LatestSync.TargetRevision.Directory; got != "new.yaml" {
			t.Errorf("the attempt was for %s", got)
		}

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'superseded'`); n != 1 {
			t.Errorf("%d attempts superseded, want 1", n)
		}
	})
}

// A desire from before an update, left while an execution was followed, is not
// what the updated configuration asks for: its file and its role would meet a
// commit of another branch.
func TestADesiredRevisionFromBeforeAnUpdateIsNotAttempted(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForIntent(cfg)
		stale := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitUntil("the second head is desired", func() bool { return w.Status(cfg).DesiredState.SHA == stale })
		dev := w.Host.Push("dev", map[string]string{"dev.yaml": "1"})
		release := w.Host.BlockReads()
		w.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) { c.Branch, c.ConfigFile = "dev", "dev.yaml" })
		close(finish)
		time.Sleep(10 * time.Second)
		release()
		w.WaitUntil("the other branch is synced", func() bool {
			s := w.Status(cfg)
			return s.LatestSync.TargetRevision == cfg.Revision(dev) && s.LatestSync.Status == lockstep.ResourceSucceeded
		})

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1`, string(stale)); n != 0 {
			t.Error("the file of one branch was applied from a commit of another")
		}
	})
}
