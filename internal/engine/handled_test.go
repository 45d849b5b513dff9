package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/target"
)

// expect compares what became of a commit with what should have.
func (w *world) expect(cfg lockstep.SyncConfiguration, sha lockstep.SHA, want engine.RevisionStatus) {
	w.t.Helper()
	want.SHA = sha
	if diff := cmp.Diff(want, w.handled(cfg, sha)); diff != "" {
		w.t.Errorf("%s: %s", cfg.ResourceName, diff)
	}
}

func TestHandledFollowsACommitFromItsPushToItsEnd(t *testing.T) {
	inBubble(t, func(w *world) {
		release := w.host.hold()
		finish := w.executes(target.End{Outcome: lockstep.Applied})
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.expect(cfg, first, engine.RevisionStatus{State: engine.Pending})
		time.Sleep(2 * time.Second)
		w.expect(cfg, first, engine.RevisionStatus{State: engine.Pending})
		release()
		w.untilIntent(cfg)
		w.expect(cfg, first, engine.RevisionStatus{State: engine.InProgress})
		second := w.push(map[string]string{"web.yaml": "2"})
		w.settle(second)
		w.expect(cfg, second, engine.RevisionStatus{State: engine.InProgress})
		close(finish)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		w.expect(cfg, second, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: second})
		w.expect(cfg, first, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: second})
		other := w.push(map[string]string{"web.yaml": "2", "README": ""})
		w.settle(other)
		w.expect(cfg, other, engine.RevisionStatus{State: engine.NotAffected})
		w.expect(cfg, "ffffffffffffffffffffffffffffffffffffffff", engine.RevisionStatus{State: engine.Pending})
	})
}

func TestHandledOfAFailureNamesItsCommitAndReason(t *testing.T) {
	inSQLite(t, func(w *world) {
		finish := w.executes(target.End{Outcome: lockstep.Failed})
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilIntent(cfg)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.settle(second)
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if a.Revision.SHA == first {
				return target.Step{Events: []lockstep.Event{{Type: "E", Message: "Queue: no."}}, End: &target.End{Outcome: lockstep.Failed}}, nil
			}
			return target.Step{}, lockstep.Errorf(lockstep.Invalid, "Topic: no.")
		})

		close(finish)
		w.untilStatus(cfg, lockstep.ResourceFailed, second)
		for _, sha := range []lockstep.SHA{first, second} {
			w.expect(cfg, sha, engine.RevisionStatus{State: engine.Failed, AttemptedSHA: second, Reason: "Topic: no."})
		}

		w.fails(&mendTheStack)
		third := w.push(map[string]string{"web.yaml": "3"})
		w.until("blocked", func() bool { _, blocked := w.blocker(cfg); return blocked })

		for _, sha := range []lockstep.SHA{first, second, third} {
			w.expect(cfg, sha, engine.RevisionStatus{State: engine.Blocked, Reason: "Mend the stack."})
		}

		w.succeeds()
		w.retry(cfg)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, third)
		w.expect(cfg, first, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: third})
	})
}

func TestHandledFindsACommitThatWasNeverSeenAsAHead(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		between := w.host.push("main", map[string]string{"web.yaml": "2"})
		w.expect(cfg, between, engine.RevisionStatus{State: engine.Pending})
		head := w.push(map[string]string{"web.yaml": "3"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, head)
		w.expect(cfg, between, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: head})
		elsewhere := w.host.push("dev", map[string]string{"web.yaml": "4"})
		w.expect(cfg, elsewhere, engine.RevisionStatus{State: engine.Pending})
		w.fails(lockstep.Errorf(lockstep.Invalid, "No."))
		skipped := w.host.push("main", map[string]string{"web.yaml": "5"})
		broken := w.push(map[string]string{"web.yaml": "6"})
		w.untilStatus(cfg, lockstep.ResourceFailed, broken)
		w.expect(cfg, skipped, engine.RevisionStatus{State: engine.Failed, AttemptedSHA: broken, Reason: "No."})
	})
}

// A configuration that was made or retried on a head already seen is yet to be
// looked at: what was true before says nothing of it.
func TestHandledWaitsForWhatWasAskedForSinceTheHeadWasSeen(t *testing.T) {
	inBubble(t, func(w *world) {
		w.fails(lockstep.Errorf(lockstep.Invalid, "No."))
		first := w.host.push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web := w.configure("web")
		w.untilStatus(web, lockstep.ResourceFailed, first)
		w.expect(web, first, engine.RevisionStatus{State: engine.Failed, AttemptedSHA: first, Reason: "No."})
		w.succeeds()
		release := w.host.hold()
		api := w.configure("api")
		w.retry(web)
		w.expect(api, first, engine.RevisionStatus{State: engine.Pending})
		w.expect(web, first, engine.RevisionStatus{State: engine.Pending})
		release()
		w.untilStatus(api, lockstep.ResourceSucceeded, first)
		w.untilStatus(web, lockstep.ResourceSucceeded, first)
		w.expect(web, first, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: first})
		w.expect(api, first, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: first})
	})
}

func TestHeadAsksTheHostAndStartsWhatIsNews(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.host.push("main", map[string]string{"web.yaml": "2"})
		sha, err := w.engine.ResolveHead(w.t.Context(), cfg)
		w.must(err)

		if sha != second {
			t.Errorf("the head is %s, want %s", sha, second)
		}

		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		if sha, err := w.engine.ResolveHead(w.t.Context(), cfg); sha != second || err != nil {
			t.Errorf("the head is %s, %v", sha, err)
		}

		time.Sleep(5 * time.Second)
		if n := w.count(`SELECT count(*) FROM repository_sync_attempt`); n != 2 {
			t.Errorf("%d repository syncs, want 2: the head was no news", n)
		}

		w.host.point("main", "")
		if _, err := w.engine.ResolveHead(w.t.Context(), cfg); lockstep.KindOf(err) != lockstep.NotFound {
			t.Errorf("of a branch that is gone: %v", err)
		}

		w.host.fail(lockstep.Errorf(lockstep.Unavailable, "Away."))
		if _, err := w.engine.ResolveHead(w.t.Context(), cfg); lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("of a host that is away: %v", err)
		}
	})
}

func TestDiscoveryOfAnUnknownBranchSyncsAndPollsIt(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.must(w.engine.StartDiscovery(w.t.Context(), w.link.ID, lockstep.Discovery{Branch: "main"}, first))
		w.settle(first)
		if n := w.count(`SELECT count(*) FROM repository_link WHERE next_poll_at IS NOT NULL`); n != 1 {
			t.Error("it is not polled")
		}
	})
}
