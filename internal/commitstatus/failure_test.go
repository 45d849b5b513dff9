package commitstatus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestAnOutageOfAnHourDelaysNoSyncAndTheEndIsReportedOnce(t *testing.T) {
	enginetest.SkipIfShort(t)
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		statuses.FailWith(lockstep.Errorf(lockstep.Unavailable, "git.example.com answers 503."))
		var shas []lockstep.SHA
		shas = append(shas, w.Host.Push("main", map[string]string{"web.yaml": "0"}))
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		for i := range 4 {
			if i > 0 {
				shas = append(shas, w.Push(map[string]string{"web.yaml": fmt.Sprint(i)}))
			}

			began := time.Now()
			w.WaitForStatus(cfg, lockstep.ResourceSucceeded, shas[i])
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("a sync took %s", took)
			}

			time.Sleep(15 * time.Minute)
		}

		if report := w.StatusReport(shas[0]); report.Reason != "git.example.com answers 503." || report.DueAt.IsZero() {
			t.Errorf("the row says %+v", report)
		}

		if n := statuses.CallCount(); n < 12 || n > 25 {
			t.Errorf("%d calls within an hour", n)
		}

		statuses.FailWith(nil)
		w.WaitForReport(statuses, shas[3], "succeeded: 1 stack synced")
		time.Sleep(20 * time.Minute)
		var got []lockstep.SHA
		for _, one := range statuses.Accepted {
			if one.State != provider.CommitSucceeded {
				t.Errorf("%s is reported after its end", one.State)
			}
			got = append(got, one.SHA)
		}

		if diff := cmp.Diff(shas, got); diff != "" {
			t.Errorf("the commits are not reported in their order: %s", diff)
		}

		if report := w.StatusReport(shas[0]); report.Reason != "" {
			t.Errorf("the row still says %q", report.Reason)
		}

		statuses.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
		before := statuses.CallCount()
		w.Push(map[string]string{"web.yaml": "again"})
		w.WaitUntil("two more calls", func() bool { return statuses.CallCount() >= before+2 })

		if pause := statuses.Calls[before+1].Sub(statuses.Calls[before]); pause > 3*time.Second {
			t.Errorf("a new outage begins with a pause of %s", pause)
		}
	})
}

func TestAHostIsNotCalledForAsLongAsItAsks(t *testing.T) {
	enginetest.SkipIfShort(t)
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		statuses.FailWith(lockstep.Wrapf(lockstep.Unavailable, &provider.RetryAfterError{Wait: 20 * time.Minute},
			"Too many requests."))
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitUntil("the refusal", func() bool { return statuses.CallCount() == 1 })
		statuses.FailWith(nil)
		time.Sleep(time.Minute)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		time.Sleep(18 * time.Minute)

		if n := statuses.CallCount(); n != 1 {
			t.Errorf("%d calls while the host asked to be left alone", n)
		}

		w.WaitForReport(statuses, first, "succeeded: 1 stack synced")
		w.WaitForReport(statuses, second, "succeeded: 1 stack synced")
		if wait := statuses.Calls[1].Sub(statuses.Calls[0]); wait < 20*time.Minute-enginetest.StoredPrecision ||
			wait > 20*time.Minute+2*time.Second {
			t.Errorf("it was called again after %s", wait)
		}
	})
}

func TestAReportIsGivenUpAfterADayUntilSomethingChanges(t *testing.T) {
	enginetest.SkipIfShort(t)
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		statuses.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, sha)
		w.WaitUntil("it has been tried for some time", func() bool { return statuses.CallCount() == 5 })

		if w.StatusReport(sha).DueAt.IsZero() {
			t.Fatal("given up within a minute")
		}

		w.Update(func(tx *db.Tx) error { // a day later
			_, err := tx.Exec(`UPDATE status_report SET changed_at = $1`, db.Millis(tx.Now.Add(-24*time.Hour)))
			return err
		})
		w.WaitUntil("it is given up", func() bool { return w.StatusReport(sha).DueAt.IsZero() })
		if r := w.StatusReport(sha); r.Reason != "Away." || r.State != "" {
			t.Errorf("the row says %+v", r)
		}

		before := statuses.CallCount()
		time.Sleep(20 * time.Minute)
		if n := statuses.CallCount(); n != before {
			t.Errorf("%d calls after it was given up", n-before)
		}

		statuses.FailWith(nil)
		w.Retry(cfg)
		w.WaitForReport(statuses, sha, "succeeded: 1 stack synced")
	})
}

