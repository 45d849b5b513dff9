package engine_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestAForcePushBackToAnOldCommitSyncsIt(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		w.Host.SetHead("main", first)
		w.Update(func(tx *db.Tx) error { return w.Engine.RecordHead(tx, w.Link.ID, "main", first) })
		s := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		if s.LatestSync.InitialRevision.SHA != second || s.DesiredState.SHA != first {
			t.Errorf("back: from %s, desired %s", s.LatestSync.InitialRevision.SHA, s.DesiredState.SHA)
		}

		if h := w.RevisionStatus(cfg, second); h.State != engine.LaterSucceeded || h.AttemptedSHA != first {
			t.Errorf("the commit that was left: %+v", h)
		}
	})
}

func TestAHeadThatChangesNoInputsDoesNotCallTheTarget(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		files := map[string]string{}
		var cfgs []lockstep.SyncConfiguration
		for i := range 20 {
			files[fmt.Sprintf("stack%d.yaml", i)] = "1"
		}

		first := w.Host.Push("main", files)
		for i := range 20 {
			cfgs = append(cfgs, w.CreateConfiguration(fmt.Sprintf("stack%d", i)))
		}

		for _, cfg := range cfgs {
			w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		}

		before, _ := w.Target.CallCounts()
		files["README"] = "new"
		second := w.Push(files)
		w.WaitForRepositorySyncOf(second)

		if after, discards := w.Target.CallCounts(); after != before || discards != 0 {
			t.Errorf("the target was called %d times", after-before+discards)
		}

		for _, cfg := range cfgs {
			if h := w.RevisionStatus(cfg, second); h.State != engine.NotAffected {
				t.Errorf("%s: %s", cfg.ResourceName, h.State)
			}
		}

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 20 {
			t.Errorf("%d attempts, want 20", n)
		}
	})
}

func TestEqualInputsAfterAFailureAreNotAffectedButARetryIs(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsFail(lockstep.Errorf(lockstep.Invalid, "Line 3."))
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceFailed, first)
		second := w.Push(map[string]string{"web.yaml": "1", "README": "new"})
		w.WaitForRepositorySyncOf(second)

		if status := w.Status(cfg); status.LatestSync.TargetRevision.SHA != first || status.DesiredState.SHA != first {
			t.Errorf("the same content again: latest %s, desired %s", status.LatestSync.TargetRevision.SHA,
				status.DesiredState.SHA)
		}

		if h := w.RevisionStatus(cfg, second); h.State != engine.NotAffected {
			t.Errorf("handled: %+v", h)
		}

		w.StepsSucceed()
		w.Retry(cfg)
		status := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		if status.DesiredState.SHA != second {
			t.Errorf("a retry is of the head, not of %s", status.DesiredState.SHA)
		}
	})
}

func TestARetryAfterASuccessSyncsTheHeadAgain(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web, api := w.CreateConfiguration("web"), w.CreateConfiguration("api")
		w.WaitForStatus(web, lockstep.ResourceSucceeded, first)
		w.WaitForStatus(api, lockstep.ResourceSucceeded, first)
		w.Retry(web)
		w.WaitUntil("another attempt", func() bool { count, _ := w.Target.CallCounts(); return count == 3 })
		time.Sleep(10 * time.Second)

		if count := w.Count(`SELECT count(*) FROM resource_sync_attempt a JOIN resource r ON r.id = a.resource_id
			WHERE r.name = 'web'`); count != 2 {
			t.Errorf("%d attempts of web, want 2", count)
		}
	})
}

func TestAnyChangeIsAffectedByNewHeadsAndNotByAnotherProbe(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", func(c *lockstep.SyncConfiguration) {
			c.TriggerResourceUpdateOn = lockstep.AnyChange
		})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		w.Update(func(tx *db.Tx) error { return w.Engine.RequestSync(tx, w.Link.ID, "main") })
		time.Sleep(10 * time.Second)

		if count, _ := w.Target.CallCounts(); count != 1 {
			t.Errorf("another look at the same head made %d steps", count-1)
		}

		second := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		w.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) {
			c.TriggerResourceUpdateOn = lockstep.FileChange
		})
		w.WaitUntil("the update is synced", func() bool { count, _ := w.Target.CallCounts(); return count == 3 })
		third := w.Push(map[string]string{"web.yaml": "1", "README": "new"})
		w.WaitForRepositorySyncOf(third)

		if s := w.Status(cfg); s.LatestSync.TargetRevision.SHA != second {
			t.Errorf("FILE_CHANGE was concerned by %s", s.LatestSync.TargetRevision.SHA)
		}
	})
}

func TestAPendingHeadThatIsRevertedAndComesBackIsSynced(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForIntent(cfg)
		var newest lockstep.SHA
		for _, text := range []string{"2", "1", "2"} {
			newest = w.Push(map[string]string{"web.yaml": text})
			w.WaitForRepositorySyncOf(newest)
			if got := w.Status(cfg).DesiredState.SHA; got != newest {
				t.Errorf("desired is %s, not %s", got, newest)
			}
		}

		close(finish)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, newest)
	})
}

func TestAnUnreadableConfigurationDoesNotDelayOthers(t *testing.T) {
	for name, cause := range map[string]error{
		"a bug":       errors.New("boom"),
		"a panic":     nil,
		"unavailable": lockstep.Errorf(lockstep.Unavailable, "Away."),
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
				var mended atomic.Bool
				w.Target.OnReadInputs = func(name string) error {
					if name != "bad" || mended.Load() {
						return nil
					}

					if cause == nil {
						panic("boom")
					}

					return cause
				}

				first := w.Host.Push("main", map[string]string{"bad.yaml": "1", "web.yaml": "1", "api.yaml": "1"})
				bad := w.CreateConfiguration("bad")
				web := w.CreateConfiguration("web")
				api := w.CreateConfiguration("api")
				w.WaitForStatus(web, lockstep.ResourceSucceeded, first)
				w.WaitForStatus(api, lockstep.ResourceSucceeded, first)

				if a := w.LatestRepositorySync(); a.Status == lockstep.RepositorySucceeded {
					t.Errorf("the repository sync says it is done: %+v", a)
				}

				time.Sleep(2 * time.Minute) // several tries
				if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
					t.Errorf("%d attempts, want 2", n)
				}

				mended.Store(true)
				w.RequestSync()
				w.WaitForStatus(bad, lockstep.ResourceSucceeded, first)
				w.WaitForRepositorySync(lockstep.RepositorySucceeded)
			})
		})
	}
}

func TestAnUnavailableRepositoryIsNotReadForEveryConfiguration(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Host.Push("main", map[string]string{})
		for i := range 30 {
			w.CreateConfiguration(fmt.Sprint("r", i))
		}

		w.WaitForRepositorySync(lockstep.RepositorySucceeded)
		var asked atomic.Int64
		w.Target.OnReadInputs = func(string) error {
			asked.Add(1)
			return lockstep.Errorf(lockstep.Unavailable, "The host hung up.")
		}
		w.Push(map[string]string{})
		w.WaitUntil("a try", func() bool { return asked.Load() > 0 })
		time.Sleep(enginetest.Tick)

		if n := asked.Load(); n != 10 {
			t.Errorf("asked %d times", n)
		}
	})
}
