package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestARequestedCommitStaysDesiredWhateverIsPushed(t *testing.T) {
	for name, trigger := range map[string]lockstep.TriggerResourceUpdateOn{
		"file": lockstep.FileChange,
		"any":  lockstep.AnyChange,
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.InBubble(t, func(w *enginetest.World) {
				first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
				cfg := w.CreateConfiguration("web", func(c *lockstep.SyncConfiguration) {
					c.TriggerResourceUpdateOn = trigger
				})
				w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
				second := w.Push(map[string]string{"web.yaml": "2"})
				w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
				w.RetryCommit(cfg, first)
				w.ExpectStaysDesired(cfg, first)
				w.ExpectRevisionStatus(cfg, first, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: first})
				w.ExpectRevisionStatus(cfg, second, pinned(first, second))

				third := w.Push(map[string]string{"web.yaml": "3"})
				w.WaitForRepositorySyncOf(third)
				w.ExpectStaysDesired(cfg, first)
				w.ExpectRevisionStatus(cfg, third, pinned(first, third))

				w.Retry(cfg)
				w.WaitForStatus(cfg, lockstep.ResourceSucceeded, third)
			})
		})
	}
}

func TestARequestedCommitStaysDesiredUntilTheConfigurationChanges(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)

		for name, touch := range map[string]func(){
			"a retry": func() { w.Retry(cfg) },
			"a change": func() {
				w.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) { c.RoleARN += "x" })
			},
			"a blocker's end": func() {
				w.CreateBlocker(cfg)
				w.ResolveBlocker(cfg)
			},
		} {
			w.RetryCommit(cfg, first)
			w.ExpectStaysDesired(cfg, first)
			touch()
			w.WaitUntil("after "+name+" the head is synced", func() bool {
				return w.Status(cfg).DesiredState.SHA == second
			})
			w.ExpectStaysDesired(cfg, second)
		}
	})
}

// pinned returns the status of a head while web is pinned at a commit.
func pinned(at, head lockstep.SHA) engine.RevisionStatus {
	return engine.RevisionStatus{
		State:        engine.Pinned,
		AttemptedSHA: at,
		Reason:       lockstep.PinnedReason(at, head, "web"),
	}
}

func TestAHeadThatReturnsDoesNotReleaseARequestedCommit(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		w.RetryCommit(cfg, first)
		w.ExpectStaysDesired(cfg, first)
		third := w.Push(map[string]string{"web.yaml": "1"})
		w.WaitForRepositorySyncOf(third)
		w.ExpectStaysDesired(cfg, first)
		w.Host.SetHead("main", second)
		w.Update(func(tx *db.Tx) error { return w.Engine.RecordHead(tx, w.Link.ID, "main", second) })
		w.ExpectStaysDesired(cfg, first)
	})
}

func TestASkippedHeadDoesNotStayPending(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Host.Push("main", map[string]string{"web.yaml": "2"}) // not probed yet
		w.RetryCommit(cfg, first)
		w.ExpectStaysDesired(cfg, first)
		w.ExpectRevisionStatus(cfg, second, pinned(first, second))
	})
}

