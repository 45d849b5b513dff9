package trigger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// trackedLinks creates a number of tracked links over a connection and waits until they are
// synced.
func (w *world) trackedLinks(connection string, n int) (ids []string) {
	w.T.Helper()
	for i := range n {
		id := fmt.Sprint(connection, i)
		w.trackedLink(connection, id)
		ids = append(ids, id)
	}
	return ids
}

// probeTimes returns when any of the repositories was probed since a time, and how
// often each was.
func (w *world) probeTimes(ids []string, since time.Time) (at []time.Duration, each map[string]int) {
	each = map[string]int{}
	for _, id := range ids {
		for _, l := range w.host.probesOf(id) {
			if !l.at.Before(since) {
				at = append(at, l.at.Sub(since))
				each[id]++
			}
		}
	}
	return at, each
}

func TestAnUnavailableHostGetsOneTrialAtATime(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		away, other := w.trackedLinks("away", 6), w.trackedLinks("other", 1)
		w.startPoller(trigger.PollerOptions{Interval: 5 * time.Second, MaxInterval: 30 * time.Second, MaxPerHost: 3})
		time.Sleep(time.Minute)
		w.host.update(func() {
			w.host.failureOf = map[string]error{"away": lockstep.Errorf(lockstep.Unavailable, "Away.")}
			clear(w.host.maxRunning)
		})
		began := time.Now()
		time.Sleep(30 * time.Second)

		if looks, _ := w.probeTimes(away, began); len(looks) < 5 || len(looks) > 10 {
			t.Errorf("%d looks before it was known to be away", len(looks))
		}

		calm := time.Now()
		time.Sleep(20 * time.Minute)

		// After 40 s, 80 s, 160 s and then every 300 s, plus the seconds until a
		// link is due.
		looks, _ := w.probeTimes(away, calm)
		if len(looks) < 4 || len(looks) > 8 {
			t.Errorf("in 20 minutes it was probed %d times: %v", len(looks), looks)
		}

		if count := w.countProbesSince(other[0], calm); count < 1200/34 {
			t.Errorf("another host was probed %d times", count)
		}

		if count := w.Count(`SELECT count(DISTINCT link_id) FROM repository_sync_attempt
			WHERE status = 'FAILED'`); count != len(away) {
			t.Errorf("the outage was reported for %d links", count)
		}

		if count := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE status = 'FAILED'`); count > 2*len(away) {
			t.Errorf("the outage was reported %d times", count)
		}

		w.host.update(func() { w.host.failureOf = nil })
		back := time.Now()
		w.WaitUntil("all are probed again", func() bool {
			_, each := w.probeTimes(away, back)
			return len(each) == len(away)
		})

		if took := time.Since(back); took > 6*time.Minute {
			t.Errorf("they were probed again after %s", took)
		}
	})
}

func TestAHostThatAsksForADelayGetsNoProbes(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		2 * time.Minute: 2 * time.Minute,
		time.Hour:       15 * time.Minute,
	} {
		runInSQLiteBubble(t, func(w *world) {
			ids := w.trackedLinks("c", 6)
			w.startPoller(trigger.PollerOptions{Interval: 5 * time.Second, MaxInterval: 5 * time.Second, MaxPerHost: 1})
			time.Sleep(30 * time.Second)
			w.setHostFailure(lockstep.Wrapf(lockstep.Unavailable, &provider.RetryAfterError{Wait: asked},
				"The host answers 429."))
			began := time.Now()
			w.WaitUntil("a probe", func() bool {
				looks, _ := w.probeTimes(ids, began)
				return len(looks) > 0
			})
			w.setHostFailure(nil)
			began = time.Now()
			w.WaitUntil("all are probed again", func() bool {
				_, each := w.probeTimes(ids, began)
				return len(each) == len(ids)
			})
			looks, _ := w.probeTimes(ids, began)
			for _, at := range looks {
				if at < want-time.Second || at > want+want/4 {
					t.Errorf("asked to wait for %s, it was probed after %s", asked, at)
				}
			}

			if n := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE status = 'FAILED'`); n != 0 {
				t.Errorf("%d failures were reported", n)
			}
		})
	}
}

func TestASlowHostDoesNotDelayOthers(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		slow, quick := w.trackedLinks("slow", 24), w.trackedLinks("quick", 1)
		w.host.update(func() { w.host.delayOf = map[string]time.Duration{"slow": 20 * time.Second} })
		w.startPoller(trigger.PollerOptions{
			Interval:    5 * time.Second,
			MaxInterval: 5 * time.Second,
			Workers:     4,
			MaxPerHost:  2,
		})
		began, before := time.Now(), len(w.host.probesOf(quick[0]))
		time.Sleep(20 * time.Minute)

		for _, gap := range w.probeGaps(quick[0], before) {
			if gap > 7*time.Second {
				t.Errorf("the quick host was not probed for %s", gap)
			}
		}

		looks, each := w.probeTimes(slow, began)
		if len(looks) < 100 || len(each) != len(slow) {
			t.Errorf("the slow host was probed %d times, want about 120, at %d of its %d links", len(looks),
				len(each), len(slow))
		}

		if n := w.host.maxRunning["connection slow"]; n != 2 {
			t.Errorf("%d concurrent probes of the slow host", n)
		}
	})
}

func TestDeferredLinksAreProbedInTurn(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		ids := w.trackedLinks("c", 60)
		w.host.update(func() { w.host.delay = 200 * time.Millisecond })
		began := time.Now()
		w.Update(func(tx *db.Tx) error { // all are due at the same time
			_, err := tx.Exec(`UPDATE repository_link SET next_poll_at = $1`, db.Millis(tx.Now))
			return err
		})
		w.startPoller(trigger.PollerOptions{Interval: 10 * time.Minute, MaxPerHost: 1})
		time.Sleep(time.Minute)
		looks, each := w.probeTimes(ids, began)
		if len(looks) != 60 || len(each) != 60 {
			t.Errorf("%d probes of %d links", len(looks), len(each))
		}

		for _, at := range looks {
			if at > 25*time.Second {
				t.Errorf("a probe after %s, want all within about 12 s", at)
			}
		}
	})
}

func TestConnectionsToOneEndpointShareItsSlots(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		ids := append(w.trackedLinks("a", 5), w.trackedLinks("b", 5)...)
		w.Update(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE host SET endpoint = 'HTTPS://A.example.com/team' WHERE name = 'b'`)
			return err
		})
		w.host.update(func() { w.host.delay = 10 * time.Second; clear(w.host.maxRunning) })
		began := time.Now()
		w.startPoller(trigger.PollerOptions{Interval: 200 * time.Second, MaxPerHost: 3})
		w.WaitUntil("all are probed", func() bool {
			_, each := w.probeTimes(ids, began)
			return len(each) == len(ids)
		})

		if diff := cmp.Diff(3, w.host.maxRunning["all"]); diff != "" {
			t.Errorf("concurrent probes: %s", diff)
		}
	})
}

func TestAttack26ATrialThatPanicsIsFollowedByAnother(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.startPoller(constantInterval())
		w.setHostFailure(lockstep.Errorf(lockstep.Unavailable, "Away."))
		time.Sleep(5 * time.Minute)
		w.host.update(func() { w.host.panicsFor = "infra" })
		time.Sleep(10 * time.Minute)
		w.host.update(func() { w.host.panicsFor, w.host.failure = "", nil })
		w.untilSynced(link, w.host.push("infra", "main"))
	})
}
