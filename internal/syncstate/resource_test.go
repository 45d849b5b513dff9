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

// configured makes a link, a configuration and its resource.
func configured(t testing.TB, d *db.DB) (cfg lockstep.SyncConfiguration) {
	t.Helper()
	l := storetest.InsertLink(t, d, 1)
	cfg = storetest.NewConfiguration("web", l.ID)
	storetest.Update(t, d, func(tx *db.Tx) error {
		if err := store.InsertConfiguration(tx, &cfg); err != nil {
			return err
		}
		s, err := syncstate.LockResourceByName(tx, cfg.Resource())
		return errors.Join(err, syncstate.BindResource(tx, s.ID, cfg.ID))
	})
	return cfg
}

// resource runs f with the state of the configuration's resource.
func resource(t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration, f func(tx *db.Tx, s syncstate.ResourceState) error) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		s, err := syncstate.LockResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		return f(tx, s)
	})
}

func desire(t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration, sha lockstep.SHA) {
	t.Helper()
	resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
		_, err := syncstate.SetDesiredRevision(tx, s.ID, cfg.Revision(sha), "of "+string(sha))
		return err
	})
}

// attempt makes an attempt of what is desired and ends it, unless outcome is "".
func attempt(t testing.TB, d *db.DB, cfg lockstep.SyncConfiguration, outcome lockstep.Outcome) (a syncstate.ResourceAttempt) {
	t.Helper()
	resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) (err error) {
		if a, err = syncstate.BeginAttempt(tx, s, cfg, "stack"); err != nil || outcome == "" {
			return err
		}
		return syncstate.FinishAttempt(tx, a.ID, outcome)
	})
	return a
}

func TestAResourceIsBehindFromADesireToItsAttempt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		behind := func(want bool) {
			t.Helper()
			resource(t, d, cfg, func(_ *db.Tx, s syncstate.ResourceState) error {
				if s.IsBehind() != want {
					t.Errorf("behind: %t", s.IsBehind())
				}
				return nil
			})
		}

		behind(false)
		desire(t, d, cfg, "one")
		behind(true)
		a := attempt(t, d, cfg, lockstep.Applied)
		behind(false)

		if a.InitialRevision != cfg.Revision("one") || a.TargetRevision != cfg.Revision("one") || a.DesiredSeq != 1 {
			t.Errorf("the first attempt: %+v", a)
		}

		desire(t, d, cfg, "one") // a desire anew, though of the same commit
		behind(true)
		attempt(t, d, cfg, lockstep.Failed)
		desire(t, d, cfg, "two")
		a = attempt(t, d, cfg, "")
		if a.InitialRevision != cfg.Revision("one") || a.TargetRevision != cfg.Revision("two") || a.DesiredSeq != 3 {
			t.Errorf("the third attempt: %+v", a)
		}

		desire(t, d, cfg, "three")
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error { return syncstate.BindResource(tx, s.ID, 0) })
		behind(false)
	})
}

func TestAnAttemptIsReadAsItWasWrittenAndItsEndIsFinal(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		desire(t, d, cfg, "one")
		a := attempt(t, d, cfg, "")
		a.Checkpoint, a.Intent, a.Tries, a.NotBefore = []byte{0, 1, 255}, "execute", 3, a.StartedAt.Add(time.Hour)
		storetest.Update(t, d, func(tx *db.Tx) error { return syncstate.SaveStep(tx, a) })
		a.Status = lockstep.ResourceInProgress
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			got, running, err := syncstate.RunningAttempt(tx, s.ID)
			if diff := cmp.Diff(a, got); diff != "" || !running {
				t.Error(diff)
			}
			return err
		})

		storetest.Update(t, d, func(tx *db.Tx) error { return syncstate.FinishAttempt(tx, a.ID, lockstep.Applied) })
		for name, write := range map[string]func(tx *db.Tx) error{
			"a step":      func(tx *db.Tx) error { return syncstate.SaveStep(tx, a) },
			"another end": func(tx *db.Tx) error { return syncstate.FinishAttempt(tx, a.ID, lockstep.Failed) },
		} {
			if err := d.Update(t.Context(), write); lockstep.KindOf(err) != lockstep.Stale {
				t.Errorf("%s after the end: %v", name, err)
			}
		}

		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			got, ok, err := syncstate.LatestSuccess(tx, s)
			if !ok || got.ID != a.ID || got.Outcome != lockstep.Applied || got.EndedAt.IsZero() {
				t.Errorf("the latest success: %+v", got)
			}
			return err
		})
	})
}

