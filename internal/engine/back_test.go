package engine_test

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/syncstate"

	"github.com/lockstephq/lockstep"
)

func TestAHeadThatIsBackIsNotAnsweredWithWhatItWas(t *testing.T) {
	inBubble(t, func(w *world) {
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web")
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		w.update(func(tx *db.Tx) error { // a look sees the force-push; no sync has acted on it yet
			if _, err := syncstate.LockBranch(tx, w.link.ID, "main"); err != nil {
				return err
			}
			return syncstate.SetBranchHead(tx, w.link.ID, "main", first)
		})

		h, err := w.engine.RevisionStatus(w.t.Context(), cfg, first)
		w.must(err)
		if h.State != engine.Pending {
			t.Errorf("before the sync: %+v", h)
		}

		w.host.point("main", first)
		w.update(func(tx *db.Tx) error { return w.engine.RequestSync(tx, w.link.ID, "main") })
		w.until("the commit is live again", func() bool {
			h, err = w.engine.RevisionStatus(w.t.Context(), cfg, first)
			w.must(err)
			return h.State == engine.Succeeded
		})

		if s := w.status(cfg); s.LatestSync.TargetRevision.SHA != first {
			t.Errorf("answered %+v while the stack is at %s", h, s.LatestSync.TargetRevision.SHA)
		}
	})
}
