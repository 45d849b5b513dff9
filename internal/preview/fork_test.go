package preview_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestAttack30APullRequestFromAForkIsIgnored(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		w.openPullRequest(7, stackFiles("two"), fromFork)
		w.openPullRequest(8, stackFiles("two"))
		w.waitForComment(8, "1 modified")
		time.Sleep(10 * time.Minute)
		if ids, _ := w.target.previews(); len(ids) != 1 {
			t.Errorf("got previews %v, want one", ids)
		}
		if body, _ := w.host.comment(7); body != "" {
			t.Errorf("got comment %q, want none", body)
		}
		if got := w.Count(`SELECT count(*) FROM pull_request`); got != 1 {
			t.Errorf("got %d pull requests, want one", got)
		}
	})
}

// If forks are allowed, a fork provides the template and nothing else.
func TestAttack30AForkCannotChangeTheDeploymentFile(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.forks = true
		w.syncedStack(stackFiles("one"))
		var planned []string
		w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
			if isPreview(attempt) {
				planned = append(planned, read(t, attempt, "web.yaml")+read(t, attempt, "t.yaml"))
			}
			return proposeChangeSet(attempt)
		})

		evil := map[string]string{
			"web.yaml":   "template-file-path: t.yaml\nparameters: {Admin: evil}\n",
			"t.yaml":     "one",
			"other.yaml": "template-file-path: t.yaml\n",
		}
		w.openPullRequest(7, evil, fromFork)
		time.Sleep(10 * time.Minute)

		if body, _ := w.host.comment(7); body != "" || len(planned) != 0 {
			t.Errorf("a fork's deployment file is planned: %q", planned)
		}

		evil["t.yaml"] = "two"
		w.openPullRequest(7, evil, fromFork)
		body := w.waitForComment(7, "1 modified", "is from a fork", "| `Size` | *hidden* | *hidden* |")

		for _, text := range planned {
			if text != "template-file-path: t.yaml\ntwo" {
				t.Errorf("planned with %q", text)
			}
		}

		if len(planned) == 0 || strings.Contains(body, "`1`") {
			t.Errorf("planned %d times, comment:\n%s", len(planned), body)
		}

		w.waitUntilClean()
	})
}

func TestAttack30MessagesOfTheTargetAreHiddenForForks(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.forks = true
		w.syncedStack(stackFiles("one"))
		w.target.setSteps(func(target.Attempt) (target.Step, error) {
			return target.Step{
				End: &target.End{Outcome: lockstep.Failed, Reason: "Unable to get mapping for Map::canary-8675309."},
			}, nil
		})
		w.openPullRequest(7, stackFiles("two"), fromFork)
		if body := w.waitForComment(7, "planning failed"); strings.Contains(body, "canary") {
			t.Errorf("a template of a stranger brings a value to light:\n%s", body)
		}
	})
}

func TestAttack30DisallowingForksEndsTheirPreviews(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.forks = true
		w.syncedStack(stackFiles("one"))
		w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
			if isPreview(attempt) && len(attempt.Checkpoint) > 0 {
				return target.Step{ContinueAfter: time.Minute}, nil
			}
			return proposeChangeSet(attempt)
		})

		w.openPullRequest(7, stackFiles("two"), fromFork)
		w.waitUntil("something is proposed", func() bool { _, left := w.target.previews(); return left == 1 })
		w.stop()
		w.forks = false
		w.startWorkers()
		w.waitUntilClean()

		if body, _ := w.host.comment(7); body != "" {
			t.Errorf("a comment:\n%s", body)
		}
	})
}

func read(t *testing.T, a target.Attempt, name string) string {
	files, err := a.OpenTree(context.Background())
	if err != nil {
		t.Error(err)
		return ""
	}
	b, err := fs.ReadFile(files, name)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}