func TestARejectionIsKeptAndRetriedWhenSomethingChanges(t *testing.T) {
	enginetest.SkipIfShort(t)
	for _, kind := range []lockstep.Kind{lockstep.Denied, lockstep.Invalid, lockstep.NotFound, lockstep.Limit} {
		t.Run(kind.String(), func(t *testing.T) {
			enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
				statuses := w.ShowStatuses()
				statuses.FailWith(lockstep.Wrapf(kind, errors.New("behind it"), "The credential may not."))
				w.StepsTakeSeconds(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
				sha := w.CreateStacks(100)
				w.WaitUntil("all have ended", func() bool {
					return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'applied'`) == 100
				})
				time.Sleep(time.Hour)

				if n := statuses.CallCount(); n < 2 || n > 6 {
					t.Errorf("%d calls to a host that refuses", n)
				}

				expectIdleReport(t, w.StatusReport(sha), "", "The credential may not.")

				statuses.FailWith(nil)
				next := w.Push(map[string]string{"s000.yaml": "2"})
				w.WaitUntil("the next commit is reported", func() bool {
					return len(w.ReportedStatuses(statuses, next)) > 0
				})
			})
		})
	}
}

func TestAHostWithoutCommitStatusesIsNotCalled(t *testing.T) {
	enginetest.SkipIfShort(t)
	t.Run("a kind of host", func(t *testing.T) {
		enginetest.InBubble(t, func(w *enginetest.World) {
			sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
			w.WaitForStatus(w.CreateConfiguration("web", enginetest.PublishStatus), lockstep.ResourceSucceeded, sha)
			time.Sleep(time.Minute)

			expectIdleReport(t, w.StatusReport(sha), "", "")
		})
	})
	t.Run("this host", func(t *testing.T) {
		enginetest.InBubble(t, func(w *enginetest.World) {
			statuses := w.ShowStatuses()
			statuses.FailWith(fmt.Errorf("report: %w",
				lockstep.Wrapf(lockstep.Unavailable, provider.ErrUnsupported, "It has no API.")))
			w.StepsTakeSeconds(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
			sha := w.CreateStacks(100)
			w.WaitUntil("all have ended", func() bool {
				return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'applied'`) == 100
			})
			time.Sleep(20 * time.Minute)

			expectIdleReport(t, w.StatusReport(sha), "", "")
			if calls := statuses.CallCount(); calls > 6 {
				t.Errorf("got %d calls, want at most 6", calls)
			}
		})
	})
}

func TestADriverThatPanicsFailsOnlyThatReport(t *testing.T) {
	enginetest.SkipIfShort(t)
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		tries := 0
		statuses.SetAnswer(func(_ context.Context, s provider.CommitStatus) error {
			if s.SHA == first {
				tries++
				panic("bug")
			}
			return nil
		})

		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, second)
		w.WaitForReport(statuses, second, "succeeded: 1 stack synced")
		time.Sleep(time.Hour)

		report := w.StatusReport(first)
		if report.Reason != "Internal error." {
			t.Errorf("got reason %q, want %q", report.Reason, "Internal error.")
		}
		if !report.DueAt.IsZero() {
			t.Errorf("the report is due at %s, want never", report.DueAt)
		}
		if tries != 5 {
			t.Errorf("got %d tries, want 5", tries)
		}
	})
}

