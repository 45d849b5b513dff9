package trigger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// trackedLink creates a tracked link and waits until it is synced.
func (w *world) trackedLink(connection, id string) (lockstep.RepositoryLink, lockstep.SyncConfiguration) {
	w.T.Helper()
	link := w.link(connection, id)
	sha := w.host.push(id, "main")
	cfg := w.track(link)
	w.untilSynced(link, sha)
	return link, cfg
}

func (w *world) untilSynced(l lockstep.RepositoryLink, sha lockstep.SHA) {
	w.T.Helper()
	w.WaitUntil("the resource is at "+sha.Short(), func() bool {
		return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND outcome = 'applied'`,
			string(sha)) == 1
	})
}

// countProbesSince counts the probes of a repository since a time.
func (w *world) countProbesSince(repository string, since time.Time) (n int) {
	for _, l := range w.host.probesOf(repository) {
		if !l.at.Before(since) {
			n++
		}
	}
	return n
}

func TestAMoveIsNoticedWithinTheInterval(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.startPoller(trigger.PollerOptions{Interval: 10 * time.Second, MaxInterval: 10 * time.Second})
		link, _ := w.trackedLink("c", "infra")
		for range 3 {
			time.Sleep(17 * time.Second)
			pushed := time.Now()
			w.untilSynced(link, w.host.push("infra", "main"))

			if took := time.Since(pushed); took > 12500*time.Millisecond {
				t.Errorf("a push was synced after %s", took)
			}
		}
	})
}

func TestOneProbeReadsAllTrackedBranches(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		link, cfg := w.trackedLink("c", "infra")
		w.host.push("infra", "dev")
		cfg.Branch, cfg.ResourceName = "dev", "dev"
		w.Update(func(tx *db.Tx) error { return store.InsertConfiguration(tx, &cfg) })
		link.Discovery = &lockstep.Discovery{Branch: "prod"}
		w.Update(func(tx *db.Tx) error { return store.SetDiscovery(tx, link.ID, link.Discovery) })
		before := len(w.host.probesOf("infra"))
		w.startPoller(trigger.PollerOptions{})
		w.WaitUntil("a probe", func() bool { return len(w.host.probesOf("infra")) > before })

		if diff := cmp.Diff([]string{"dev", "main", "prod"}, w.host.probesOf("infra")[before].branches); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTwoPollersShareTheProbesOfARepository(t *testing.T) {
	runInBubble(t, func(w *world) {
		ids := make([]string, 12)
		for i := range ids {
			ids[i] = fmt.Sprint("r", i)
			w.trackedLink(fmt.Sprint("c", i%3), ids[i])
		}

		w.host.update(func() { w.host.delay = 7 * time.Second; clear(w.host.maxRunning) })
		began := time.Now()
		for range 2 {
			w.startPoller(trigger.PollerOptions{Interval: 20 * time.Second, MaxInterval: 20 * time.Second})
		}

		time.Sleep(3 * time.Minute)
		for _, id := range ids {
			if count := w.host.maxRunning["repository "+id]; count != 1 {
				t.Errorf("%d concurrent probes of %s", count, id)
			}

			// Each probe takes 7 s and the next follows 18 to 22 s later.
			if count := w.countProbesSince(id, began); count < 6 || count > 8 {
				t.Errorf("%d probes of %s in three minutes, want about 7", count, id)
			}
		}
	})
}

func TestAPollRequestedDuringAProbeIsDueAtOnce(t *testing.T) {
	runInBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.startPoller(trigger.PollerOptions{Interval: time.Hour, MaxInterval: time.Hour})
		gate := make(chan struct{})
		w.host.update(func() { w.host.gate = gate })
		before := len(w.host.probesOf("infra"))
		w.WaitUntil("a probe is running", func() bool { return len(w.host.probesOf("infra")) > before })
		hinted := time.Now()
		w.Update(func(tx *db.Tx) error { return store.RequestPoll(tx, link.ID) })
		close(gate)
		w.WaitUntil("a probe after the request", func() bool { return w.countProbesSince("infra", hinted) > 0 })

		if took := time.Since(hinted); took > time.Second {
			t.Errorf("the look came %s after the hint", took)
		}

		time.Sleep(5 * time.Second)
		calm := time.Now()
		time.Sleep(10 * time.Minute)

		if n := w.countProbesSince("infra", calm); n != 0 {
			t.Errorf("%d more looks, although nothing hints any more", n)
		}

		hinted = time.Now()
		w.Update(func(tx *db.Tx) error { return store.RequestPoll(tx, link.ID) })
		w.WaitUntil("a probe after a request between probes", func() bool {
			return w.countProbesSince("infra", hinted) > 0
		})

		if took := time.Since(hinted); took > time.Second {
			t.Errorf("the look came %s after the hint", took)
		}
	})
}

func TestTheLeaseOfADeadPollerExpires(t *testing.T) {
	runInBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.host.update(func() { w.host.gate = make(chan struct{}) })
		before := len(w.host.probesOf("infra"))
		stop := w.startPoller(trigger.PollerOptions{Interval: 10 * time.Second})
		w.WaitUntil("a probe is running", func() bool { return len(w.host.probesOf("infra")) > before })
		claimed := time.Now()
		stop() // during the probe
		w.host.update(func() { w.host.gate = nil })
		w.startPoller(trigger.PollerOptions{Interval: 10 * time.Second})
		sha := w.host.push("infra", "main")
		w.untilSynced(link, sha)

		if took := time.Since(claimed); took < 58*time.Second || took > 63*time.Second {
			t.Errorf("another poller looked %s after the claim, want a minute", took)
		}

		if n := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE status = 'FAILED'`); n != 0 {
			t.Error("the end of a poller was recorded as a failure")
		}
	})
}