func TestTakingOverAddsToTheEpochAndASecondRunningAttemptIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		desire(t, d, cfg, "one")
		attempt(t, d, cfg, "")
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			for want := s.Epoch + 1; want < s.Epoch+4; want++ {
				taken, err := syncstate.AcquireLease(tx, s.ID)
				if err != nil || taken.Epoch != want {
					t.Errorf("epoch %d, %v, want %d", taken.Epoch, err, want)
				}
			}

			return nil
		})
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			s, err := syncstate.LockResourceByName(tx, cfg.Resource())
			if err != nil {
				return err
			}

			_, err = syncstate.BeginAttempt(tx, s, cfg, "stack")
			return err
		})
		if !db.IsUnique(err) {
			t.Errorf("a second running attempt: %v", err)
		}

		storetest.RequireKind(t, d, lockstep.NotFound, func(tx *db.Tx) error {
			_, err := syncstate.AcquireLease(tx, 4711)
			return err
		})
	})
}

func TestTheStatusOfANewConfigurationIsEmpty(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		desire(t, d, cfg, "one")
		applied := attempt(t, d, cfg, lockstep.Applied)
		desire(t, d, cfg, "two")
		failed := attempt(t, d, cfg, lockstep.Failed)
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			sync, err := syncstate.ResourceStatus(tx, s)
			if sync.LatestSync.ID != failed.ID || sync.LatestSuccessfulSync.ID != applied.ID || *sync.DesiredState != cfg.Revision("two") {
				t.Errorf("status: %+v", sync)
			}

			if seq, err := syncstate.DesiredSeqOf(tx, s.ID, "one"); seq != 1 || err != nil {
				t.Errorf("the first commit was desire %d, %v", seq, err)
			}

			return errors.Join(err, syncstate.SaveStatusDocument(tx, s.ID, []byte("{}")), syncstate.SaveBaseline(tx, s.ID, []byte("note")))
		})

		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error { return syncstate.BindResource(tx, s.ID, cfg.ID+1) })
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			sync, err := syncstate.ResourceStatus(tx, s)
			if diff := cmp.Diff(lockstep.ResourceSync{}, sync); diff != "" || s.Baseline != nil {
				t.Errorf("note %q, status %s", s.Baseline, diff)
			}

			if seq, err := syncstate.DesiredSeqOf(tx, s.ID, "one"); seq != 0 || err != nil {
				t.Errorf("the first commit is desire %d, %v", seq, err)
			}

			return err
		})
		storetest.RequireKind(t, d, lockstep.NotFound, func(tx *db.Tx) error {
			_, err := syncstate.StatusDocument(tx, cfg.Resource())
			return err
		})
	})
}

func TestABlockerStopsUntilItIsResolvedAndTheFirstOneStays(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		contexts := []lockstep.Context{{Key: "StackName", Value: "web \"1\""}}
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			return errors.Join(syncstate.InsertBlocker(tx, s.ID, "first", contexts), syncstate.InsertBlocker(tx, s.ID, "second", nil))
		})
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			b, blocked, err := syncstate.ActiveBlocker(tx, s.ID)
			want := lockstep.Blocker{ID: b.ID, Type: "AUTOMATED", Status: "ACTIVE", CreatedReason: "first", CreatedAt: b.CreatedAt, Contexts: contexts}
			if diff := cmp.Diff(want, b); diff != "" || !blocked || b.CreatedAt.IsZero() {
				t.Error(diff)
			}

			for _, want := range []bool{true, false} {
				if resolved, err := syncstate.ResolveBlocker(tx, s.ID, "mended"); resolved != want || err != nil {
					t.Errorf("resolved: %t, %v", resolved, err)
				}
			}

			if _, blocked, _ := syncstate.ActiveBlocker(tx, s.ID); blocked {
				t.Error("still blocked")
			}

			return errors.Join(err, syncstate.InsertBlocker(tx, s.ID, "third", nil))
		})
	})
}