// A repository sync that has read the branch before a commit was asked for must
// not undo that when it ends.
func TestARunningRepositorySyncKeepsTheRequestedCommit(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		w.Push(map[string]string{"web.yaml": "2"})
		second := w.Push(map[string]string{"web.yaml": "3"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		gate := make(chan struct{})
		w.Host.BlockReadsWith(gate)
		third := w.Push(map[string]string{"web.yaml": "4"})
		time.Sleep(2 * time.Second) // third is what it has read of the branch
		w.Host.BlockReadsWith(nil)
		fourth := w.Host.Push("main", map[string]string{"web.yaml": "5"})
		w.RetryCommit(cfg, first)
		close(gate)
		w.ExpectStaysDesired(cfg, first)

		for _, sha := range []lockstep.SHA{third, fourth} {
			if n := w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1`, string(sha)); n != 0 {
				t.Errorf("%s was attempted", sha)
			}
		}
	})
}

func TestOnlyACommitOfTheBranchCanBeRequested(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Host.Push("main", map[string]string{"web.yaml": "2"}) // an ancestor that was never seen as head
		third := w.Push(map[string]string{"web.yaml": "3"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, third)
		foreign := w.Host.Push("fork", map[string]string{"web.yaml": "evil"})
		stale := cfg
		stale.RoleARN = "arn:another"
		gone := cfg
		gone.ID = 99

		for _, test := range []struct {
			cfg  lockstep.SyncConfiguration
			sha  lockstep.SHA
			kind lockstep.Kind
			text string
		}{
			{
				cfg:  cfg,
				sha:  foreign,
				kind: lockstep.Invalid,
				text: "Commit " + string(foreign) + " is not on branch main",
			},
			{
				cfg:  cfg,
				sha:  "ffffffffffffffffffffffffffffffffffffffff",
				kind: lockstep.NotFound,
				text: "Commit ffffffffffffffffffffffffffffffffffffffff was not found",
			},
			{cfg: cfg, sha: first[:8], kind: lockstep.Invalid, text: "not a commit id"},
			{cfg: stale, sha: first, kind: lockstep.Stale, text: "changed meanwhile"},
			{cfg: gone, sha: first, kind: lockstep.NotFound, text: "Could not find sync configuration"},
		} {
			err := w.Engine.RetryCommit(context.Background(), test.cfg, test.sha)
			if lockstep.KindOf(err) != test.kind || !strings.Contains(lockstep.Shown(err), test.text) {
				t.Errorf("%s: %v, %v", test.sha, lockstep.KindOf(err), err)
			}
		}

		w.Host.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
		if err := w.Engine.RetryCommit(context.Background(), cfg, first); lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("a host that is away: %v", err)
		}

		w.Host.FailWith(nil)
		w.ExpectStaysDesired(cfg, third)
		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}

		w.RetryCommit(cfg, second)
		w.ExpectStaysDesired(cfg, second)
		w.Host.SetHead("main", "")

		if err := w.Engine.RetryCommit(context.Background(), cfg, first); lockstep.KindOf(err) != lockstep.NotFound {
			t.Errorf("a branch that is gone: %v", err)
		}
	})
}

func TestARequestedCommitResolvesTheBlocker(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		w.CreateBlocker(cfg)
		w.RetryCommit(cfg, first)
		w.ExpectStaysDesired(cfg, first)

		if b, blocked := w.ActiveBlocker(cfg); blocked {
			t.Errorf("still blocked by %+v", b)
		}
	})
}

func TestResolvingABlockerRetriesTheLatestCommitOnce(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		b := w.CreateBlocker(cfg)
		newest := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForRepositorySyncOf(newest)
		got := w.ResolveBlocker(cfg)
		if got.ID != b.ID {
			t.Errorf("resolved blocker %s, want %s", got.ID, b.ID)
		}
		if got.Status != lockstep.BlockerResolved {
			t.Errorf("status of the blocker: got %s, want %s", got.Status, lockstep.BlockerResolved)
		}
		if got.ResolvedReason != "mended" {
			t.Errorf("reason of the blocker's end: got %q, want %q", got.ResolvedReason, "mended")
		}
		if got.ResolvedAt.IsZero() {
			t.Error("the blocker has no time of its end")
		}

		w.ExpectStaysDesired(cfg, newest)
		syncs := w.Count(`SELECT count(*) FROM repository_sync_attempt`)
		w.Update(func(tx *db.Tx) error {
			again, err := w.Engine.ResolveBlocker(tx, cfg, b.ID, "again")
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("a blocker that is resolved already (-want +got):\n%s", diff)
			}
			return err
		})

		if n := w.Count(`SELECT count(*) FROM repository_sync_attempt`); n != syncs {
			t.Errorf("%d repository syncs were begun", n-syncs)
		}
	})
}

func TestResolvingAMissingBlockerOrOneThatCannotBeRetriedFails(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		cfg := w.CreateConfiguration("web", func(c *lockstep.SyncConfiguration) { c.SyncType = "UNKNOWN_SYNC" })
		w.Update(func(tx *db.Tx) error {
			state, err := syncstate.LockResourceByName(tx, cfg.Resource())
			if err != nil {
				return err
			}
			return syncstate.InsertBlocker(tx, state.ID, "r", nil)
		})

		b, _ := w.ActiveBlocker(cfg)
		err := w.DB.Update(context.Background(), func(tx *db.Tx) error {
			_, err := w.Engine.ResolveBlocker(tx, cfg, b.ID, "mended")
			return err
		})
		if !errors.Is(err, engine.ErrNotRetried) || errors.Is(err, engine.ErrNoBlocker) {
			t.Errorf("got %v, want ErrNotRetried and not ErrNoBlocker", err)
		}
		if shown := lockstep.Shown(err); !strings.Contains(shown, "UNKNOWN_SYNC") {
			t.Errorf("got %q, want the sync type in it", shown)
		}

		if _, blocked := w.ActiveBlocker(cfg); !blocked {
			t.Error("the blocker is resolved all the same")
		}

		err = w.DB.Update(context.Background(), func(tx *db.Tx) error {
			_, err := w.Engine.ResolveBlocker(tx, cfg, "none", "mended")
			return err
		})
		if !errors.Is(err, engine.ErrNoBlocker) || lockstep.KindOf(err) != lockstep.NotFound {
			t.Errorf("got %v, want ErrNoBlocker of kind NotFound", err)
		}
		if got, want := lockstep.Shown(err), "Could not find sync blocker: none"; got != want {
			t.Errorf("got message %q, want %q", got, want)
		}
	})
}

func TestAPlanIsKeptWithItsAttempt(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		want := &lockstep.Plan{
			ID:      "arn:changeset",
			Name:    "c",
			Changes: []lockstep.ProposedChange{{Action: "Add", LogicalID: "A", ResourceType: "T"}},
		}
		w.Target.SetSteps(func(attempt target.Attempt) (target.Step, error) {
			if attempt.Intent == "" {
				return target.Step{Intent: "execute", Plan: want, Checkpoint: []byte("x")}, nil
			}
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		s := w.WaitForStatus(w.CreateConfiguration("web"), lockstep.ResourceSucceeded, first)
		w.Update(func(tx *db.Tx) error {
			attempt, err := syncstate.Attempt(tx, w.Link.Account, w.Link.Region, s.LatestSync.ID)
			if diff := cmp.Diff(want, attempt.Plan); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			return err
		})
	})
}

func TestTheHeadCanBeRequestedByItsID(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web")
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		w.RetryCommit(cfg, first)
		w.ExpectStaysDesired(cfg, first)

		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}

		w.ExpectStaysDesired(cfg, first)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, w.Push(map[string]string{"web.yaml": "2"}))
	})
}
