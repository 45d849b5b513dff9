package engine_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestACommitBecomesASync(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "one"})
		cfg := w.CreateConfiguration("web")
		if status := w.Status(cfg); status.LatestSync != nil {
			t.Error("a status before any attempt")
		}

		status := w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		want := cfg.Revision(first)
		if diff := cmp.Diff(want, status.LatestSync.InitialRevision); diff != "" {
			t.Errorf("initial revision of a first sync: %s", diff)
		}

		if diff := cmp.Diff(&want, status.DesiredState); diff != "" {
			t.Errorf("desired state: %s", diff)
		}

		second := w.Push(map[string]string{"web.yaml": "two"})
		status = w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		if got := status.LatestSync.InitialRevision.SHA; got != first {
			t.Errorf("initial revision is %s, want the latest success, %s", got, first)
		}

		attempt := w.LatestRepositorySync()
		var types []string
		for _, ev := range attempt.Events {
			types = append(types, ev.Type)
		}

		if diff := cmp.Diff([]string{"CLONE_STARTED", "CONFIG_UPDATED", "STARTING_SYNC"}, types); diff != "" {
			t.Error(diff)
		}

		if last := attempt.Events[2]; last.ExternalID != string(second) ||
			last.Message != "Starting syncs for commit "+string(second) {
			t.Errorf("the last event of a repository sync is %+v", last)
		}
	})
}

func TestOnlyAffectedConfigurationsAreSynced(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1", "api.yaml": "1", "any.yaml": "1"})
		web, api := w.CreateConfiguration("web"), w.CreateConfiguration("api")
		every := w.CreateConfiguration("any", func(c *lockstep.SyncConfiguration) {
			c.TriggerResourceUpdateOn = lockstep.AnyChange
		})
		for _, cfg := range []lockstep.SyncConfiguration{web, api, every} {
			w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		}

		second := w.Push(map[string]string{"web.yaml": "2", "api.yaml": "1", "any.yaml": "1"})
		w.WaitForStatus(web, lockstep.ResourceSucceeded, second)
		w.WaitForStatus(every, lockstep.ResourceSucceeded, second)
		s := w.Status(api)
		if s.LatestSync.TargetRevision.SHA != first || s.DesiredState.SHA != first {
			t.Errorf("api moved to %s, which does not concern it", s.LatestSync.TargetRevision.SHA)
		}

		h, err := w.Engine.RevisionStatus(w.T.Context(), api, second)
		w.Must(err)
		if h.State != engine.NotAffected {
			t.Errorf("handled: %s", h.State)
		}

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 5 {
			t.Errorf("%d attempts were made, want 5", n)
		}
	})
}

func TestAMissingFileFailsWithItsReasonAndItsReturnSyncs(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			files, err := a.OpenTree(w.T.Context())
			w.Must(err)
			if _, err := files.ObjectID(a.Configuration.ConfigFile); err != nil {
				return target.Step{}, lockstep.Errorf(lockstep.NotFound, "web.yaml is not there.")
			}

			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"other": "1"})
		status := w.WaitForStatus(cfg, lockstep.ResourceFailed, second)
		last := status.LatestSync.Events[len(status.LatestSync.Events)-1]
		if last.Type != "SYNC_FAILED" || last.Message != "web.yaml is not there." {
			t.Errorf("last event %+v", last)
		}

		if status.LatestSuccessfulSync == nil || status.LatestSuccessfulSync.TargetRevision.SHA != first {
			t.Error("the previous success is not shown")
		}

		third := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, third)
	})
}

func TestTheNewestHeadSupersedesAWaitOfAnHourAtOnce(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			return target.Step{Checkpoint: []byte("x"), ContinueAfter: time.Hour}, nil
		})
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceInProgress, first)
		time.Sleep(2 * time.Minute)
		second := w.Host.Push("main", map[string]string{"web.yaml": "2"})
		began := time.Now()
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})
		w.Update(func(tx *db.Tx) error { return w.Engine.RecordHead(tx, w.Link.ID, "main", second) })
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)

		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the newer head waited %s", took)
		}

		if len(w.Target.Discarded) != 1 {
			t.Errorf("%d discards, want one", len(w.Target.Discarded))
		}

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'superseded'`); n != 1 {
			t.Errorf("%d superseded attempts, want 1", n)
		}

		h, err := w.Engine.RevisionStatus(w.T.Context(), cfg, first)
		w.Must(err)
		if h.State != engine.LaterSucceeded || h.AttemptedSHA != second {
			t.Errorf("handling of the superseded commit: %+v", h)
		}
	})
}

func TestAnIntentIsFollowedToItsEndAndTheNewestIsNext(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		finish := make(chan struct{})
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if a.Intent == "" {
				return target.Step{Intent: "execute"}, nil
			}

			select {
			case <-finish:
				return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
			default:
				return target.Step{ContinueAfter: time.Second}, nil
			}
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceInProgress, first)
		time.Sleep(time.Second)
		skipped := w.Push(map[string]string{"web.yaml": "2"})
		time.Sleep(time.Second)
		newest := w.Push(map[string]string{"web.yaml": "3"})
		time.Sleep(time.Minute)
		s := w.Status(cfg)
		if s.LatestSync.TargetRevision.SHA != first || s.DesiredState.SHA != newest {
			t.Errorf("while it executes: latest %s, desired %s", s.LatestSync.TargetRevision.SHA, s.DesiredState.SHA)
		}

		close(finish)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, newest)
		if count := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1`,
			string(skipped)); count != 0 {
			t.Error("the commit in between was attempted")
		}

		if count := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'applied'`); count != 2 {
			t.Errorf("%d applied attempts, want 2", count)
		}

		if w.Target.MaxConcurrent["web"] != 1 {
			t.Errorf("%d steps of one resource ran at once", w.Target.MaxConcurrent["web"])
		}
	})
}

func TestACommitThatRevertsAPendingOneIsNotLost(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForIntent(cfg)
		w.Push(map[string]string{"web.yaml": "2"})
		time.Sleep(5 * time.Second)
		revert := w.Push(map[string]string{"web.yaml": "1"})
		time.Sleep(5 * time.Second)
		close(finish)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, revert)
	})
}
