package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
)

// request asks for a repository sync of main.
func (w *world) request() {
	w.t.Helper()
	w.update(func(tx *db.Tx) error { return w.engine.RequestSync(tx, w.link.ID, "main") })
}

func (w *world) untilRepository(want lockstep.RepositorySyncStatus) lockstep.RepositorySyncAttempt {
	w.t.Helper()
	w.until("the repository sync is "+string(want), func() bool { return w.repository().Status == want })
	return w.repository()
}

func TestOneRepositorySyncIsQueuedBehindARunningOneAndReadsTheHeadWhenItStarts(t *testing.T) {
	inBubble(t, func(w *world) {
		release := w.host.hold()
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilRepository(lockstep.RepositoryInProgress)
		time.Sleep(time.Second) // the head is resolved by now
		w.push(map[string]string{"web.yaml": "2"})

		if got := w.repository(); got.Status != lockstep.RepositoryQueued || got.SHA != "" || len(got.Events) != 0 {
			t.Errorf("behind a running one: %+v", got)
		}

		newest := w.push(map[string]string{"web.yaml": "3"})
		for range 5 {
			w.request()
		}

		if n := w.count(`SELECT count(*) FROM repository_sync_attempt WHERE status = 'QUEUED'`); n != 1 {
			t.Errorf("%d are queued, want 1", n)
		}

		release()
		w.untilStatus(cfg, lockstep.ResourceSucceeded, newest)
		if n := w.count(`SELECT count(*) FROM repository_sync_attempt`); n != 2 {
			t.Errorf("%d repository syncs, want 2", n)
		}

		if n := w.count(`SELECT count(*) FROM repository_sync_attempt WHERE sha = $1`, string(first)); n != 1 {
			t.Errorf("%d repository syncs of the first head, want 1", n)
		}
	})
}

func TestABranchThatIsNotThereFailsAndItsBirthSyncs(t *testing.T) {
	inBubble(t, func(w *world) {
		cfg := w.configure("web")
		a := w.untilRepository(lockstep.RepositoryFailed)
		if diff := cmp.Diff([]string{"CLONE_STARTED", "CLONE_FAILED"}, types(a.Events)); diff != "" {
			t.Fatal(diff)
		}

		if got, want := a.Events[1].Message, "Clone failed. Branch main was not found in repository acme/infra."; got != want {
			t.Errorf("the reason is %q", got)
		}

		if n := w.count(`SELECT count(*) FROM repository_link WHERE outage <> ''`); n != 0 {
			t.Error("a missing branch is no outage of the host")
		}

		first := w.push(map[string]string{"web.yaml": "1"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
	})
}

func TestABranchThatVanishesFailsAndItsReturnIsLookedAt(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		w.host.point("main", "")
		w.update(func(tx *db.Tx) error { return w.engine.RecordHead(tx, w.link.ID, "main", "") })
		w.untilRepository(lockstep.RepositoryFailed)

		if s := w.status(cfg); s.LatestSync.Status != lockstep.ResourceSucceeded || s.DesiredState.SHA != first {
			t.Errorf("the resource followed a branch that is gone: %+v", s)
		}

		w.host.point("main", first)
		w.update(func(tx *db.Tx) error { return w.engine.RecordHead(tx, w.link.ID, "main", first) })
		w.settle(first)

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 1 {
			t.Errorf("%d attempts, want 1: the head is what it was", n)
		}

		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
	})
}

