package trigger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// constantInterval returns options with a constant interval of ten seconds.
func constantInterval() trigger.PollerOptions {
	return trigger.PollerOptions{Interval: 10 * time.Second, MaxInterval: 10 * time.Second}
}

// setHostFailure makes the host fail, or work again if down is nil.
func (w *world) setHostFailure(down error) { w.host.update(func() { w.host.failure = down }) }

// failureMessages returns the last event of each failed repository sync, oldest first.
func (w *world) failureMessages() (list []string) {
	w.T.Helper()
	w.Must(w.DB.View(w.T.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT e.message FROM sync_event e JOIN repository_sync_attempt a ON a.id = e.repository_attempt_id
			WHERE a.status = 'FAILED' AND e.type <> 'CLONE_STARTED' ORDER BY e.id`)
		if err != nil {
			return err
		}
		defer rows.Close()

		list = nil
		for rows.Next() {
			var message string
			if err := rows.Scan(&message); err != nil {
				return err
			}

			list = append(list, message)
		}

		return rows.Err()
	}))

	return list
}

func (w *world) expectFailures(want ...string) {
	w.T.Helper()
	if diff := cmp.Diff(want, w.failureMessages()); diff != "" {
		w.T.Errorf("failed repository syncs: %s", diff)
	}
}

func TestAnOutageFailsOneSyncPerCauseAndItsEndSucceeds(t *testing.T) {
	runInBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.startPoller(constantInterval())
		time.Sleep(time.Minute)
		syncs := w.Count(`SELECT count(*) FROM repository_sync_attempt`)
		began := time.Now()
		w.setHostFailure(lockstep.Errorf(lockstep.Unavailable, "The host answers 503."))
		w.WaitUntil("the outage is reported", func() bool { return len(w.failureMessages()) == 1 })

		if count := w.countProbesSince("infra", began); count != 3 {
			t.Errorf("it was reported after %d probes, want 3", count)
		}

		time.Sleep(5 * time.Minute)
		w.expectFailures("Clone failed. The host answers 503.")
		w.setHostFailure(lockstep.Errorf(lockstep.Denied, "The host refuses the token."))
		time.Sleep(6 * time.Minute) // by now the host is rarely probed
		w.expectFailures("Clone failed. The host answers 503.", "Clone failed. The host refuses the token.")
		w.setHostFailure(nil)
		w.WaitUntil("the recovery is recorded", func() bool {
			return w.latestRepositorySync(link).Status == lockstep.RepositorySucceeded
		})

		if count := w.Count(`SELECT count(*) FROM repository_sync_attempt`); count != syncs+3 {
			t.Errorf("%d repository syncs, want 3 for the outage", count-syncs)
		}

		if count := w.Count(`SELECT count(*) FROM resource_sync_attempt`); count != 1 {
			t.Errorf("%d resource syncs, although the head is what it was", count)
		}

		time.Sleep(time.Minute)
		w.setHostFailure(lockstep.Errorf(lockstep.Denied, "The host refuses the token."))
		time.Sleep(time.Minute)

		if got := w.failureMessages(); len(got) != 3 {
			t.Errorf("another outage of an old cause: %q", got)
		}
	})
}

func TestAConnectionReceivesEachFailedProbeAndTheFirstSuccess(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "infra")
		w.startPoller(constantInterval())
		time.Sleep(time.Minute)

		// The first sync has read the repository.
		if diff := cmp.Diff([]string{"works again"}, w.takeProbeResults()); diff != "" {
			t.Errorf("reported without a failure (-want +got):\n%s", diff)
		}

		w.setHostFailure(lockstep.Errorf(lockstep.Denied, "The host refuses the token."))
		time.Sleep(time.Minute)
		told := w.takeProbeResults()
		if len(told) < 3 || told[0] != "The host refuses the token." {
			t.Errorf("reported %q", told)
		}

		w.setHostFailure(nil)
		time.Sleep(2 * time.Minute)
		if told = w.takeProbeResults(); len(told) == 0 || told[len(told)-1] != "works again" || len(told) > 3 {
			t.Errorf("reported %q", told) // at most a failure, the probe and the sync that follows
		}
	})
}

func TestTwoFailedProbesAreNoOutage(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "infra")
		w.startPoller(constantInterval())
		for range 3 {
			time.Sleep(30 * time.Second)
			before := len(w.host.probesOf("infra"))
			w.setHostFailure(lockstep.Errorf(lockstep.Unavailable, "Away."))
			w.WaitUntil("two looks failed", func() bool { return len(w.host.probesOf("infra")) == before+2 })
			w.setHostFailure(nil)
		}

		time.Sleep(time.Minute)
		w.expectFailures()
		if n := w.Count(`SELECT count(*) FROM repository_sync_attempt`); n != 1 {
			t.Errorf("%d repository syncs, want the first alone", n)
		}
	})
}

func TestAFailureThatNeedsAPersonIsReportedAtOnce(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "infra")
		w.startPoller(constantInterval())
		time.Sleep(30 * time.Second)
		w.setHostFailure(lockstep.Errorf(lockstep.NotFound, "There is no repository acme/infra."))
		began := time.Now()
		w.WaitUntil("it is reported", func() bool { return len(w.failureMessages()) == 1 })
		if n := w.countProbesSince("infra", began); n != 1 {
			t.Errorf("it was reported after %d probes", n)
		}
	})
}

func TestAnOutageFoundByARepositorySyncEndsWithAProbe(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.setHostFailure(lockstep.Errorf(lockstep.Unavailable, "Away."))
		link := w.link("c", "infra")
		sha := w.host.push("infra", "main")
		w.track(link)
		w.WaitUntil("the repository sync fails", func() bool {
			return w.latestRepositorySync(link).Status == lockstep.RepositoryFailed
		})
		w.startPoller(constantInterval())
		time.Sleep(5 * time.Minute)
		w.expectFailures("Clone failed. Away.")
		w.setHostFailure(nil)
		w.untilSynced(link, sha)
	})
}

func TestProbesOfAnUnavailableHostBecomeRare(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "infra")
		w.setHostFailure(lockstep.Errorf(lockstep.Unavailable, "Away."))
		before := len(w.host.probesOf("infra"))
		w.startPoller(trigger.PollerOptions{Interval: 2 * time.Second, MaxInterval: 30 * time.Second})
		w.WaitUntil("seven looks", func() bool { return len(w.host.probesOf("infra")) == before+7 })
		expectGaps(t, w.probeGaps("infra", before), 4, 8, 16, 30, 30, 30)
		w.setHostFailure(nil)
		w.WaitUntil("the recovery", func() bool {
			return w.Count(`SELECT count(*) FROM repository_link WHERE poll_failures = 0`) == 1
		})

		if n := w.Count(`SELECT poll_interval FROM repository_link`); n != 2000 {
			t.Errorf("the interval after the recovery is %d ms", n)
		}
	})
}

func TestADeletedBranchFailsOnceAndItsReturnIsSynced(t *testing.T) {
	runInBubble(t, func(w *world) {
		link, _ := w.trackedLink("c", "infra")
		w.startPoller(constantInterval())
		time.Sleep(15 * time.Second)
		w.host.update(func() { delete(w.host.heads["infra"], "main") })
		time.Sleep(2 * time.Minute)
		w.expectFailures("Clone failed. Branch main was not found in repository acme/infra.")
		w.untilSynced(link, w.host.push("infra", "main"))
		w.expectFailures("Clone failed. Branch main was not found in repository acme/infra.")
	})
}

func TestAMissingBranchFailsOnceAndItsCreationIsSynced(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.startPoller(constantInterval())
		link := w.link("c", "infra")
		w.track(link)
		time.Sleep(3 * time.Minute)
		w.expectFailures("Clone failed. Branch main was not found in repository acme/infra.")
		w.setHostFailure(lockstep.Errorf(lockstep.Denied, "Refused."))
		time.Sleep(time.Minute)
		w.setHostFailure(nil)
		time.Sleep(time.Minute)
		w.untilSynced(link, w.host.push("infra", "main"))
	})
}
