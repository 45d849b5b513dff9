package preview_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestACommentIsCreatedOnceAndThenEdited(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		attempts := w.Count(`SELECT count(*) FROM resource_sync_attempt`)
		events := w.Count(`SELECT count(*) FROM sync_event`)
		head := w.openPullRequest(7, stackFiles("two"))
		w.waitForComment(7, head.Short(), "1 modified", "`Size` | `1` | `2`")
		w.waitUntilClean()
		next := w.openPullRequest(7, stackFiles("three"))
		w.waitForComment(7, next.Short(), "1 modified")
		w.waitUntilClean()
		time.Sleep(10 * time.Minute)
		_, puts := w.host.comment(7)
		if ids, _ := w.target.previews(); puts != 2 || len(ids) != 2 {
			t.Errorf("%d edits, previews %v", puts, ids)
		}

		if len(w.target.executed) != 0 {
			t.Errorf("a preview executes %v", w.target.executed)
		}
		if got := w.Count(`SELECT count(*) FROM resource_sync_attempt`); got != attempts {
			t.Errorf("got %d attempts, want %d", got, attempts)
		}
		if got := w.Count(`SELECT count(*) FROM sync_event`); got != events {
			t.Errorf("got %d sync events, want %d", got, events)
		}
		if got := w.Count(`SELECT count(*) FROM sync_blocker`); got != 0 {
			t.Errorf("got %d blockers, want none", got)
		}
	})
}

func TestACommentHasWhatItsHostRenders(t *testing.T) {
	for html, want := range map[bool]string{
		true:  "<details><summary><code>web</code>: 1 modified",
		false: "#### `web`: 1 modified",
	} {
		runInSQLiteBubble(t, func(w *world) {
			w.host.html = html
			w.syncedStack(stackFiles("one"))
			w.openPullRequest(7, stackFiles("two"))
			body := w.waitForComment(7, want)
			if html != strings.Contains(body, "<!--") {
				t.Errorf("HTML %t: the comment is\n%s", html, body)
			}
		})
	}
}

func TestAPullRequestThatAffectsNothingGetsNoComment(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		same := stackFiles("one")
		same["readme.md"] = "more"
		w.openPullRequest(7, same)
		time.Sleep(10 * time.Minute)
		ids, _ := w.target.previews()
		if body, _ := w.host.comment(7); body != "" || len(ids) != 0 {
			t.Errorf("previews %v, comment %q", ids, body)
		}

		w.openPullRequest(7, stackFiles("two"))
		w.waitForComment(7, "1 modified")
		w.openPullRequest(7, same)
		w.waitForComment(7, "No stack changes.")
	})
}

func TestAConfigurationWithoutCommentsIsNotPreviewed(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.startWorkers()
		w.host.update(func() { w.host.heads["main"] = "" })
		w.createConfiguration("web", func(c *lockstep.SyncConfiguration) { c.PullRequestComment = "DISABLED" })
		w.push(stackFiles("one"))
		w.openPullRequest(7, stackFiles("two"))
		time.Sleep(20 * time.Minute)
		if w.host.listed != 0 {
			t.Errorf("pull requests were listed %d times", w.host.listed)
		}
	})
}

func TestAnUnchangedHeadIsNotPlannedAgain(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		w.openPullRequest(7, stackFiles("two"))
		w.waitForComment(7, "1 modified")
		time.Sleep(15 * time.Minute)

		if ids, _ := w.target.previews(); len(ids) != 1 || w.host.listed < 5 {
			t.Errorf("previews %v after %d looks", ids, w.host.listed)
		}

		again := stackFiles("two")
		again["readme.md"] = "more"
		head := w.openPullRequest(7, again)
		w.waitForComment(7, head.Short())

		if ids, _ := w.target.previews(); len(ids) != 1 {
			t.Errorf("a head of the same files is planned again: %v", ids)
		}
	})
}

func TestAMovedBaseReplacesPreviews(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		w.openPullRequest(7, stackFiles("two"))
		w.waitForComment(7, "1 modified")
		w.waitForSync(w.push(stackFiles("base")))
		w.waitUntil("another preview", func() bool {
			ids, left := w.target.previews()
			return len(ids) > 1 && left == 0
		})
		w.waitForSync(w.push(stackFiles("two")))
		w.waitForComment(7, "No stack changes.")
		w.waitUntilClean()

		if len(w.target.clashes) != 0 {
			t.Errorf("at once for one resource: %v", w.target.clashes)
		}
	})
}

