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

func TestAttack30APullRequestFromAForkIsLeftAlone(t *testing.T) {
	inBubble(t, func(w *world) {
		w.settled(files("one"))
		w.propose(7, files("two"), fork)
		w.propose(8, files("two"))
		w.untilComment(8, "1 modified")
		time.Sleep(10 * time.Minute)
		ids, _ := w.target.previews()
		if body, _ := w.host.comment(7); body != "" || len(ids) != 1 || w.count(`SELECT count(*) FROM pull_request`) != 1 {
			t.Errorf("previews %v, comment %q", ids, body)
		}
	})
}

// With permission a fork says what the template is, and nothing else.
func TestAttack30AForkCannotBringADeploymentFileOfItsOwn(t *testing.T) {
	inBubble(t, func(w *world) {
		w.forks = true
		w.settled(files("one"))
		var planned []string
		w.target.script(func(attempt target.Attempt) (target.Step, error) {
			if isPreview(attempt) {
				planned = append(planned, read(t, attempt, "web.yaml")+read(t, attempt, "t.yaml"))
			}
			return proposes(attempt)
		})

		evil := map[string]string{"web.yaml": "template-file-path: t.yaml\nparameters: {Admin: evil}\n", "t.yaml": "one", "other.yaml": "template-file-path: t.yaml\n"}
		w.propose(7, evil, fork)
		time.Sleep(10 * time.Minute)

		if body, _ := w.host.comment(7); body != "" || len(planned) != 0 {
			t.Errorf("a fork's deployment file is planned: %q", planned)
		}

		evil["t.yaml"] = "two"
		w.propose(7, evil, fork)
		body := w.untilComment(7, "1 modified", "is from a fork", "| `Size` | *hidden* | *hidden* |")

		for _, text := range planned {
			if text != "template-file-path: t.yaml\ntwo" {
				t.Errorf("planned with %q", text)
			}
		}

		if len(planned) == 0 || strings.Contains(body, "`1`") {
			t.Errorf("planned %d times, comment:\n%s", len(planned), body)
		}

		w.untilClean()
	})
}

func TestAttack30WhatTheTargetSaysOfAForkIsNotShown(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.forks = true
		w.settled(files("one"))
		w.target.script(func(target.Attempt) (target.Step, error) {
			return target.Step{End: &target.End{Outcome: lockstep.Failed, Reason: "Unable to get mapping for Map::canary-8675309."}}, nil
		})
		w.propose(7, files("two"), fork)
		if body := w.untilComment(7, "planning failed"); strings.Contains(body, "canary") {
			t.Errorf("a template of a stranger brings a value to light:\n%s", body)
		}
	})
}

func TestAttack30APermissionThatIsWithdrawnEndsPreviewsUnderWay(t *testing.T) {
	inSQLite(t, func(w *world) {
		w.forks = true
		w.settled(files("one"))
		w.target.script(func(attempt target.Attempt) (target.Step, error) {
			if isPreview(attempt) && len(attempt.Checkpoint) > 0 {
				return target.Step{ContinueAfter: time.Minute}, nil
			}
			return proposes(attempt)
		})

		w.propose(7, files("two"), fork)
		w.until("something is proposed", func() bool { _, left := w.target.previews(); return left == 1 })
		w.stop()
		w.forks = false
		w.start()
		w.untilClean()

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