func TestADriverThatDoesNotAnswerTimesOut(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		statuses.SetAnswer(func(ctx context.Context, _ provider.CommitStatus) error { <-ctx.Done(); return ctx.Err() })
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForStatus(cfg, lockstep.ResourceSucceeded, sha)
		w.WaitUntil("the reason", func() bool {
			return w.StatusReport(sha).Reason == "The Git host took longer than 30s to answer."
		})
		statuses.SetAnswer(nil)
		w.WaitForReport(statuses, sha, "succeeded: 1 stack synced")
	})
}

// A status that a worker reported but could not record, because it lost the lease on the
// stream, is reported again, and no older one after it.
func TestAStatusThatWasNotRecordedIsReportedAgain(t *testing.T) {
	ends := map[string]error{
		"taken":      nil,
		"away":       lockstep.Errorf(lockstep.Unavailable, "Away."),
		"refused":    lockstep.Errorf(lockstep.Denied, "No."),
		"no ability": provider.ErrUnsupported,
		"bug":        errors.New("bug"),
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			enginetest.InSQLiteBubble(t, func(w *enginetest.World) { replacedReporter(w, end) })
		})
	}
}

func replacedReporter(w *enginetest.World, end error) {
	statuses := w.ShowStatuses()
	late, calls := make(chan struct{}), 0
	statuses.SetAnswer(func(context.Context, provider.CommitStatus) error {
		if calls++; calls == 1 {
			<-late
			return end
		}
		return nil
	})

	sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
	cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
	w.WaitForStatus(cfg, lockstep.ResourceSucceeded, sha)
	w.WaitUntil("the call", func() bool { return statuses.CallCount() == 1 })
	before := w.StatusReport(sha)
	w.AcquireReportStreamLeases()
	close(late)
	time.Sleep(10 * time.Second)

	if diff := cmp.Diff(before, w.StatusReport(sha)); diff != "" {
		w.T.Errorf("a replaced worker wrote: %s", diff)
	}

	statuses.Mu.Lock()
	statuses.Violations = nil // the driver's memory was lost, which is what this is about
	statuses.Mu.Unlock()
	w.Sweep()
	w.WaitUntil("it is reported", func() bool { return w.StatusReport(sha).State == "succeeded" })
	list := w.ReportedStatuses(statuses, sha)
	want := []string{"succeeded: 1 stack synced"}
	if end == nil {
		want = append(want, want[0])
	}

	if diff := cmp.Diff(want, list); diff != "" {
		w.T.Error(diff)
	}

	statuses.Mu.Lock()
	defer statuses.Mu.Unlock()

	statuses.Violations = nil
}

func TestACallCutShortByAStopIsRepeated(t *testing.T) {
	enginetest.InSQLiteBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		statuses.SetAnswer(func(ctx context.Context, _ provider.CommitStatus) error { <-ctx.Done(); return ctx.Err() })
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitUntil("the call", func() bool { return statuses.CallCount() == 1 })
		hurry, cancel := context.WithCancel(context.Background())
		cancel()
		w.Must(w.Queue.Stop(hurry))

		if r := w.StatusReport(sha); r.Reason != "" || r.DueAt.IsZero() {
			t.Errorf("the stop was taken for an answer: %+v", r)
		}

		statuses.SetAnswer(nil)
		w.Start()
		w.WaitForReport(statuses, sha, "succeeded: 1 stack synced")

		if list := w.ReportedStatuses(statuses, sha); len(list) != 1 {
			t.Errorf("reported: %s", list)
		}
	})
}

func TestAReportWithoutAJobIsFoundWithinAMinute(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		statuses.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitUntil("a call", func() bool { return statuses.CallCount() == 3 })
		w.DeleteJobs()
		statuses.FailWith(nil)
		w.Sweep()
		began := time.Now()
		w.WaitForReport(statuses, sha, "succeeded: 1 stack synced")

		if took := time.Since(began); took > 65*time.Second {
			t.Errorf("it was found after %s", took)
		}
	})
}