func TestAProbeThatHangsTimesOutAndIsTransient(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.host.update(func() { w.host.gate = make(chan struct{}) })
		w.startPoller(trigger.PollerOptions{Interval: 10 * time.Second})
		w.WaitUntil("a failure", func() bool {
			return w.Count(`SELECT count(*) FROM repository_link WHERE poll_failures = 1`) == 1
		})
		w.host.update(func() { w.host.gate = nil })
		w.untilSynced(link, w.host.push("infra", "main"))
	})
}

// probeGaps returns the times between the probes of a repository.
func (w *world) probeGaps(repository string, from int) (list []time.Duration) {
	looks := w.host.probesOf(repository)[from:]
	for i := 1; i < len(looks); i++ {
		list = append(list, looks[i].at.Sub(looks[i-1].at))
	}
	return list
}

func TestIntervalsDoubleUntilABranchMoves(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "infra")
		before := len(w.host.probesOf("infra"))
		w.startPoller(trigger.PollerOptions{Interval: 4 * time.Second, MaxInterval: 30 * time.Second})
		w.WaitUntil("seven looks", func() bool { return len(w.host.probesOf("infra")) == before+7 })
		expectGaps(t, w.probeGaps("infra", before), 4, 8, 16, 30, 30, 30)
		w.host.push("infra", "main")
		w.WaitUntil("the move is seen", func() bool { return len(w.host.probesOf("infra")) >= before+8 })
		moved := time.Now()
		time.Sleep(25 * time.Second)
		var polls []probe
		for _, look := range w.host.probesOf("infra") {
			// The repository sync reads the head too.
			if look.at.Sub(moved) > 2*time.Second {
				polls = append(polls, look)
			}
		}

		if len(polls) < 2 || polls[0].at.Sub(moved) > 5*time.Second || polls[1].at.Sub(polls[0].at) > 9*time.Second {
			t.Errorf("after the move at %s came %v", moved, polls)
		}
	})
}

func expectGaps(t *testing.T, gaps []time.Duration, seconds ...float64) {
	t.Helper()
	for i, want := range seconds {
		// A tenth for the jitter, and half a second between two claims.
		if got := gaps[i].Seconds(); got < 0.9*want-0.01 || got > 1.1*want+0.51 {
			t.Errorf("look %d came %.2f s after the one before, want about %.0f", i+2, got, want)
		}
	}
}

