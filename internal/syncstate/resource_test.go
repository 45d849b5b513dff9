package syncstate_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// configured creates a link, a configuration and its resource.
func configured(t testing.TB, database *db.DB) (cfg lockstep.SyncConfiguration) {
	t.Helper()
	l := storetest.InsertLink(t, database, 1)
	cfg = storetest.NewConfiguration("web", l.ID)
	storetest.Update(t, database, func(tx *db.Tx) error {
		if err := store.InsertConfiguration(tx, &cfg); err != nil {
			return err
		}
		s, err := syncstate.LockResourceByName(tx, cfg.Resource())
		return errors.Join(err, syncstate.BindResource(tx, s.ID, cfg.ID))
	})
	return cfg
}

// withResource runs f with the state of the configuration's resource.
func withResource(
	t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration, act func(tx *db.Tx, state syncstate.ResourceState) error,
) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		state, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		return act(tx, state)
	})
}

func setDesired(t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	t.Helper()
	withResource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
		_, err := syncstate.SetDesiredRevision(tx, s.ID, cfg.Revision(sha), "of "+string(sha))
		return err
	})
}

// endAttempt begins an attempt and ends it, unless outcome is "".
func endAttempt(
	t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration, outcome lockstep.Outcome,
) (attempt syncstate.ResourceAttempt) {
	t.Helper()
	withResource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) (err error) {
		if attempt, err = syncstate.BeginAttempt(tx, s, cfg, "stack"); err != nil || outcome == "" {
			return err
		}
		return syncstate.FinishAttempt(tx, attempt.ID, outcome)
	})
	return attempt
}

func TestAResourceIsBehindFromADesireToItsAttempt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		behind := func(want bool) {
			t.Helper()
			withResource(t, database, cfg, func(_ *db.Tx, state syncstate.ResourceState) error {
				if state.IsBehind() != want {
					t.Errorf("behind: %t", state.IsBehind())
				}
				return nil
			})
		}

		behind(false)
		setDesired(t, database, cfg, "one")
		behind(true)
		attempt := endAttempt(t, database, cfg, lockstep.Applied)
		behind(false)

		if attempt.InitialRevision != cfg.Revision("one") {
			t.Errorf("the first attempt: InitialRevision is %v, want %v", attempt.InitialRevision, cfg.Revision("one"))
		}
		if attempt.TargetRevision != cfg.Revision("one") {
			t.Errorf("the first attempt: TargetRevision is %v, want %v", attempt.TargetRevision, cfg.Revision("one"))
		}
		if attempt.DesiredSeq != 1 {
			t.Errorf("the first attempt: DesiredSeq is %v, want %v", attempt.DesiredSeq, 1)
		}

		setDesired(t, database, cfg, "one") // the same commit is desired again
		behind(true)
		endAttempt(t, database, cfg, lockstep.Failed)
		setDesired(t, database, cfg, "two")
		attempt = endAttempt(t, database, cfg, "")
		if attempt.InitialRevision != cfg.Revision("one") {
			t.Errorf("the third attempt: InitialRevision is %v, want %v", attempt.InitialRevision, cfg.Revision("one"))
		}
		if attempt.TargetRevision != cfg.Revision("two") {
			t.Errorf("the third attempt: TargetRevision is %v, want %v", attempt.TargetRevision, cfg.Revision("two"))
		}
		if attempt.DesiredSeq != 3 {
			t.Errorf("the third attempt: DesiredSeq is %v, want %v", attempt.DesiredSeq, 3)
		}

		setDesired(t, database, cfg, "three")
		withResource(t, database, cfg, func(tx *db.Tx,
			state syncstate.ResourceState) error {
			return syncstate.BindResource(tx, state.ID, 0)
		})
		behind(false)
	})
}

func TestAnAttemptIsReadAsItWasWrittenAndItsEndIsFinal(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "one")
		attempt := endAttempt(t, database, cfg, "")
		attempt.Checkpoint, attempt.Intent, attempt.Tries, attempt.NotBefore = []byte{0, 1, 255}, "execute", 3,
			attempt.StartedAt.Add(time.Hour)
		storetest.Update(t, database, func(tx *db.Tx) error { return syncstate.SaveStep(tx, attempt) })
		attempt.Status = lockstep.ResourceInProgress
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			got, running, err := syncstate.RunningAttempt(tx, state.ID)
			if diff := cmp.Diff(attempt, got); diff != "" || !running {
				t.Error(diff)
			}
			return err
		})

		storetest.Update(t, database, func(tx *db.Tx) error {
			return syncstate.FinishAttempt(tx, attempt.ID, lockstep.Applied)
		})
		for name, write := range map[string]func(tx *db.Tx) error{
			"a step":      func(tx *db.Tx) error { return syncstate.SaveStep(tx, attempt) },
			"another end": func(tx *db.Tx) error { return syncstate.FinishAttempt(tx, attempt.ID, lockstep.Failed) },
		} {
			if err := database.Update(t.Context(), write); lockstep.KindOf(err) != lockstep.Stale {
				t.Errorf("%s after the end: %v", name, err)
			}
		}

		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			got, ok, err := syncstate.LatestSuccess(tx, state)
			if !ok {
				t.Error("the latest success: not found")
			}
			if got.ID != attempt.ID {
				t.Errorf("the latest success: ID is %v, want %v", got.ID, attempt.ID)
			}
			if got.Outcome != lockstep.Applied {
				t.Errorf("the latest success: Outcome is %v, want %v", got.Outcome, lockstep.Applied)
			}
			if got.EndedAt.IsZero() {
				t.Error("the latest success: EndedAt is not set")
			}
			if got.Checkpoint != nil {
				t.Errorf("the latest success: Checkpoint is %v, want none", got.Checkpoint)
			}
			return err
		})
	})
}