func TestAPreviewWaitsForTheAttemptOfItsResource(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		over := false
		w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
			if !isPreview(attempt) && attempt.Intent != "" && !over {
				return target.Step{ContinueAfter: time.Second}, nil
			}
			return proposeChangeSet(attempt)
		})

		sha := w.push(stackFiles("slow"))
		w.waitUntil("an attempt executes", func() bool {
			return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE intent <> '' AND ended_at IS NULL`) == 1
		})
		w.openPullRequest(7, stackFiles("two"))
		body := w.waitForComment(7, "planning in progress")
		if ids, _ := w.target.previews(); len(ids) != 0 {
			t.Errorf("previews %v during an attempt:\n%s", ids, body)
		}

		w.target.setSteps(proposeChangeSet)
		w.waitForSync(sha)
		w.waitForComment(7, "1 modified")
		w.waitUntilClean()
	})
}

func TestAnAttemptDoesNotWaitForAPreviewWhichIsReplaced(t *testing.T) {
	runInBubble(t, func(w *world) {
		cfg := w.syncedStack(stackFiles("one"))
		w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
			if isPreview(attempt) && len(attempt.Checkpoint) > 0 {
				return target.Step{ContinueAfter: time.Second}, nil
			}
			return proposeChangeSet(attempt)
		})

		w.openPullRequest(7, stackFiles("two"))
		w.waitUntil("a preview has proposed something", func() bool {
			_, left := w.target.previews()
			return left == 1
		})
		began := time.Now()
		w.Update(func(tx *db.Tx) error { return w.engine.Retry(tx, cfg) })
		w.waitUntil("synced again", func() bool {
			return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE status = 'SUCCEEDED'`) == 2
		})

		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the sync took %s", took)
		}

		w.waitUntil("another preview", func() bool { ids, _ := w.target.previews(); return len(ids) == 2 })
		if took := time.Since(began); took > time.Minute {
			t.Errorf("another preview after %s: the listing created it", took)
		}

		w.target.setSteps(proposeChangeSet)
		w.waitForComment(7, "1 modified")
		w.waitUntilClean()
	})
}

func TestACrashInTheMiddleLeavesNothingBehind(t *testing.T) {
	runInBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		hang := make(chan struct{})
		w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
			if len(attempt.Checkpoint) > 0 {
				<-hang
				return target.Step{}, errors.New("the process is gone")
			}
			return proposeChangeSet(attempt)
		})

		w.openPullRequest(7, stackFiles("two"))
		w.waitUntil("a step is under way", func() bool {
			w.target.mu.Lock()
			defer w.target.mu.Unlock()
			return len(w.target.previewAttempts) == 2
		})

		go func() { time.Sleep(time.Second); close(hang) }()
		w.stop()
		w.host.close(7)
		w.target.setSteps(proposeChangeSet)
		w.startWorkers()
		w.waitUntilClean()
		w.waitUntil("no row is left", func() bool {
			return w.Count(`SELECT count(*) FROM pull_request`)+w.Count(`SELECT count(*) FROM preview`) == 0
		})
	})
}

func TestPreviewsOfDeletedObjectsAreRemoved(t *testing.T) {
	gone := map[string]func(w *world, cfg lockstep.SyncConfiguration){
		"the pull request": func(w *world, _ lockstep.SyncConfiguration) { w.host.close(7) },
		"the wish": func(w *world, cfg lockstep.SyncConfiguration) {
			cfg.PullRequestComment = "DISABLED"
			w.Update(func(tx *db.Tx) error { return store.UpdateConfiguration(tx, &cfg) })
		},
		"the configuration": func(w *world, cfg lockstep.SyncConfiguration) {
			w.Update(func(tx *db.Tx) error {
				return errors.Join(w.engine.DetachConfiguration(tx, cfg), store.DeleteConfiguration(tx, cfg.ID))
			})
		},
		"the link": func(w *world, cfg lockstep.SyncConfiguration) {
			w.Update(func(tx *db.Tx) error {
				if err := errors.Join(w.engine.DetachConfiguration(tx, cfg),
					store.DeleteConfiguration(tx, cfg.ID)); err != nil {
					return err
				}

				_, err := tx.Exec(`DELETE FROM repository_link WHERE id = $1`, w.link.ID)
				return err
			})
		},
	}
	for name, goes := range gone {
		t.Run(name, func(t *testing.T) {
			runInSQLiteBubble(t, func(w *world) {
				cfg := w.syncedStack(stackFiles("one"))
				w.target.setSteps(func(attempt target.Attempt) (target.Step, error) {
					if isPreview(attempt) && len(attempt.Checkpoint) > 0 {
						return target.Step{ContinueAfter: time.Minute}, nil
					}
					return proposeChangeSet(attempt)
				})

				w.openPullRequest(7, stackFiles("two"))
				w.waitUntil("something is proposed", func() bool { _, left := w.target.previews(); return left == 1 })
				goes(w, cfg)
				w.waitUntilClean()
				w.waitUntil("no pull request is kept", func() bool {
					return w.Count(`SELECT count(*) FROM pull_request`) == 0
				})
			})
		})
	}
}

