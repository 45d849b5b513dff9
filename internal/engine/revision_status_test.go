package engine_test

import (
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestTheStatusOfACommitIsKnownFromItsPushToItsEnd(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		release := w.Host.BlockReads()
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.ExpectRevisionStatus(cfg, first, engine.RevisionStatus{State: engine.Pending})
		time.Sleep(2 * time.Second)
		w.ExpectRevisionStatus(cfg, first, engine.RevisionStatus{State: engine.Pending})
		release()
		w.WaitForIntent(cfg)
		w.ExpectRevisionStatus(cfg, first, engine.RevisionStatus{State: engine.InProgress})
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForRepositorySyncOf(second)
		w.ExpectRevisionStatus(cfg, second, engine.RevisionStatus{State: engine.InProgress})
		close(finish)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		w.ExpectRevisionStatus(cfg, second, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: second})
		w.ExpectRevisionStatus(cfg, first, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: second})
		other := w.Push(map[string]string{"web.yaml": "2", "README": ""})
		w.WaitForRepositorySyncOf(other)
		w.ExpectRevisionStatus(cfg, other, engine.RevisionStatus{State: engine.NotAffected})
		w.ExpectRevisionStatus(cfg, "ffffffffffffffffffffffffffffffffffffffff",
			engine.RevisionStatus{State: engine.Pending})
	})
}

func TestTheStatusOfAFailureHasItsCommitAndReason(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Failed})
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForIntent(cfg)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForRepositorySyncOf(second)
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if a.Revision.SHA == first {
				return target.Step{
					Events: []lockstep.Event{{Type: "E", Message: "Queue: no."}},
					End:    &target.End{Outcome: lockstep.Failed},
				}, nil
			}
			return target.Step{}, lockstep.Errorf(lockstep.Invalid, "Topic: no.")
		})

		close(finish)
		w.WaitForStatus(cfg, lockstep.ResourceFailed, second)
		for _, sha := range []lockstep.SHA{first, second} {
			w.ExpectRevisionStatus(cfg, sha, engine.RevisionStatus{
				State:        engine.Failed,
				AttemptedSHA: second,
				Reason:       "Topic: no.",
			})
		}

		w.StepsFail(&enginetest.BlockedError)
		third := w.Push(map[string]string{"web.yaml": "3"})
		w.WaitUntil("blocked", func() bool { _, blocked := w.ActiveBlocker(cfg); return blocked })

		for _, sha := range []lockstep.SHA{first, second, third} {
			w.ExpectRevisionStatus(cfg, sha, engine.RevisionStatus{State: engine.Blocked, Reason: "Mend the stack."})
		}

		w.StepsSucceed()
		w.Retry(cfg)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, third)
		w.ExpectRevisionStatus(cfg, first, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: third})
	})
}

func TestACommitThatWasNeverAHeadHasTheStatusOfTheHead(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		between := w.Host.Push("main", map[string]string{"web.yaml": "2"})
		w.ExpectRevisionStatus(cfg, between, engine.RevisionStatus{State: engine.Pending})
		head := w.Push(map[string]string{"web.yaml": "3"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, head)
		w.ExpectRevisionStatus(cfg, between, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: head})
		elsewhere := w.Host.Push("dev", map[string]string{"web.yaml": "4"})
		w.ExpectRevisionStatus(cfg, elsewhere, engine.RevisionStatus{State: engine.Pending})
		w.StepsFail(lockstep.Errorf(lockstep.Invalid, "No."))
		skipped := w.Host.Push("main", map[string]string{"web.yaml": "5"})
		broken := w.Push(map[string]string{"web.yaml": "6"})
		w.WaitForStatus(cfg, lockstep.ResourceFailed, broken)
		w.ExpectRevisionStatus(cfg, skipped, engine.RevisionStatus{
			State:        engine.Failed,
			AttemptedSHA: broken,
			Reason:       "No.",
		})
	})
}

