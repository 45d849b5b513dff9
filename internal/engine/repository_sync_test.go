package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/store"
)

func TestOneRepositorySyncIsQueuedBehindARunningOneAndReadsTheHeadWhenItStarts(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		release := w.Host.BlockReads()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForRepositorySync(lockstep.RepositoryInProgress)
		time.Sleep(time.Second) // the head is resolved by now
		w.Push(map[string]string{"web.yaml": "2"})

		queued := w.LatestRepositorySync()
		if queued.Status != lockstep.RepositoryQueued {
			t.Errorf("behind a running one: got status %s, want %s", queued.Status, lockstep.RepositoryQueued)
		}
		if queued.SHA != "" {
			t.Errorf("behind a running one: got commit %s, want none", queued.SHA)
		}
		if len(queued.Events) != 0 {
			t.Errorf("behind a running one: got events %+v, want none", queued.Events)
		}

		newest := w.Push(map[string]string{"web.yaml": "3"})
		for range 5 {
			w.RequestSync()
		}

		if count := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE status = 'QUEUED'`); count != 1 {
			t.Errorf("%d are queued, want 1", count)
		}

		release()
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, newest)
		if count := w.Count(`SELECT count(*) FROM repository_sync_attempt`); count != 2 {
			t.Errorf("%d repository syncs, want 2", count)
		}

		if count := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE sha = $1`, string(first)); count != 1 {
			t.Errorf("%d repository syncs of the first head, want 1", count)
		}
	})
}

func TestAMissingBranchFailsAndItsCreationSyncs(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		cfg := w.CreateConfiguration("web")
		attempt := w.WaitForRepositorySync(lockstep.RepositoryFailed)
		if diff := cmp.Diff([]string{"CLONE_STARTED", "CLONE_FAILED"},
			enginetest.EventTypes(attempt.Events)); diff != "" {
			t.Fatal(diff)
		}

		want := "Clone failed. Branch main was not found in repository acme/infra."
		if got := attempt.Events[1].Message; got != want {
			t.Errorf("the reason is %q", got)
		}

		if n := w.Count(`SELECT count(*) FROM repository_link WHERE outage <> ''`); n != 0 {
			t.Error("a missing branch is no outage of the host")
		}

		first := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
	})
}

func TestADeletedBranchFailsAndItsReturnSyncs(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		w.Host.SetHead("main", "")
		w.Update(func(tx *db.Tx) error { return w.Engine.RecordHead(tx, w.Link.ID, "main", "") })
		w.WaitForRepositorySync(lockstep.RepositoryFailed)

		if s := w.Status(cfg); s.LatestSync.Status != lockstep.ResourceSucceeded || s.DesiredState.SHA != first {
			t.Errorf("the resource followed a branch that is gone: %+v", s)
		}

		w.Host.SetHead("main", first)
		w.Update(func(tx *db.Tx) error { return w.Engine.RecordHead(tx, w.Link.ID, "main", first) })
		w.WaitForRepositorySyncOf(first)

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 1 {
			t.Errorf("%d attempts, want 1: the head is what it was", n)
		}

		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
	})
}

func TestARepositorySyncForgetsTheErrorOfAPoll(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		w.Update(func(tx *db.Tx) error {
			poll := store.Poll{LinkID: w.Link.ID, Failures: 1, Error: "The host does not answer."}
			return store.FinishPoll(tx, poll, tx.Now.Add(time.Hour))
		})

		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		if n := w.Count(`SELECT count(*) FROM repository_link WHERE poll_error <> '' OR poll_failing_since IS NOT NULL`); n != 0 {
			t.Error("the error of the poll is kept although the repository was read")
		}
	})
}

func TestAHeadThatAReplicaLacksIsNotLost(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)

		second := w.Host.Push("main", map[string]string{"web.yaml": "2"})
		w.Host.Lag(second, true)
		w.Update(func(tx *db.Tx) error { return w.Engine.RecordHead(tx, w.Link.ID, "main", second) })
		time.Sleep(10 * time.Minute)
		if got := w.LatestRepositorySync().Status; got != lockstep.RepositoryInProgress {
			t.Errorf("after ten minutes the repository sync is %s, want %s", got, lockstep.RepositoryInProgress)
		}

		w.Host.Lag(second, false)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
	})
}