func TestALinkMayHaveItsOwnIntervals(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "near")
		w.trackedLink("c", "far")
		near, far := len(w.host.probesOf("near")), len(w.host.probesOf("far"))
		w.startPoller(trigger.PollerOptions{
			Interval: time.Second,
			IntervalsOf: func(l lockstep.RepositoryLink) (time.Duration, time.Duration) {
				if l.ID == "near" {
					return 5 * time.Second, 5 * time.Second
				}
				return 20 * time.Second, 40 * time.Second
			},
		})

		w.WaitUntil("looks", func() bool { return len(w.host.probesOf("far")) >= far+4 })
		expectGaps(t, w.probeGaps("near", near), 5, 5, 5, 5, 5, 5)
		expectGaps(t, w.probeGaps("far", far), 20, 40, 40)
	})
}

func TestProbesAreSpreadByATenth(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "infra")
		before := len(w.host.probesOf("infra"))
		w.startPoller(trigger.PollerOptions{Interval: 100 * time.Second, MaxInterval: 100 * time.Second})
		looks := 40
		if testing.Short() {
			looks = 15
		}

		for len(w.host.probesOf("infra")) < before+looks {
			time.Sleep(10 * time.Second)
		}

		var early, late int
		for _, gap := range w.probeGaps("infra", before) {
			if gap < 90*time.Second || gap > 110510*time.Millisecond {
				t.Errorf("a probe %s after the one before", gap)
			}

			if gap < 98*time.Second {
				early++
			}

			if gap > 102*time.Second {
				late++
			}
		}

		if early == 0 || late == 0 {
			t.Errorf("of %d looks %d were early and %d late", looks, early, late)
		}
	})
}

func TestPollingStopsAndRestartsWithTrackedBranches(t *testing.T) {
	runInBubble(t, func(w *world) {
		link, cfg := w.trackedLink("c", "infra")
		w.startPoller(trigger.PollerOptions{Interval: 10 * time.Second, MaxInterval: 10 * time.Second})
		time.Sleep(30 * time.Second)
		w.untrack(cfg)
		time.Sleep(15 * time.Second)

		if count := w.Count(`SELECT count(*) FROM repository_link WHERE next_poll_at IS NULL`); count != 1 {
			t.Error("the link is still to be polled")
		}

		calm := time.Now()
		time.Sleep(2 * time.Minute)
		if count := w.countProbesSince("infra", calm); count != 0 {
			t.Errorf("%d probes without a configuration", count)
		}

		w.Update(func(tx *db.Tx) error { return store.RequestPoll(tx, link.ID) })
		time.Sleep(10 * time.Second)
		if count := w.countProbesSince("infra", calm); count != 0 {
			t.Errorf("%d probes without a configuration after a request", count)
		}

		sha := w.host.push("infra", "main")
		w.track(link)
		w.untilSynced(link, sha)
		time.Sleep(20 * time.Second)
		w.untilSynced(link, w.host.push("infra", "main"))
	})
}

