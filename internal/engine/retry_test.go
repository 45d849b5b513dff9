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
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// retryAt asks for a commit by its id.
func (w *world) retryAt(cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	w.t.Helper()
	w.must(w.engine.RetryCommit(context.Background(), cfg, sha))
}

// stays waits for what is under way, has the branch looked at twice, and says
// whether the resource is still meant to be at a commit, which was attempted.
func (w *world) stays(cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	w.t.Helper()
	w.untilStatus(cfg, lockstep.ResourceSucceeded, sha)
	for range 2 {
		w.request()
		w.untilRepository(lockstep.RepositorySucceeded)
		time.Sleep(10 * time.Second)
	}
	s := w.untilStatus(cfg, lockstep.ResourceSucceeded, sha)
	if s.DesiredState.SHA != sha {
		w.t.Errorf("desired is %s, want %s", s.DesiredState.SHA, sha)
	}
}

func TestACommitThatIsAskedForStaysUntilTheBranchMoves(t *testing.T) {
	for name, on := range map[string]lockstep.TriggerResourceUpdateOn{"file": lockstep.FileChange, "any": lockstep.AnyChange} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				first := w.host.push("main", map[string]string{"web.yaml": "1"})
				cfg := w.configure("web", func(c *lockstep.SyncConfiguration) { c.TriggerResourceUpdateOn = on })
				w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
				second := w.push(map[string]string{"web.yaml": "2"})
				w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
				w.retryAt(cfg, first)
				w.stays(cfg, first)
				w.expect(cfg, first, engine.RevisionStatus{State: engine.Succeeded, AttemptedSHA: first})
				w.expect(cfg, second, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: first})
				third := w.push(map[string]string{"web.yaml": "2"}) // the same files as the head that was held
				w.stays(cfg, third)
			})
		})
	}
}

func TestACommitThatIsAskedForStaysUntilTheConfigurationIsTouched(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)

		for name, touch := range map[string]func(){
			"a retry":  func() { w.retry(cfg) },
			"a change": func() { w.reconfigure(&cfg, func(c *lockstep.SyncConfiguration) { c.RoleARN += "x" }) },
			"a blocker's end": func() {
				w.block(cfg)
				w.resolve(cfg)
			},
		} {
			w.retryAt(cfg, first)
			w.stays(cfg, first)
			touch()
			w.until("after "+name+" the head is synced", func() bool { return w.status(cfg).DesiredState.SHA == second })
			w.stays(cfg, second)
		}
	})
}

// The head that was held is applied when it comes back, even where the one
// between asked for nothing else than the commit that was asked for.
func TestAHeadThatComesBackIsNotHeldAnyMore(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		w.retryAt(cfg, first)
		w.stays(cfg, first)
		third := w.push(map[string]string{"web.yaml": "1"})
		w.settle(third)
		w.stays(cfg, first)
		w.host.point("main", second)
		w.update(func(tx *db.Tx) error { return w.engine.RecordHead(tx, w.link.ID, "main", second) })
		w.stays(cfg, second)
	})
}

func TestAHeadThatWasNeverActedOnIsPassedOverAndNotWaitedFor(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.host.push("main", map[string]string{"web.yaml": "2"}) // nobody has seen it yet
		w.retryAt(cfg, first)
		w.stays(cfg, first)
		w.expect(cfg, second, engine.RevisionStatus{State: engine.LaterSucceeded, AttemptedSHA: first})
	})
}

