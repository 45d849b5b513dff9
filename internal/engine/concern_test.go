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
	"github.com/lockstephq/lockstep/internal/target"
)

// settle waits until a head was acted on, and what it concerned with it.
func (w *world) settle(sha lockstep.SHA) {
	w.t.Helper()
	w.until("the head "+sha.Short()+" is acted on", func() bool {
		a := w.repository()
		return a.SHA == sha && a.Status == lockstep.RepositorySucceeded
	})
	time.Sleep(5 * time.Second)
}

func TestAForcePushBackToAnOldCommitSyncsIt(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		w.host.point("main", first)
		w.update(func(tx *db.Tx) error { return w.engine.RecordHead(tx, w.link.ID, "main", first) })
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		if s.LatestSync.InitialRevision.SHA != second || s.DesiredState.SHA != first {
			t.Errorf("back: from %s, desired %s", s.LatestSync.InitialRevision.SHA, s.DesiredState.SHA)
		}

		if h := w.handled(cfg, second); h.State != engine.LaterSucceeded || h.AttemptedSHA != first {
			t.Errorf("the commit that was left: %+v", h)
		}
	})
}

func TestAHeadThatChangesNothingMakesNoCallOfTheTarget(t *testing.T) {
	inBubble(t, func(w *world) {
		files := map[string]string{}
		var cfgs []lockstep.SyncConfiguration
		for i := range 20 {
			files[fmt.Sprintf("stack%d.yaml", i)] = "1"
		}

		first := w.host.push("main", files)
		for i := range 20 {
			cfgs = append(cfgs, w.configure(fmt.Sprintf("stack%d", i)))
		}

		for _, cfg := range cfgs {
			w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		}

		before, _ := w.target.called()
		files["README"] = "new"
		second := w.push(files)
		w.settle(second)

		if after, discards := w.target.called(); after != before || discards != 0 {
			t.Errorf("the target was called %d times", after-before+discards)
		}

		for _, cfg := range cfgs {
			if h := w.handled(cfg, second); h.State != engine.NotAffected {
				t.Errorf("%s: %s", cfg.ResourceName, h.State)
			}
		}

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 20 {
			t.Errorf("%d attempts, want 20", n)
		}
	})
}

func TestTheSameContentAfterAFailureIsNotConcernedButARetryIs(t *testing.T) {
	inBubble(t, func(w *world) {
		w.fails(lockstep.Errorf(lockstep.Invalid, "Line 3."))
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceFailed, first)
		second := w.push(map[string]string{"web.yaml": "1", "README": "new"})
		w.settle(second)

		if s := w.status(cfg); s.LatestSync.TargetRevision.SHA != first || s.DesiredState.SHA != first {
			t.Errorf("the same content again: latest %s, desired %s", s.LatestSync.TargetRevision.SHA, s.DesiredState.SHA)
		}

		if h := w.handled(cfg, second); h.State != engine.NotAffected {
			t.Errorf("handled: %+v", h)
		}

		w.succeeds()
		w.retry(cfg)
		s := w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		if s.DesiredState.SHA != second {
			t.Errorf("a retry is of the head, not of %s", s.DesiredState.SHA)
		}
	})
}

func TestARetryOfWhatSucceededSyncsTheHeadAgain(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web, api := w.configure("web"), w.configure("api")
		w.untilStatus(web, lockstep.ResourceSucceeded, first)
		w.untilStatus(api, lockstep.ResourceSucceeded, first)
		w.retry(web)
		w.until("another attempt", func() bool { n, _ := w.target.called(); return n == 3 })
		time.Sleep(10 * time.Second)

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt a JOIN resource r ON r.id = a.resource_id WHERE r.name = 'web'`); n != 2 {
			t.Errorf("%d attempts of web, want 2", n)
		}
	})
}

func TestAnyChangeIsConcernedByNewHeadsAloneNotByAnotherLook(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", func(c *lockstep.SyncConfiguration) { c.TriggerResourceUpdateOn = lockstep.AnyChange })
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		w.update(func(tx *db.Tx) error { return w.engine.RequestSync(tx, w.link.ID, "main") })
		time.Sleep(10 * time.Second)

		if n, _ := w.target.called(); n != 1 {
			t.Errorf("another look at the same head made %d steps", n-1)
		}

		second := w.push(map[string]string{"web.yaml": "1"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		w.reconfigure(&cfg, func(c *lockstep.SyncConfiguration) { c.TriggerResourceUpdateOn = lockstep.FileChange })
		w.until("the update is synced", func() bool { n, _ := w.target.called(); return n == 3 })
		third := w.push(map[string]string{"web.yaml": "1", "README": "new"})
		w.settle(third)

		if s := w.status(cfg); s.LatestSync.TargetRevision.SHA != second {
			t.Errorf("FILE_CHANGE was concerned by %s", s.LatestSync.TargetRevision.SHA)
		}
	})
}

func TestAPendingHeadThatIsRevertedAndComesBackIsSynced(t *testing.T) {
	inSQLite(t, func(w *world) {
		finish := w.executes(target.End{Outcome: lockstep.Applied})
		w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilIntent(cfg)
		var newest lockstep.SHA
		for _, text := range []string{"2", "1", "2"} {
			newest = w.push(map[string]string{"web.yaml": text})
			w.settle(newest)
			if got := w.status(cfg).DesiredState.SHA; got != newest {
				t.Errorf("desired is %s, not %s", got, newest)
			}
		}

		close(finish)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, newest)
	})
}

func TestAConfigurationThatCannotBePlannedKeepsNoOtherBack(t *testing.T) {
	for name, cause := range map[string]error{
		"a bug":       errors.New("boom"),
		"a panic":     nil,
		"unavailable": lockstep.Errorf(lockstep.Unavailable, "Away."),
	} {
		t.Run(name, func(t *testing.T) {
			inSQLite(t, func(w *world) {
				var mended atomic.Bool
				w.target.plan = func(name string) error {
					if name != "bad" || mended.Load() {
						return nil
					}

					if cause == nil {
						panic("boom")
					}

					return cause
				}

				first := w.host.push("main", map[string]string{"bad.yaml": "1", "web.yaml": "1", "api.yaml": "1"})
				bad, web, api := w.configure("bad"), w.configure("web"), w.configure("api")
				w.untilStatus(web, lockstep.ResourceSucceeded, first)
				w.untilStatus(api, lockstep.ResourceSucceeded, first)

				if a := w.repository(); a.Status == lockstep.RepositorySucceeded {
					t.Errorf("the repository sync says it is done: %+v", a)
				}

				time.Sleep(2 * time.Minute) // several tries
				if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
					t.Errorf("%d attempts, want 2", n)
				}

				mended.Store(true)
				w.request()
				w.untilStatus(bad, lockstep.ResourceSucceeded, first)
				w.untilRepository(lockstep.RepositorySucceeded)
			})
		})
	}
}

func TestARepositoryThatHangsUpIsNotAskedForEveryConfiguration(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.host.push("main", map[string]string{})
		for i := range 30 {
			w.configure(fmt.Sprint("r", i))
		}

		w.untilRepository(lockstep.RepositorySucceeded)
		var asked atomic.Int64
		w.target.plan = func(string) error {
			asked.Add(1)
			return lockstep.Errorf(lockstep.Unavailable, "The host hung up.")
		}
		w.push(map[string]string{})
		w.until("a try", func() bool { return asked.Load() > 0 })
		time.Sleep(tick)

		if n := asked.Load(); n != 10 {
			t.Errorf("asked %d times", n)
		}
	})
}
