package trigger_test

import (
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/trigger"
)

func TestAttack26APanicOfOneProbeStopsNoOther(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.trackedLink("c", "bad")
		link, _ := w.trackedLink("c", "good")
		w.host.update(func() { w.host.panicsFor = "bad" })
		w.startPoller(constantInterval())
		time.Sleep(time.Minute)
		w.untilSynced(link, w.host.push("good", "main"))
		began := time.Now()
		time.Sleep(5 * time.Minute)

		if n := w.countProbesSince("bad", began); n < 4 || n > 6 {
			t.Errorf("%d looks in five minutes at what panics, want one a lease", n)
		}
	})
}

func TestAttack26APoisonRowStopsNoOther(t *testing.T) {
	for name, poison := range map[string]string{
		"discovery": `UPDATE repository_link SET discovery = '{' WHERE id = 'bad'`,
		"failures":  `UPDATE repository_link SET poll_failures = -9000 WHERE id = 'bad'`,
		"interval":  `UPDATE repository_link SET poll_interval = -9000 WHERE id = 'bad'`,
		"desired":   `UPDATE resource SET desired = '[', desired_seq = 9 WHERE name = 'bad'`,
		"attempt": `UPDATE resource_sync_attempt SET configuration = '{', target_revision = ''
			WHERE resource_id = (SELECT id FROM resource WHERE name = 'bad')`,
	} {
		t.Run(name, func(t *testing.T) {
			runInBubble(t, func(w *world) {
				w.trackedLink("c", "bad")
				link, _ := w.trackedLink("c", "good")
				w.setHostFailure(lockstep.Errorf(lockstep.Unavailable, "The host answers 503."))
				w.Update(func(tx *db.Tx) error {
					_, err := tx.Exec(poison)
					return err
				})
				w.startPoller(trigger.PollerOptions{Interval: time.Second, MaxInterval: time.Second})
				time.Sleep(time.Minute)
				w.setHostFailure(nil)
				w.host.push("bad", "main")
				w.untilSynced(link, w.host.push("good", "main"))
			})
		})
	}
}