// Of two repository syncs that have read one version of a configuration, both
// may act on it; of one that read it before a change, none may.
func TestAVersionIsHandledOnlyWhileItIsTheNewest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		read := func() (f store.TrackedConfiguration) {
			storetest.Update(t, d, func(tx *db.Tx) error {
				list, err := store.ConfigurationsOfBranch(tx, cfg.LinkID, "main")
				if len(list) != 1 {
					t.Fatalf("%d follow main", len(list))
				}

				f = list[0]
				return err
			})

			return f
		}
		mark := func(f store.TrackedConfiguration, want bool) {
			t.Helper()
			storetest.Update(t, d, func(tx *db.Tx) error {
				marked, err := store.SetObservedVersion(tx, f)
				if marked != want {
					t.Errorf("version %d was marked: %t", f.Version, marked)
				}
				return err
			})
		}
		unhandled := func(want bool) {
			t.Helper()
			storetest.Update(t, d, func(tx *db.Tx) error {
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
		storetest.Update(t, d, func(tx *db.Tx) error { return store.TouchConfiguration(tx, cfg.ID) })
		unhandled(true)
		mark(first, false)

		if now := read(); now.Version <= now.ObservedVersion {
			t.Errorf("after a retry: version %d, handled %d", now.Version, now.ObservedVersion)
		}

		mark(read(), true)
		gone := read()
		storetest.Update(t, d, func(tx *db.Tx) error { return store.DeleteConfiguration(tx, cfg.ID) })
		mark(gone, false)
		unhandled(false)
	})
}

func TestOfManyWhoChangeAndHandleAtOnceNoChangeIsLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		var both sync.WaitGroup
		try := func(f func(tx *db.Tx) error) {
			both.Go(func() {
				for range 20 {
					if err := d.Update(t.Context(), f); err != nil {
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
		storetest.Update(t, d, func(tx *db.Tx) error {
			list, err := store.ConfigurationsOfBranch(tx, cfg.LinkID, "main")
			lost = list[0].Version != 41 || list[0].ObservedVersion > list[0].Version
			if lost {
				t.Errorf("version %d, handled %d", list[0].Version, list[0].ObservedVersion)
			}

			return err
		})
	})
}

func TestOverdueIsWhatHasOpenWorkWhoseTimeHasCome(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		cfg := configured(t, d)
		overdue := func(why string, want bool) {
			t.Helper()
			resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
				list, err := syncstate.OverdueResources(tx, 10)
				if got := len(list) == 1 && list[0] == s.ID; got != want || len(list) > 1 {
					t.Errorf("%s: overdue %v", why, list)
				}
				return err
			})
		}

		overdue("nothing is desired", false)
		desire(t, d, cfg, "one")
		overdue("a desire without an attempt", true)
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error { return syncstate.InsertBlocker(tx, s.ID, "r", nil) })
		overdue("a blocked desire", false)
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error {
			_, err := syncstate.ResolveBlocker(tx, s.ID, "r")
			return err
		})
		a := attempt(t, d, cfg, "")
		overdue("an attempt that is due", true)
		a.NotBefore = a.StartedAt.Add(time.Hour)
		storetest.Update(t, d, func(tx *db.Tx) error { return syncstate.SaveStep(tx, a) })
		overdue("an attempt that waits", false)
		desire(t, d, cfg, "two")
		overdue("an attempt that waits and is superseded", true)
		a.Intent = "execute"
		storetest.Update(t, d, func(tx *db.Tx) error { return syncstate.SaveStep(tx, a) })
		overdue("an execution that waits", false)
		resource(t, d, cfg, func(tx *db.Tx, s syncstate.ResourceState) error { return syncstate.BindResource(tx, s.ID, 0) })
		overdue("an execution without a configuration", false)
		a.Intent = ""
		storetest.Update(t, d, func(tx *db.Tx) error { return syncstate.SaveStep(tx, a) })
		overdue("a proposal without a configuration", true)
		storetest.Update(t, d, func(tx *db.Tx) error { return syncstate.FinishAttempt(tx, a.ID, lockstep.Cancelled) })
		overdue("nothing any more", false)
	})
}