func TestALinkDeletedDuringAProbeIsNotAnError(t *testing.T) {
	runInBubble(t, func(w *world) {
		link, cfg := w.trackedLink("c", "gone")
		other, _ := w.trackedLink("c", "infra")
		w.startPoller(trigger.PollerOptions{Interval: 5 * time.Second, MaxInterval: 5 * time.Second})
		gate := make(chan struct{})
		before := len(w.host.probesOf("gone"))
		w.host.update(func() { w.host.gate = gate })
		w.WaitUntil("a probe is running", func() bool { return len(w.host.probesOf("gone")) > before })
		w.host.push("gone", "main")
		w.untrack(cfg)
		w.Update(func(tx *db.Tx) error { return store.DeleteLink(tx, link.Account, link.Region, link.ID) })
		w.host.update(func() { w.host.gate = nil })
		close(gate)
		w.untilSynced(other, w.host.push("infra", "main"))
		calm := time.Now()
		time.Sleep(time.Minute)

		if count := w.countProbesSince("gone", calm); count != 0 {
			t.Errorf("%d probes of a deleted link", count)
		}

		if count := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE link_id = 'gone'`); count != 0 {
			t.Errorf("%d repository syncs of a link that is gone", count)
		}
	})
}

func TestConcurrentProbesOfAHostAreLimited(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		var ids []string
		for i := range 12 {
			id := fmt.Sprint("r", i)
			w.trackedLink([]string{"busy", "idle"}[i/9], id)
			ids = append(ids, id)
		}

		w.host.update(func() { w.host.delay = 10 * time.Second; clear(w.host.maxRunning) })
		began := time.Now()
		w.startPoller(trigger.PollerOptions{Interval: 200 * time.Second, Workers: 20, MaxPerHost: 3})
		w.WaitUntil("all are probed", func() bool {
			for _, id := range ids {
				if w.countProbesSince(id, began) == 0 {
					return false
				}
			}
			return true
		})

		if busy, idle := w.host.maxRunning["connection busy"], w.host.maxRunning["connection idle"]; busy != 3 ||
			idle != 3 {
			t.Errorf("%d and %d concurrent probes, want 3 at each host", busy, idle)
		}

		if took := time.Since(began); took > 32*time.Second {
			t.Errorf("all were probed after %s", took)
		}
	})
}

// A probe that got no slot in time is not a failure of the repository.
func TestWaitingForASlotIsNotAFailure(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		const links = 12
		for i := range links {
			w.trackedLink("c", fmt.Sprint("r", i))
		}

		w.host.update(func() { w.host.gate = make(chan struct{}) })
		w.startPoller(trigger.PollerOptions{
			Interval:    time.Hour,
			MaxInterval: time.Hour,
			Workers:     20,
			MaxPerHost:  1,
		})
		for range 12 {
			w.Update(func(tx *db.Tx) error { // all are due at the same time
				_, err := tx.Exec(`UPDATE repository_link SET next_poll_at = $1`, db.Millis(tx.Now))
				return err
			})
			time.Sleep(45 * time.Second)
		}

		if count := w.Count(`SELECT count(*) FROM sync_event WHERE message LIKE '%Internal error.%'`); count != 0 {
			t.Errorf("%d failures are called internal errors", count)
		}

		// The links without a slot record the outage once the host is known to be
		// unavailable.
		if count := w.Count(`SELECT count(DISTINCT link_id) FROM repository_sync_attempt
			WHERE status = 'FAILED'`); count != links {
			t.Errorf("the outage was reported for %d links, want %d", count, links)
		}
	})
}

func TestAPollerEndsWhileItWaitsForAWorker(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		for i := range 3 {
			w.trackedLink("c", fmt.Sprint("r", i))
		}

		w.host.update(func() { w.host.gate = make(chan struct{}) })
		stop := w.startPoller(trigger.PollerOptions{Interval: 10 * time.Second, Workers: 1})
		time.Sleep(10 * time.Second)
		began := time.Now()
		stop()

		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestClaimsAreSharedOut(t *testing.T) {
	runInBubble(t, func(w *world) {
		for i := range 6 {
			l := w.link("c", fmt.Sprint("r", i))
			w.Update(func(tx *db.Tx) error { return store.StartPolling(tx, l.ID, tx.Now) })
		}

		taken := map[string]int{}
		for range 3 {
			w.Must(w.DB.Update(context.Background(), func(tx *db.Tx) error {
				polls, err := store.ClaimPolls(tx, 4, time.Minute)
				for _, p := range polls {
					taken[p.LinkID]++
				}
				return err
			}))
		}

		if len(taken) != 6 || taken["r0"] != 1 || taken["r5"] != 1 {
			t.Errorf("claimed: %v, want each once", taken)
		}
	})
}

func TestAnExclusiveStartEndsTheLeaseOfAKilledPoller(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.Update(func(tx *db.Tx) error {
			if err := store.RequestPoll(tx, link.ID); err != nil {
				return err
			}
			_, err := store.ClaimPolls(tx, 1, time.Minute) // by the one that is killed
			return err
		})

		started := time.Now()
		w.startPoller(trigger.PollerOptions{Exclusive: true})
		w.WaitUntil("a probe", func() bool { return w.countProbesSince("infra", started) > 0 })

		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("probed after %s", took)
		}
	})
}

func TestAClockThatIsSetBackDoesNotStopPolling(t *testing.T) {
	runInBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.Update(func(tx *db.Tx) error { // two hours ahead
			poll := store.Poll{LinkID: link.ID, Interval: time.Minute}
			return store.FinishPoll(tx, poll, tx.Now.Add(2*time.Hour))
		})

		started := time.Now()
		w.startPoller(trigger.PollerOptions{})
		w.WaitUntil("a probe", func() bool { return w.countProbesSince("infra", started) > 0 })

		if took := time.Since(started); took > 2*time.Minute {
			t.Errorf("probed after %s", took)
		}
	})
}