func TestADeletedLinkIsNotReported(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
			return target.Step{Checkpoint: []byte("x"), ContinueAfter: time.Hour}, nil
		})
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web := w.CreateConfiguration("web", enginetest.PublishStatus)
		api := w.CreateConfiguration("api", enginetest.PublishStatus)
		w.WaitForReport(statuses, sha, "running: 2 stacks to sync")
		w.DeleteConfiguration(web)
		w.WaitForReport(statuses, sha, "running: 1 stack to sync")
		statuses.FailWith(lockstep.Errorf(lockstep.Unavailable, "Away."))
		w.DeleteConfiguration(api)
		w.WaitUntil("it is tried", func() bool { return w.StatusReport(sha).Reason == "Away." })
		w.Update(func(tx *db.Tx) error { return store.DeleteLink(tx, w.Link.Account, w.Link.Region, w.Link.ID) })

		if n := w.Count(`SELECT count(*) FROM status_report`) + w.Count(`SELECT count(*) FROM report_stream`); n != 0 {
			t.Errorf("%d rows are left", n)
		}

		w.WaitUntil("the job ends", func() bool {
			return w.Count(`SELECT count(*) FROM river_job WHERE kind = 'status_report' AND state <> 'completed'`) == 0
		})
	})
}

func TestACommitWhoseStacksAreAllDeletedIsClosed(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.Target.SetSteps(func(target.Attempt) (target.Step, error) {
			return target.Step{Checkpoint: []byte("x"), ContinueAfter: time.Hour}, nil
		})
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForReport(statuses, sha, "running: 1 stack to sync")
		w.DeleteConfiguration(cfg)
		w.WaitForReport(statuses, sha, "failed: No stack reports this commit any more")
	})
}

// A stack whose role moves to another account has its next status there, and the
// old environment is not left open.
func TestAStackThatMovesClosesItsOldStatus(t *testing.T) {
	enginetest.SkipIfShort(t)
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForReport(statuses, sha, "running: 1 stack to sync")
		w.UpdateConfiguration(&cfg, func(c *lockstep.SyncConfiguration) {
			c.RoleARN = "arn:aws:iam::999999999999:role/sync"
		})
		w.WaitForReport(statuses, sha, "failed: No stack reports this commit any more")
		w.WaitUntil("the new environment", func() bool {
			statuses.Mu.Lock()
			defer statuses.Mu.Unlock()
			return len(statuses.AcceptedOf(sha, "999999999999/us-east-1")) > 0
		})
	})
}

func TestAttack18ASummaryIsALineOfWhatTheOwnerMayReadAnyway(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		const canary = "hunter2-canary"
		w.Credential = lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary}
		statuses := w.ShowStatuses()
		w.StepsFail(lockstep.Wrapf(lockstep.Invalid, errors.New("password "+canary), "Line 3:\r\n\u202e%s",
			strings.Repeat("ü", 200)))
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForStatus(cfg, lockstep.ResourceFailed, first)
		w.WaitUntil("it is reported", func() bool { return w.StatusReport(first).State == "failed" })
		statuses.FailWith(lockstep.Wrapf(lockstep.Denied, errors.New("token "+canary), "The credential is refused."))
		w.StepsFail(errors.New("bug " + canary))
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitUntil("the refusal", func() bool { return w.StatusReport(second).Reason == "The credential is refused." })
		statuses.FailWith(nil)
		w.Retry(cfg)
		w.WaitForReport(statuses, second, "failed: 1 of 1 stack failed: web: Internal error.")

		for _, one := range statuses.Accepted {
			if all := fmt.Sprintf("%+v", one); strings.Contains(all, canary) || len(one.Summary) > 140 ||
				strings.ContainsAny(one.Summary, "\r\n\u202e") {
				t.Errorf("reported: %s", all)
			}
		}

		for _, sha := range []lockstep.SHA{first, second} {
			if all := fmt.Sprintf("%+v", w.StatusReport(sha)); strings.Contains(all, canary) {
				t.Errorf("kept: %s", all)
			}
		}
	})
}