func TestProblemsAreReportedWithoutABlocker(t *testing.T) {
	for name, test := range map[string]struct {
		step target.Step
		err  error
		want string
	}{
		"refused": {
			step: target.Step{End: &target.End{Outcome: lockstep.Failed, Reason: "Template error: no Topic."}},
			want: "planning failed: `Template error: no Topic.`",
		},
		"blocked": {err: lockstep.Errorf(lockstep.Blocked,
			"The stack was changed by hand."), want: "sync would be blocked: `The stack was changed by hand.`"},
		"blocked end": {
			step: target.Step{End: &target.End{
				Outcome: lockstep.Failed,
				Blocked: lockstep.Errorf(lockstep.Blocked, "Mend it."),
			}},
			want: "sync would be blocked: `Mend it.`",
		},
		"denied": {err: lockstep.Errorf(lockstep.Denied,
			"The role cannot be assumed."), want: "planning failed: `The role cannot be assumed.`"},
		"away":    {err: lockstep.Errorf(lockstep.Unavailable, "Not now."), want: "planning failed: `Not now.`"},
		"ours":    {err: errors.New("a bug of ours"), want: "planning failed: `Internal error.`"},
		"nothing": {step: target.Step{End: &target.End{Outcome: lockstep.Unchanged}}, want: "| no changes |"},
	} {
		t.Run(name, func(t *testing.T) {
			runInSQLiteBubble(t, func(w *world) {
				w.syncedStack(stackFiles("one"))
				w.target.setSteps(func(target.Attempt) (target.Step, error) { return test.step, test.err })
				w.openPullRequest(7, stackFiles("two"))
				w.waitForComment(7, test.want)
				w.waitUntilClean()

				if w.Count(`SELECT count(*) FROM sync_blocker`) != 0 {
					t.Error("a preview makes a blocker")
				}
			})
		})
	}
}

func TestARemovalIsRetriedUntilItSucceeds(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		tries := 0
		w.target.discard = func(target.Attempt) error {
			if tries++; tries < 6 {
				return lockstep.Errorf(lockstep.Unavailable, "Not now.")
			}
			return nil
		}

		w.openPullRequest(7, stackFiles("two"))
		w.waitForComment(7, "1 modified")
		w.waitUntilClean()

		if tries != 6 {
			t.Errorf("%d tries", tries)
		}
	})
}

func TestAnUnavailableHostIsRetriedAfterItsDelay(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.syncedStack(stackFiles("one"))
		w.host.update(func() {
			w.host.failure = lockstep.Wrapf(lockstep.Unavailable, &provider.RetryAfterError{Wait: 20 * time.Minute},
				"Too many requests.")
		})
		w.openPullRequest(7, stackFiles("two"))
		time.Sleep(10 * time.Second)
		w.host.update(func() { w.host.listed = 0 })
		time.Sleep(19 * time.Minute)

		if w.host.listed != 0 {
			t.Errorf("asked %d times", w.host.listed)
		}

		w.host.update(func() { w.host.failure = nil })
		w.waitForComment(7, "1 modified")
	})
}

func TestAHostWithoutPullRequestsIsNotPolled(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.host.hasNoComments = true
		w.syncedStack(stackFiles("one"))
		w.openPullRequest(7, stackFiles("two"))
		time.Sleep(10 * time.Minute)
		if ids, _ := w.target.previews(); len(ids) != 0 ||
			w.Count(`SELECT count(*) FROM river_job WHERE kind = 'pull_requests' AND state <> 'completed'`) > 1 {
			t.Errorf("previews %v", ids)
		}
		w.waitForSync(w.push(stackFiles("next")))
	})
}

func TestAllStacksOfAPullRequestAreInOneComment(t *testing.T) {
	runInSQLiteBubble(t, func(w *world) {
		w.startWorkers()
		all := stackFiles("one")
		for _, name := range []string{"a", "b", "c"} {
			all[name+".yaml"] = "one"
		}

		sha := w.host.commit(all)
		w.host.update(func() { w.host.heads["main"] = sha })
		var last lockstep.SyncConfiguration
		for _, name := range []string{"a", "b", "c"} {
			last = w.createConfiguration(name)
		}

		w.waitForSync(sha)
		all["t.yaml"] = "two"
		w.openPullRequest(7, all)
		body := w.waitForComment(7, "`a`", "`b`", "`c`")
		if _, puts := w.host.comment(7); puts != 1 || strings.Contains(body, "planning in progress") {
			t.Errorf("%d edits:\n%s", puts, body)
		}

		w.waitUntilClean()
		last.PullRequestComment = "DISABLED"
		w.Update(func(tx *db.Tx) error { return store.UpdateConfiguration(tx, &last) })
		w.waitUntil("the stack that does not ask any more is gone from it", func() bool {
			body, _ := w.host.comment(7)
			return strings.Contains(body, "`b`") && !strings.Contains(body, "`c`")
		})
		w.waitUntilClean()
	})
}
