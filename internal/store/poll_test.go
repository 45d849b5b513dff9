package store_test

import (
	"errors"
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

// claim takes what is due and expects it to be these links.
func claim(t testing.TB, d *db.DB, lease time.Duration, want ...string) (polls []store.Poll) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) (err error) {
		polls, err = store.ClaimPolls(tx, 10, lease)
		return err
	})
	var got []string
	for _, p := range polls {
		got = append(got, p.LinkID)
	}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claimed: %s", diff)
	}

	return polls
}

// due gives how long there is until the next poll.
func due(t testing.TB, d *db.DB) (in time.Duration, some bool) {
	t.Helper()
	storetest.Update(t, d, func(tx *db.Tx) error {
		at, ok, err := store.NextPoll(tx)
		in, some = at.Sub(tx.Now), ok
		return err
	})
	return in, some
}

func TestAClaimIsALeaseAndItsEndIsTheNextPoll(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := storetest.InsertLink(t, d, 1)
		if _, some := due(t, d); some {
			t.Error("a link that nothing follows is due")
		}

		claim(t, d, time.Minute)
		storetest.Update(t, d, func(tx *db.Tx) error { return store.StartPolling(tx, l.ID, tx.Now) })
		storetest.Update(t, d, func(tx *db.Tx) error { return store.StartPolling(tx, l.ID, tx.Now.Add(time.Hour)) })
		p := claim(t, d, time.Minute, l.ID)[0]
		claim(t, d, time.Minute)

		if in, _ := due(t, d); in < 50*time.Second || in > time.Minute {
			t.Errorf("after a claim it is due in %s, want the lease", in)
		}

		p.Interval, p.Failures = 2*time.Hour, 3
		storetest.Update(t, d, func(tx *db.Tx) error { return store.FinishPoll(tx, p, tx.Now.Add(2*time.Hour)) })
		if in, _ := due(t, d); in < 119*time.Minute {
			t.Errorf("after a poll it is due in %s", in)
		}

		storetest.Update(t, d, func(tx *db.Tx) error { return store.RequestPoll(tx, l.ID) })
		again := claim(t, d, -time.Second, l.ID)[0]
		if again.Interval != 2*time.Hour || again.Failures != 3 {
			t.Errorf("remembered: %+v", again)
		}

		claim(t, d, time.Minute, l.ID) // the lease had expired
	})
}

func TestAHintDuringAPollIsNotLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := storetest.InsertLink(t, d, 1)
		end := map[string]func(tx *db.Tx, p store.Poll) error{
			"finished": func(tx *db.Tx, p store.Poll) error { return store.FinishPoll(tx, p, tx.Now.Add(time.Hour)) },
			"stopped":  store.StopPolling,
		}
		for name, f := range end {
			storetest.Update(t, d, func(tx *db.Tx) error { return store.RequestPoll(tx, l.ID) })
			p := claim(t, d, time.Minute, l.ID)[0]
			storetest.Update(t, d, func(tx *db.Tx) error { return errors.Join(store.RequestPoll(tx, l.ID), f(tx, p)) })
			p = claim(t, d, time.Minute, l.ID)[0]
			storetest.Update(t, d, func(tx *db.Tx) error { return f(tx, p) })

			if in, some := due(t, d); some && in < 59*time.Minute {
				t.Errorf("%s: due in %s, although nothing hinted since", name, in)
			}
		}
	})
}

func TestStopPollingLeavesALinkAloneUntilSomethingFollowsIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := storetest.InsertLink(t, d, 1)
		storetest.Update(t, d, func(tx *db.Tx) error { return store.StartPolling(tx, l.ID, tx.Now) })
		p := claim(t, d, time.Minute, l.ID)[0]
		storetest.Update(t, d, func(tx *db.Tx) error { return store.StopPolling(tx, p) })
		if _, some := due(t, d); some {
			t.Error("it is still due")
		}
		storetest.Update(t, d, func(tx *db.Tx) error { return store.StartPolling(tx, l.ID, tx.Now) })
		claim(t, d, time.Minute, l.ID)
	})
}

func TestAnOutageIsNewsWithEachCauseAndSoIsItsEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := storetest.InsertLink(t, d, 1)
		set := func(cause string, want bool) {
			t.Helper()
			storetest.Update(t, d, func(tx *db.Tx) error {
				news, err := store.SetOutage(tx, l.ID, cause)
				if news != want {
					t.Errorf("%q is news: %t", cause, news)
				}
				return err
			})
		}
		end := func(want bool) {
			t.Helper()
			storetest.Update(t, d, func(tx *db.Tx) error {
				news, err := store.EndOutage(tx, l.ID)
				if news != want {
					t.Errorf("the end is news: %t", news)
				}
				return err
			})
		}

		end(false)
		set("away", true)
		set("away", false)
		set("refused", true)
		set("away", true)
		end(true)
		end(false)
		set("away", true)
	})
}

func TestABranchHasTheHeadThatWasSeenLast(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := storetest.InsertLink(t, d, 1)
		storetest.Update(t, d, func(tx *db.Tx) error {
			if head, err := syncstate.BranchHead(tx, l.ID, "main"); head != "" || err != nil {
				t.Errorf("before the first look: %q, %v", head, err)
			}

			head, err := syncstate.LockBranch(tx, l.ID, "main")
			if head != "" || err != nil {
				t.Errorf("locked: %q, %v", head, err)
			}

			return errors.Join(syncstate.SetBranchHead(tx, l.ID, "main", "one"), syncstate.SetBranchHead(tx, l.ID, "main", "two"))
		})
		storetest.Update(t, d, func(tx *db.Tx) error {
			head, err := syncstate.LockBranch(tx, l.ID, "main")
			if head != "two" || err != nil {
				t.Errorf("locked: %q, %v", head, err)
			}

			heads, err := syncstate.PolledHeads(tx, l.ID)
			if diff := cmp.Diff(map[string]lockstep.SHA{"main": "two"}, heads); diff != "" {
				t.Error(diff)
			}

			return err
		})
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			_, err := syncstate.LockBranch(tx, "no-link", "main")
			return err
		})
		if !db.IsForeignKey(err) {
			t.Errorf("a branch of no link: %v", err)
		}
	})
}

func TestADatabaseIsBoundToItsFirstTarget(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var first store.Installation
		storetest.Update(t, d, func(tx *db.Tx) (err error) {
			first, err = store.BindTarget(tx, "sandbox")
			return err
		})
		if first.Target != "sandbox" || len(first.ID) != 36 {
			t.Errorf("bound: %+v", first)
		}

		storetest.Update(t, d, func(tx *db.Tx) error {
			again, err := store.BindTarget(tx, "sandbox")
			if again != first {
				t.Errorf("bound again: %+v, was %+v", again, first)
			}
			return err
		})
		storetest.RequireKind(t, d, lockstep.Invalid, func(tx *db.Tx) error {
			_, err := store.BindTarget(tx, "aws")
			return err
		})
	})
}
