package preview_test

import (
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestALostWakeUpIsFoundAgain(t *testing.T) {
	inBubble(t, func(w *world) {
		w.settled(files("one"))
		w.propose(7, files("two"))
		w.stop()
		lost := func() { w.update(func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM river_job`); return err }) }
		lost() // that lists, or what followed from it
		w.start()
		w.until("a preview is known", func() bool { return w.count(`SELECT count(*) FROM preview`) == 1 })
		w.stop()
		lost()
		w.start()
		w.untilComment(7, "1 modified")
		w.untilClean()
	})
}

func TestPullRequestsOfOneStackAreWorkedOneAfterTheOther(t *testing.T) {
	inBubble(t, func(w *world) {
		w.settled(files("one"))
		most := 0
		w.target.script(func(attempt target.Attempt) (target.Step, error) {
			_, now := w.target.previews()
			most = max(most, now)
			step, err := proposes(attempt)
			if isPreview(attempt) && step.Intent == "" {
				step.ContinueAfter = 2 * time.Second
			}

			return step, err
		})

		for number := range int64(4) {
			w.propose(number, files("two"+string(rune('a'+number))))
		}

		for number := range int64(4) {
			w.untilComment(number, "1 modified")
		}

		w.untilClean()
		if ids, _ := w.target.previews(); len(ids) != 4 || most != 1 || len(w.target.clashes) != 0 {
			t.Errorf("previews %v, %d proposals at once, clashes %v", ids, most, w.target.clashes)
		}
	})
}

func TestOnlySoManyPullRequestsArePreviewed(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: sixty pull requests")
	}

	inSQLite(t, func(w *world) {
		w.settled(files("one"))
		for number := range int64(60) {
			w.propose(number, files("two"))
		}

		w.until("fifty are previewed", func() bool { return w.count(`SELECT count(*) FROM preview WHERE state = 'DONE'`) == 50 })
		time.Sleep(10 * time.Minute)
		if n := w.count(`SELECT count(*) FROM pull_request`); n != 50 || w.count(`SELECT count(*) FROM pull_request WHERE number >= 10`) != 50 {
			t.Errorf("%d pull requests, not the 50 that changed last", n)
		}
	})
}

func TestACommentWaitsForItsStacksButNotForEver(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.start()
		all := map[string]string{"t.yaml": "one", "a.yaml": "a", "b.yaml": "b"}
		sha := w.host.commit(all)
		w.host.set(func() { w.host.heads["main"] = sha })
		w.configure("a")
		w.configure("b")
		w.synced(sha)
		w.target.script(func(attempt target.Attempt) (target.Step, error) {
			if attempt.Configuration.ResourceName == "b" && isPreview(attempt) {
				return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "Not now.")
			}
			return proposes(attempt)
		})

		all["t.yaml"] = "two"
		began := time.Now()
		w.propose(7, all)
		w.untilComment(7, "1 modified", "planning in progress")

		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("told after %s", took)
		}

		w.untilComment(7, "1 modified", "planning failed: `Not now.`")
		w.untilClean()
		if _, puts := w.host.comment(7); puts != 2 {
			t.Errorf("%d edits", puts)
		}
	})
}