// A repository sync that has read the branch before a commit was asked for must
// not undo that when it ends.
func TestARepositorySyncUnderWayLeavesAloneWhatWasAskedFor(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		w.push(map[string]string{"web.yaml": "2"})
		second := w.push(map[string]string{"web.yaml": "3"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		gate := make(chan struct{})
		w.host.bar(gate)
		third := w.push(map[string]string{"web.yaml": "4"})
		time.Sleep(2 * time.Second) // third is what it has read of the branch
		w.host.bar(nil)
		fourth := w.host.push("main", map[string]string{"web.yaml": "5"})
		w.retryAt(cfg, first)
		close(gate)
		w.stays(cfg, first)

		for _, sha := range []lockstep.SHA{third, fourth} {
			if n := w.count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1`, string(sha)); n != 0 {
				t.Errorf("%s was attempted", sha)
			}
		}
	})
}

// bar makes the reading of files that begins now wait for the gate.
func (h *gitHost) bar(gate chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gate = gate
}

func TestOnlyACommitOfTheBranchCanBeAskedFor(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.host.push("main", map[string]string{"web.yaml": "2"}) // an ancestor that was never seen as head
		third := w.push(map[string]string{"web.yaml": "3"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, third)
		foreign := w.host.push("fork", map[string]string{"web.yaml": "evil"})
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
			{cfg, foreign, lockstep.Invalid, "Commit " + string(foreign) + " is not on branch main"},
			{cfg, "ffffffffffffffffffffffffffffffffffffffff", lockstep.NotFound, "Commit ffffffffffffffffffffffffffffffffffffffff was not found"},
			{cfg, first[:8], lockstep.Invalid, "not a commit id"},
			{stale, first, lockstep.Stale, "changed meanwhile"},
			{gone, first, lockstep.NotFound, "Could not find sync configuration"},
		} {
			err := w.engine.RetryCommit(context.Background(), test.cfg, test.sha)
			if lockstep.KindOf(err) != test.kind || !strings.Contains(lockstep.Shown(err), test.text) {
				t.Errorf("%s: %v, %v", test.sha, lockstep.KindOf(err), err)
			}
		}

		w.host.fail(lockstep.Errorf(lockstep.Unavailable, "Away."))
		if err := w.engine.RetryCommit(context.Background(), cfg, first); lockstep.KindOf(err) != lockstep.Unavailable {
			t.Errorf("a host that is away: %v", err)
		}

		w.host.fail(nil)
		w.stays(cfg, third)
		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}

		w.retryAt(cfg, second)
		w.stays(cfg, second)
		w.host.point("main", "")

		if err := w.engine.RetryCommit(context.Background(), cfg, first); lockstep.KindOf(err) != lockstep.NotFound {
			t.Errorf("a branch that is gone: %v", err)
		}
	})
}

// block makes a blocker by a commit that only a person can mend.
func (w *world) block(cfg lockstep.SyncConfiguration) lockstep.Blocker {
	w.t.Helper()
	w.fails(&mendTheStack)
	w.retry(cfg)
	w.until("a blocker", func() bool { _, blocked := w.blocker(cfg); return blocked })
	w.succeeds()
	b, _ := w.blocker(cfg)
	return b
}

// resolve resolves the active blocker.
func (w *world) resolve(cfg lockstep.SyncConfiguration) (resolved lockstep.Blocker) {
	w.t.Helper()
	b, _ := w.blocker(cfg)
	w.update(func(tx *db.Tx) (err error) {
		resolved, err = w.engine.ResolveBlocker(tx, cfg, b.ID, "mended")
		return err
	})
	return resolved
}

func TestACommitThatIsAskedForResolvesWhatBlocks(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		w.block(cfg)
		w.retryAt(cfg, first)
		w.stays(cfg, first)

		if b, blocked := w.blocker(cfg); blocked {
			t.Errorf("still blocked by %+v", b)
		}
	})
}

func TestResolvingABlockerRetriesTheLatestCommitOnce(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		b := w.block(cfg)
		newest := w.push(map[string]string{"web.yaml": "2"})
		w.settle(newest)
		got := w.resolve(cfg)
		if got.ID != b.ID || got.Status != lockstep.BlockerResolved || got.ResolvedReason != "mended" || got.ResolvedAt.IsZero() {
			t.Errorf("resolved %+v", got)
		}

		w.stays(cfg, newest)
		syncs := w.count(`SELECT count(*) FROM repository_sync_attempt`)
		w.update(func(tx *db.Tx) error {
			again, err := w.engine.ResolveBlocker(tx, cfg, b.ID, "again")
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("a blocker that is resolved already (-want +got):\n%s", diff)
			}
			return err
		})

		if n := w.count(`SELECT count(*) FROM repository_sync_attempt`); n != syncs {
			t.Errorf("%d repository syncs were begun", n-syncs)
		}
	})
}

func TestABlockerThatIsNotThereOrCannotBeRetriedIsTold(t *testing.T) {
	inSQLite(t, func(w *world) {
		cfg := w.configure("web", func(c *lockstep.SyncConfiguration) { c.SyncType = "UNKNOWN_SYNC" })
		w.update(func(tx *db.Tx) error {
			s, err := syncstate.LockResourceByName(tx, cfg.Resource())
			if err != nil {
				return err
			}
			return syncstate.InsertBlocker(tx, s.ID, "r", nil)
		})

		b, _ := w.blocker(cfg)
		err := w.db.Update(context.Background(), func(tx *db.Tx) error {
			_, err := w.engine.ResolveBlocker(tx, cfg, b.ID, "mended")
			return err
		})
		if !errors.Is(err, engine.ErrNotRetried) || errors.Is(err, engine.ErrNoBlocker) || !strings.Contains(lockstep.Shown(err), "UNKNOWN_SYNC") {
			t.Errorf("got %v", err)
		}

		if _, blocked := w.blocker(cfg); !blocked {
			t.Error("the blocker is resolved all the same")
		}

		err = w.db.Update(context.Background(), func(tx *db.Tx) error {
			_, err := w.engine.ResolveBlocker(tx, cfg, "none", "mended")
			return err
		})
		if !errors.Is(err, engine.ErrNoBlocker) || lockstep.KindOf(err) != lockstep.NotFound || lockstep.Shown(err) != "Could not find sync blocker: none" {
			t.Errorf("got %v", err)
		}
	})
}

func TestAPlanIsKeptWithItsAttempt(t *testing.T) {
	inBubble(t, func(w *world) {
		want := &lockstep.Plan{ID: "arn:changeset", Name: "c", Changes: []lockstep.ProposedChange{{Action: "Add", LogicalID: "A", ResourceType: "T"}}}
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if a.Intent == "" {
				return target.Step{Intent: "execute", Plan: want, Checkpoint: []byte("x")}, nil
			}
			return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
		})

		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		s := w.untilStatus(w.configure("web"), lockstep.ResourceSucceeded, first)
		w.update(func(tx *db.Tx) error {
			a, err := syncstate.Attempt(tx, w.link.Account, w.link.Region, s.LatestSync.ID)
			if diff := cmp.Diff(want, a.Plan); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			return err
		})
	})
}

func TestTheHeadCanBeAskedForToo(t *testing.T) {
	inSQLite(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		w.retryAt(cfg, first)
		w.stays(cfg, first)

		if n := w.count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}

		w.stays(cfg, first)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, w.push(map[string]string{"web.yaml": "2"}))
	})
}
