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

// due returns the duration until the next poll.
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
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		if _, some := due(t, database); some {
			t.Error("a link that nothing follows is due")
		}

		claim(t, database, time.Minute)
		storetest.Update(t, database, func(tx *db.Tx) error { return store.StartPolling(tx, link.ID, tx.Now) })
		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.StartPolling(tx, link.ID, tx.Now.Add(time.Hour))
		})
		poll := claim(t, database, time.Minute, link.ID)[0]
		claim(t, database, time.Minute)

		if delay, _ := due(t, database); delay < 50*time.Second || delay > time.Minute {
			t.Errorf("after a claim it is due in %s, want the lease", delay)
		}

		poll.Interval, poll.Failures = 2*time.Hour, 3
		storetest.Update(t, database, func(tx *db.Tx) error {
			return store.FinishPoll(tx, poll, tx.Now.Add(2*time.Hour))
		})
		if delay, _ := due(t, database); delay < 119*time.Minute {
			t.Errorf("after a poll it is due in %s", delay)
		}

		storetest.Update(t, database, func(tx *db.Tx) error { return store.RequestPoll(tx, link.ID) })
		again := claim(t, database, -time.Second, link.ID)[0]
		if again.Interval != 2*time.Hour || again.Failures != 3 {
			t.Errorf("remembered: %+v", again)
		}

		claim(t, database, time.Minute, link.ID) // the lease had expired
	})
}

func TestARequestDuringAPollIsNotLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		end := map[string]func(tx *db.Tx, poll store.Poll) error{
			"finished": func(tx *db.Tx, poll store.Poll) error {
				return store.FinishPoll(tx, poll, tx.Now.Add(time.Hour))
			},
			"stopped": store.StopPolling,
		}
		for name, finish := range end {
			storetest.Update(t, database, func(tx *db.Tx) error { return store.RequestPoll(tx, link.ID) })
			poll := claim(t, database, time.Minute, link.ID)[0]
			storetest.Update(t, database, func(tx *db.Tx) error {
				return errors.Join(store.RequestPoll(tx, link.ID), finish(tx, poll))
			})
			poll = claim(t, database, time.Minute, link.ID)[0]
			storetest.Update(t, database, func(tx *db.Tx) error { return finish(tx, poll) })

			if in, some := due(t, database); some && in < 59*time.Minute {
				t.Errorf("%s: due in %s, although nothing hinted since", name, in)
			}
		}
	})
}

func TestAStoppedLinkIsPolledAgainOnceItIsTracked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		storetest.Update(t, database, func(tx *db.Tx) error { return store.StartPolling(tx, link.ID, tx.Now) })
		p := claim(t, database, time.Minute, link.ID)[0]
		storetest.Update(t, database, func(tx *db.Tx) error { return store.StopPolling(tx, p) })
		if _, some := due(t, database); some {
			t.Error("it is still due")
		}
		storetest.Update(t, database, func(tx *db.Tx) error { return store.StartPolling(tx, link.ID, tx.Now) })
		claim(t, database, time.Minute, link.ID)
	})
}

func TestSetOutageReportsANewCauseAndClearOutageTheEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		set := func(cause string, want bool) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				news, err := store.SetOutage(tx, link.ID, cause)
				if news != want {
					t.Errorf("%q is news: %t", cause, news)
				}
				return err
			})
		}
		end := func(want bool) {
			t.Helper()
			storetest.Update(t, database, func(tx *db.Tx) error {
				news, err := store.ClearOutage(tx, link.ID)
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

func TestABranchHasItsLastKnownHead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		storetest.Update(t, database, func(tx *db.Tx) error {
			if head, err := syncstate.BranchHead(tx, link.ID, "main"); head != "" || err != nil {
				t.Errorf("before the first look: %q, %v", head, err)
			}

			head, err := syncstate.LockBranch(tx, link.ID, "main")
			if head != "" || err != nil {
				t.Errorf("locked: %q, %v", head, err)
			}

			return errors.Join(syncstate.SetBranchHead(tx, link.ID, "main", "one"), syncstate.SetBranchHead(tx, link.ID,
				"main", "two"))
		})
		storetest.Update(t, database, func(tx *db.Tx) error {
			head, err := syncstate.LockBranch(tx, link.ID, "main")
			if head != "two" || err != nil {
				t.Errorf("locked: %q, %v", head, err)
			}

			heads, err := syncstate.PolledHeads(tx, link.ID)
			if diff := cmp.Diff(map[string]lockstep.SHA{"main": "two"}, heads); diff != "" {
				t.Error(diff)
			}

			return err
		})
		err := database.Update(t.Context(), func(tx *db.Tx) error {
			_, err := syncstate.LockBranch(tx, "no-link", "main")
			return err
		})
		if !db.IsForeignKey(err) {
			t.Errorf("a branch of no link: %v", err)
		}
	})
}

func TestADatabaseIsBoundToItsFirstTarget(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		var first store.Installation
		storetest.Update(t, database, func(tx *db.Tx) (err error) {
			first, err = store.BindTarget(tx, "sandbox")
			return err
		})
		if first.Target != "sandbox" || len(first.ID) != 36 {
			t.Errorf("bound: %+v", first)
		}

		storetest.Update(t, database, func(tx *db.Tx) error {
			again, err := store.BindTarget(tx, "sandbox")
			if again != first {
				t.Errorf("bound again: %+v, was %+v", again, first)
			}
			return err
		})
		storetest.RequireKind(t, database, lockstep.Invalid, func(tx *db.Tx) error {
			_, err := store.BindTarget(tx, "aws")
			return err
		})
	})
}