func TestAcquiringALeaseIncrementsTheEpochAndASecondRunningAttemptIsRejected(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "one")
		endAttempt(t, database, cfg, "")
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			for want := state.Epoch + 1; want < state.Epoch+4; want++ {
				taken, err := syncstate.AcquireLease(tx, state.ID)
				if err != nil || taken.Epoch != want {
					t.Errorf("epoch %d, %v, want %d", taken.Epoch, err, want)
				}
			}

			return nil
		})
		err := database.Update(t.Context(), func(tx *db.Tx) error {
			state, err := syncstate.LockResourceByName(tx, cfg.Resource())
			if err != nil {
				return err
			}

			_, err = syncstate.BeginAttempt(tx, state, cfg, "stack")
			return err
		})
		if !db.IsUnique(err) {
			t.Errorf("a second running attempt: %v", err)
		}

		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			_, err := syncstate.AcquireLease(tx, 4711)
			return err
		})
	})
}

func TestTheStatusOfANewConfigurationIsEmpty(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		setDesired(t, database, cfg, "one")
		applied := endAttempt(t, database, cfg, lockstep.Applied)
		setDesired(t, database, cfg, "two")
		failed := endAttempt(t, database, cfg, lockstep.Failed)
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			sync, err := syncstate.ResourceStatus(tx, state)
			if sync.LatestSync.ID != failed.ID {
				t.Errorf("LatestSync is %v, want %v", sync.LatestSync.ID, failed.ID)
			}
			if sync.LatestSuccessfulSync.ID != applied.ID {
				t.Errorf("LatestSuccessfulSync is %v, want %v", sync.LatestSuccessfulSync.ID, applied.ID)
			}
			if *sync.DesiredState != cfg.Revision("two") {
				t.Errorf("DesiredState is %v, want %v", *sync.DesiredState, cfg.Revision("two"))
			}

			if seq, err := syncstate.DesiredSeqOf(tx, state.ID, "one"); seq != 1 || err != nil {
				t.Errorf("the first commit was desire %d, %v", seq, err)
			}

			return errors.Join(err, syncstate.SaveStatusDocument(tx, state.ID, []byte("{}")), syncstate.SaveBaseline(tx,
				state.ID, []byte("note")))
		})

		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			return syncstate.BindResource(tx, state.ID, cfg.ID+1)
		})
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			sync, err := syncstate.ResourceStatus(tx, state)
			if diff := cmp.Diff(lockstep.ResourceSync{}, sync); diff != "" || state.Baseline != nil {
				t.Errorf("note %q, status %s", state.Baseline, diff)
			}

			if seq, err := syncstate.DesiredSeqOf(tx, state.ID, "one"); seq != 0 || err != nil {
				t.Errorf("the first commit is desire %d, %v", seq, err)
			}

			return err
		})
		storetest.RequireKind(t, database, lockstep.NotFound, func(tx *db.Tx) error {
			_, err := syncstate.StatusDocument(tx, cfg.Resource())
			return err
		})
	})
}

func TestABlockerIsActiveUntilItIsResolvedAndTheFirstOneIsKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		contexts := []lockstep.Context{{Key: "StackName", Value: "web \"1\""}}
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			return errors.Join(syncstate.InsertBlocker(tx, state.ID, "first", contexts),
				syncstate.InsertBlocker(tx, state.ID,
					"second", nil))
		})
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			b, blocked, err := syncstate.ActiveBlocker(tx, state.ID)
			want := lockstep.Blocker{ID: b.ID, Type: "AUTOMATED", Status: "ACTIVE", CreatedReason: "first",
				CreatedAt: b.CreatedAt, Contexts: contexts}
			if diff := cmp.Diff(want, b); diff != "" || !blocked || b.CreatedAt.IsZero() {
				t.Error(diff)
			}

			for _, want := range []bool{true, false} {
				if resolved, err := syncstate.ResolveBlocker(tx, state.ID, "mended"); resolved != want || err != nil {
					t.Errorf("resolved: %t, %v", resolved, err)
				}
			}

			if _, blocked, _ := syncstate.ActiveBlocker(tx, state.ID); blocked {
				t.Error("still blocked")
			}

			return errors.Join(err, syncstate.InsertBlocker(tx, state.ID, "third", nil))
		})
	})
}