func (w *world) outage() (cause string) {
	w.t.Helper()
	w.must(w.db.View(w.t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT outage FROM repository_link WHERE id = $1`, w.link.ID).Scan(&cause)
	}))
	return cause
}

func TestAHostThatIsAwayIsTriedThreeTimesAndIsAnOutage(t *testing.T) {
	inBubble(t, func(w *world) {
		w.host.fail(lockstep.Errorf(lockstep.Unavailable, "git.example.com answers 503."))
		w.configure("web")
		a := w.untilRepository(lockstep.RepositoryFailed)
		if diff := cmp.Diff([]string{"CLONE_STARTED", "CLONE_FAILED"}, types(a.Events)); diff != "" {
			t.Fatal(diff)
		}

		if a.Events[1].Message != "Clone failed. git.example.com answers 503." || w.outage() != "git.example.com answers 503." {
			t.Errorf("told: %q, outage: %q", a.Events[1].Message, w.outage())
		}

		if w.host.asked != 3 {
			t.Errorf("the host was asked %d times, want 3", w.host.asked)
		}

		time.Sleep(2 * time.Minute)
		if w.host.asked != 3 {
			t.Error("it goes on asking")
		}
	})
}

func TestAHostThatIsBackByTheThirdTryWasNeverAway(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.host.fail(lockstep.Errorf(lockstep.Unavailable, "Away."))
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		time.Sleep(2 * time.Second)
		w.host.fail(nil)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)

		if diff := cmp.Diff([]string{"CLONE_STARTED", "CONFIG_UPDATED", "STARTING_SYNC"}, types(w.repository().Events)); diff != "" {
			t.Error(diff)
		}

		if w.outage() != "" || w.count(`SELECT count(*) FROM repository_sync_attempt`) != 1 {
			t.Errorf("outage %q", w.outage())
		}
	})
}

func TestRefusedCredentialsAreAnOutageAtOnce(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.host.fail(lockstep.Errorf(lockstep.Denied, "The host refuses the credentials."))
		w.configure("web")
		w.untilRepository(lockstep.RepositoryFailed)

		if w.host.asked != 1 || w.outage() != "The host refuses the credentials." {
			t.Errorf("asked %d times, outage %q", w.host.asked, w.outage())
		}

		w.mu.Lock()
		defer w.mu.Unlock()

		if len(w.met) != 1 || lockstep.KindOf(w.met[0]) != lockstep.Denied {
			t.Errorf("the connection is told %v", w.met)
		}
	})
}

func TestFilesThatCannotBeReadAreTriedAgainAndToldOnce(t *testing.T) {
	inSQLite(t, func(w *world) {
		tries := 0
		w.target.plan = func(string) error {
			if tries++; tries < 6 {
				return lockstep.Wrapf(lockstep.Unavailable, errors.New("EOF"), "The host hung up.")
			}
			return nil
		}

		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		a := w.repository()
		want := []string{"CLONE_STARTED", "CLONE_RETRYING", "CONFIG_UPDATED", "STARTING_SYNC"}
		if diff := cmp.Diff(want, types(a.Events)); diff != "" {
			t.Error(diff)
		}

		if got := a.Events[1].Message; got != "Clone failed and is tried again. The host hung up." {
			t.Errorf("told: %q", got)
		}

		if w.outage() != "" {
			t.Error("an outage, although the host was reached")
		}
	})
}

func TestAFailedLookIsRecordedUnlessARepositorySyncRuns(t *testing.T) {
	inSQLite(t, func(w *world) {
		cause := lockstep.Errorf(lockstep.Denied, "Refused.")
		unreachable := func() {
			w.update(func(tx *db.Tx) error { return w.engine.RecordUnreachable(tx, w.link.ID, "main", cause) })
		}
		unreachable()
		a := w.repository()
		if diff := cmp.Diff([]string{"CLONE_STARTED", "CLONE_FAILED"}, types(a.Events)); diff != "" || a.Status != lockstep.RepositoryFailed {
			t.Errorf("%s: %s", a.Status, diff)
		}

		release := w.host.hold()
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilRepository(lockstep.RepositoryInProgress)
		unreachable()

		if n := w.count(`SELECT count(*) FROM repository_sync_attempt`); n != 2 {
			t.Errorf("%d repository syncs, want 2", n)
		}

		release()
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
	})
}

func TestARepositorySyncOfALinkThatIsGoneEndsQuietly(t *testing.T) {
	inBubble(t, func(w *world) {
		w.host.push("main", map[string]string{"web.yaml": "1"})
		release := w.host.hold()
		cfg := w.configure("web")
		w.untilRepository(lockstep.RepositoryInProgress)
		w.deconfigure(cfg)
		w.update(func(tx *db.Tx) error { return store.DeleteLink(tx, w.link.Account, w.link.Region, w.link.ID) })
		release()
		time.Sleep(2 * time.Minute)

		if n := w.count(`SELECT count(*) FROM river_job WHERE kind = 'repository_sync' AND state <> 'completed'`); n != 0 {
			t.Errorf("%d jobs still try to sync it", n)
		}
	})
}
