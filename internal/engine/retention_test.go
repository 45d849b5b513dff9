package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

func TestTheSweepDeletesAttemptsThatAreNotKept(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		w.Retention = syncstate.Retention{MaxAge: 90 * 24 * time.Hour, MaxAttempts: 2}
		w.Stop()
		w.Start()
		w.Push(map[string]string{"a.yaml": "first"})
		w.CreateConfiguration("a")
		for i := range 5 {
			w.WaitForRepositorySyncOf(w.Push(map[string]string{"a.yaml": fmt.Sprint(i)}))
		}

		before := w.Count(`SELECT count(*) FROM resource_sync_attempt`)
		if before < 5 {
			t.Errorf("%d attempts before the sweep, want at least 5", before)
		}

		stop := w.StartSweeps()
		defer stop()

		time.Sleep(2 * time.Hour)
		if n := w.Count(`SELECT count(*) FROM resource_sync_attempt`); n != 2 {
			t.Errorf("%d attempts of the resource are kept, want 2", n)
		}
		if n := w.Count(`SELECT count(*) FROM repository_sync_attempt WHERE ended_at IS NOT NULL`); n != 2 {
			t.Errorf("%d attempts of the branch are kept, want 2", n)
		}
	})
}