// Of two repository syncs that have read one version of a configuration, both
// may act on it; of one that read it before a change, none may.
func TestOnlyTheNewestVersionIsObserved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		read := func() (tracked store.TrackedConfiguration) {
			storetest.Update(t, database, func(tx *db.Tx) error {
				list, err := store.ConfigurationsOfBranch(tx, cfg.LinkID, "main")
				if len(list) != 1 {
					t.Fatalf("%d follow main", len(list))
				}

				tracked = list[0]
				return err
			})

			return tracked
		}
		mark := func(tracked store.TrackedConfiguration, want bool) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				marked, err := store.SetObservedVersion(tx, tracked)
				if marked != want {
					t.Errorf("version %d was marked: %t", tracked.Version, marked)
				}
				return err
			})
		}
		unhandled := func(want bool) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				got, err := store.HasUnobservedChange(tx, cfg.ID)
				if got != want {
					t.Errorf("unhandled: %t", got)
				}
				return err
			})
		}

		unhandled(true)
		first := read()
		if first.Version <= first.ObservedVersion {
			t.Errorf("a new configuration: version %d, handled %d", first.Version, first.ObservedVersion)
		}

		mark(first, true)
		mark(first, true)
		unhandled(false)
		first = read()
		storetest.Update(t, database, func(tx *db.Tx) error { return store.TouchConfiguration(tx, cfg.ID) })
		unhandled(true)
		mark(first, false)

		if now := read(); now.Version <= now.ObservedVersion {
			t.Errorf("after a retry: version %d, handled %d", now.Version, now.ObservedVersion)
		}

		mark(read(), true)
		gone := read()
		storetest.Update(t, database, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, cfg.ID) })
		mark(gone, false)
		unhandled(false)
	})
}

func TestNoConcurrentChangeIsLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		var both sync.WaitGroup
		try := func(f func(tx *db.Tx) error) {
			both.Go(func() {
				for range 20 {
					if err := database.Update(t.Context(), f); err != nil {
						t.Error(err)
					}
				}
			})
		}

		lost := false
		for range 2 {
			try(func(tx *db.Tx) error { return store.TouchConfiguration(tx, cfg.ID) })
			try(func(tx *db.Tx) error {
				list, err := store.ConfigurationsOfBranch(tx, cfg.LinkID, "main")
				if err != nil {
					return err
				}

				_, err = store.SetObservedVersion(tx, list[0])
				return err
			})
		}

		both.Wait()
		storetest.Update(t, database, func(tx *db.Tx) error {
			list, err := store.ConfigurationsOfBranch(tx, cfg.LinkID, "main")
			lost = list[0].Version != 41 || list[0].ObservedVersion > list[0].Version
			if lost {
				t.Errorf("version %d, handled %d", list[0].Version, list[0].ObservedVersion)
			}

			return err
		})
	})
}

func TestResourcesWithDueWorkAreOverdue(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		cfg := configured(t, database)
		overdue := func(why string, want bool) {
			t.Helper()
			withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
				list, err := syncstate.OverdueResources(tx, 10)
				if got := len(list) == 1 && list[0] == state.ID; got != want || len(list) > 1 {
					t.Errorf("%s: overdue %v", why, list)
				}
				return err
			})
		}

		overdue("nothing is desired", false)
		setDesired(t, database, cfg, "one")
		overdue("a desire without an attempt", true)
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			return syncstate.InsertBlocker(tx, state.ID, "r", nil)
		})
		overdue("a blocked desire", false)
		withResource(t, database, cfg, func(tx *db.Tx, state syncstate.ResourceState) error {
			_, err := syncstate.ResolveBlocker(tx, state.ID, "r")
			return err
		})
		attempt := endAttempt(t, database, cfg, "")
		overdue("an attempt that is due", true)
		attempt.NotBefore = attempt.StartedAt.Add(time.Hour)
		storetest.Update(t, database, func(tx *db.Tx) error { return syncstate.SaveStep(tx, attempt) })
		overdue("an attempt that waits", false)
		setDesired(t, database, cfg, "two")
		overdue("an attempt that waits and is superseded", true)
		attempt.Intent = "execute"
		storetest.Update(t, database, func(tx *db.Tx) error { return syncstate.SaveStep(tx, attempt) })
		overdue("an execution that waits", false)
		withResource(t, database, cfg, func(tx *db.Tx,
			state syncstate.ResourceState) error {
			return syncstate.BindResource(tx, state.ID, 0)
		})
		overdue("an execution without a configuration", false)
		attempt.Intent = ""
		storetest.Update(t, database, func(tx *db.Tx) error { return syncstate.SaveStep(tx, attempt) })
		overdue("a proposal without a configuration", true)
		storetest.Update(t, database, func(tx *db.Tx) error {
			return syncstate.FinishAttempt(tx, attempt.ID, lockstep.Cancelled)
		})
		overdue("nothing any more", false)
	})
}