func TestAnUnavailableHostIsTriedThreeTimesAndIsAnOutage(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Host.FailWith(lockstep.Errorf(lockstep.Unavailable, "git.example.com answers 503."))
		w.CreateConfiguration("web")
		attempt := w.WaitForRepositorySync(lockstep.RepositoryFailed)
		if diff := cmp.Diff([]string{"CLONE_STARTED", "CLONE_FAILED"},
			enginetest.EventTypes(attempt.Events)); diff != "" {
			t.Fatal(diff)
		}

		if attempt.Events[1].Message != "Clone failed. git.example.com answers 503." ||
			w.Outage() != "git.example.com answers 503." {
			t.Errorf("told: %q, outage: %q", attempt.Events[1].Message, w.Outage())
		}

		if w.Host.HeadCalls != 3 {
			t.Errorf("the host was asked %d times, want 3", w.Host.HeadCalls)
		}

		time.Sleep(2 * time.Minute)
		if w.Host.HeadCalls != 3 {
			t.Error("it goes on asking")
		}
	})
}

func TestAHostThatAnswersByTheThirdTryIsNoOutage(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Host.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		time.Sleep(2 * time.Second)
		w.Host.FailWith(nil)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)

		want := []string{"CLONE_STARTED", "CONFIG_UPDATED", "STARTING_SYNC"}
		if diff := cmp.Diff(want, enginetest.EventTypes(w.LatestRepositorySync().Events)); diff != "" {
			t.Error(diff)
		}

		if w.Outage() != "" || w.Count(`SELECT count(*) FROM repository_sync_attempt`) != 1 {
			t.Errorf("outage %q", w.Outage())
		}
	})
}

func TestRefusedCredentialsAreAnOutageAtOnce(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Host.FailWith(lockstep.Errorf(lockstep.Denied, "The host refuses the credentials."))
		w.CreateConfiguration("web")
		w.WaitForRepositorySync(lockstep.RepositoryFailed)

		if w.Host.HeadCalls != 1 || w.Outage() != "The host refuses the credentials." {
			t.Errorf("asked %d times, outage %q", w.Host.HeadCalls, w.Outage())
		}

		w.Mu.Lock()
		defer w.Mu.Unlock()

		if len(w.Probes) != 1 || lockstep.KindOf(w.Probes[0]) != lockstep.Denied {
			t.Errorf("OnProbe received %v", w.Probes)
		}
	})
}

func TestUnreadableFilesAreRetriedAndReportedOnce(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		tries := 0
		w.Target.OnReadInputs = func(string) error {
			if tries++; tries < 6 {
				return lockstep.Wrapf(lockstep.Unavailable, errors.New("EOF"), "The host hung up.")
			}
			return nil
		}

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		attempt := w.LatestRepositorySync()
		want := []string{"CLONE_STARTED", "CLONE_RETRYING", "CONFIG_UPDATED", "STARTING_SYNC"}
		if diff := cmp.Diff(want, enginetest.EventTypes(attempt.Events)); diff != "" {
			t.Error(diff)
		}

		if got := attempt.Events[1].Message; got != "Clone failed and is tried again. The host hung up." {
			t.Errorf("told: %q", got)
		}

		if w.Outage() != "" {
			t.Error("an outage, although the host was reached")
		}
	})
}

func TestAFailedProbeIsRecordedUnlessARepositorySyncRuns(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		cause := lockstep.Errorf(lockstep.Denied, "Refused.")
		unreachable := func() {
			w.Update(func(tx *db.Tx) error { return w.Engine.RecordUnreachable(tx, w.Link.ID, "main", cause) })
		}
		unreachable()
		a := w.LatestRepositorySync()
		if diff := cmp.Diff([]string{"CLONE_STARTED", "CLONE_FAILED"}, enginetest.EventTypes(a.Events)); diff != "" ||
			a.Status != lockstep.RepositoryFailed {
			t.Errorf("%s: %s", a.Status, diff)
		}

		release := w.Host.BlockReads()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForRepositorySync(lockstep.RepositoryInProgress)
		unreachable()

		if n := w.Count(`SELECT count(*) FROM repository_sync_attempt`); n != 2 {
			t.Errorf("%d repository syncs, want 2", n)
		}

		release()
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
	})
}

func TestARepositorySyncOfADeletedLinkEndsWithoutAnError(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Host.Push("main", map[string]string{"web.yaml": "1"})
		release := w.Host.BlockReads()
		cfg := w.CreateConfiguration("web")
		w.WaitForRepositorySync(lockstep.RepositoryInProgress)
		w.DeleteConfiguration(cfg)
		w.Update(func(tx *db.Tx) error { return store.DeleteLink(tx, w.Link.Account, w.Link.Region, w.Link.ID) })
		release()
		time.Sleep(2 * time.Minute)

		if n := w.Count(`SELECT count(*) FROM river_job WHERE kind = 'repository_sync'
			AND state <> 'completed'`); n != 0 {
			t.Errorf("%d jobs still try to sync it", n)
		}
	})
}