// A configuration that was made or retried on a head already seen is yet to be
// looked at: what was true before says nothing of it.
func TestAChangeAfterTheHeadWasSyncedIsPending(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.StepsFail(lockstep.Errorf(lockstep.Invalid, "No."))
		first := w.Host.Push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web := w.CreateConfiguration("web")
		w.WaitForStatus(web, lockstep.ResourceFailed, first)
		w.ExpectRevisionStatus(web, first, engine.RevisionStatus{
			State:        engine.Failed,
			AttemptedSHA: first,
			Reason:       "No.",
		})
		w.StepsSucceed()
		release := w.Host.BlockReads()
		api := w.CreateConfiguration("api")
		w.Retry(web)
		w.ExpectRevisionStatus(api, first, engine.RevisionStatus{State: engine.Pending})
		w.ExpectRevisionStatus(web, first, engine.RevisionStatus{State: engine.Pending})
		release()
		w.WaitForStatus(api, lockstep.ResourceSucceeded, first)
		w.WaitForStatus(web, lockstep.ResourceSucceeded, first)
		w.ExpectRevisionStatus(web, first, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: first})
		w.ExpectRevisionStatus(api, first, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: first})
	})
}

func TestResolveHeadReadsTheHostAndSyncsAChangedHead(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Host.Push("main", map[string]string{"web.yaml": "2"})
		sha, err := w.Engine.ResolveHead(w.T.Context(), cfg)
		w.Must(err)

		if sha != second {
			t.Errorf("the head is %s, want %s", sha, second)
		}

		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		if sha, err := w.Engine.ResolveHead(w.T.Context(), cfg); sha != second || err != nil {
			t.Errorf("the head is %s, %v", sha, err)
		}

		time.Sleep(5 * time.Second)
		if n := w.Count(`SELECT count(*) FROM repository_sync_attempt`); n != 2 {
			t.Errorf("%d repository syncs, want 2: the head was no news", n)
		}

		w.Host.SetHead("main", "")
		if _, err := w.Engine.ResolveHead(w.T.Context(), cfg); lockstep.KindOf(err) != lockstep.NotFound {
			t.Errorf("of a branch that is gone: %v", err)
		}

		w.Host.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
		if _, err := w.Engine.ResolveHead(w.T.Context(), cfg); lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("of a host that is away: %v", err)
		}
	})
}

func TestDiscoveryOfAnUnknownBranchSyncsAndPollsIt(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.Must(w.Engine.StartDiscovery(w.T.Context(), w.Link.ID, lockstep.Discovery{Branch: "main"}, first))
		w.WaitForRepositorySyncOf(first)
		if n := w.Count(`SELECT count(*) FROM repository_link WHERE next_poll_at IS NOT NULL`); n != 1 {
			t.Error("it is not polled")
		}
	})
}

func TestAHeadThatReturnsDoesNotHaveItsOldStatus(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		w.Update(func(tx *db.Tx) error { // a look sees the force-push; no sync has acted on it yet
			if _, err := syncstate.LockBranch(tx, w.Link.ID, "main"); err != nil {
				return err
			}
			return syncstate.SetBranchHead(tx, w.Link.ID, "main", first)
		})

		status, err := w.Engine.RevisionStatus(w.T.Context(), cfg, first)
		w.Must(err)
		if status.State != engine.Pending {
			t.Errorf("before the sync: %+v", status)
		}

		w.Host.SetHead("main", first)
		w.Update(func(tx *db.Tx) error { return w.Engine.RequestSync(tx, w.Link.ID, "main") })
		w.WaitUntil("the commit is live again", func() bool {
			status, err = w.Engine.RevisionStatus(w.T.Context(), cfg, first)
			w.Must(err)
			return status.State == engine.Succeeded
		})

		if s := w.Status(cfg); s.LatestSync.TargetRevision.SHA != first {
			t.Errorf("answered %+v while the stack is at %s", status, s.LatestSync.TargetRevision.SHA)
		}
	})
}
