package preview_test

import (
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestTheSweepReplacesLostJobs(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		w.openPullRequest(7, stackFiles("two"))
		w.stop()
		lost := func() { w.Update(func(tx *db.Tx) error { _, err := tx.Exec(`DELETE FROM river_job`); return err }) }
		lost() // the jobs that list, or their successors
		w.startWorkers()
		w.waitUntil("a preview is known", func() bool { return w.Count(`SELECT count(*) FROM preview`) == 1 })
		w.stop()
		lost()
		w.startWorkers()
		w.waitForComment(7, "1 modified")
		w.waitUntilClean()
	})
}

func TestPreviewsOfOneStackRunOneAfterTheOther(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		most := 0
		w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
			_, now := w.target.previews()
			most = max(most, now)
			step, err := proposeChangeSet(attempt)
			if isPreview(attempt) && step.Intent == "" {
				step.ContinueAfter = 2 * time.Second
			}

			return step, err
		})

		for number := range int64(4) {
			w.openPullRequest(number, stackFiles("two"+string(rune('a'+number))))
		}

		for number := range int64(4) {
			w.waitForComment(number, "1 modified")
		}

		w.waitUntilClean()
		if ids, _ := w.target.previews(); len(ids) != 4 {
			t.Errorf("got previews %v, want four", ids)
		}
		if most != 1 {
			t.Errorf("got %d proposals at once, want one", most)
		}
		if len(w.target.clashes) != 0 {
			t.Errorf("got clashes %v, want none", w.target.clashes)
		}
	})
}

func TestPreviewedPullRequestsAreLimited(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: sixty pull requests")
	}

	runInSQLiteBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		for number := range int64(60) {
			w.openPullRequest(number, stackFiles("two"))
		}

		w.waitUntil("fifty are previewed", func() bool {
			return w.Count(`SELECT count(*) FROM preview WHERE state = 'DONE'`) == 50
		})
		time.Sleep(10 * time.Minute)
		if n := w.Count(`SELECT count(*) FROM pull_request`); n != 50 ||
			w.Count(`SELECT count(*) FROM pull_request WHERE number >= 10`) != 50 {
			t.Errorf("%d pull requests, not the 50 that changed last", n)
		}
	})
}

func TestACommentWaitsForItsStacksForALimitedTime(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.startWorkers()
		all := map[string]string{"t.yaml": "one", "a.yaml": "a", "b.yaml": "b"}
		sha := w.host.commit(all)
		w.host.update(func() { w.host.heads["main"] = sha })
		w.createConfiguration("a")
		w.createConfiguration("b")
		w.waitForSync(sha)
		w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
			if attempt.Configuration.ResourceName == "b" && isPreview(attempt) {
				return target.Step{}, lockstep.Errorf(lockstep.Unavailable, "Not now.")
			}
			return proposeChangeSet(attempt)
		})

		all["t.yaml"] = "two"
		began := time.Now()
		w.openPullRequest(7, all)
		w.waitForComment(7, "1 modified", "planning in progress")

		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("commented after %s", took)
		}

		w.waitForComment(7, "1 modified", "planning failed: `Not now.`")
		w.waitUntilClean()
		if _, puts := w.host.comment(7); puts != 2 {
			t.Errorf("%d edits", puts)
		}
	})
}
