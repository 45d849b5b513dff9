package commitstatus_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestACommitIsReportedFromItsBeginningToItsEnd(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForReport(statuses, sha, "running: 1 stack to sync")
		close(finish)
		w.WaitForReport(statuses, sha, "succeeded: 1 stack synced")
		time.Sleep(25 * time.Minute)

		if n := statuses.CallCount(); n > 3 {
			t.Errorf("%d calls for one stack", n)
		}

		want := provider.CommitStatus{
			SHA:         sha,
			Branch:      "main",
			Environment: enginetest.Environment,
			State:       provider.CommitSucceeded,
			Summary:     "1 stack synced",
			URL:         "https://lockstep.example/link/" + string(sha) + "/" + enginetest.Environment,
		}
		if diff := cmp.Diff(want, statuses.Accepted[len(statuses.Accepted)-1]); diff != "" {
			t.Error(diff)
		}

		report := w.StatusReport(sha)
		expectIdleReport(t, report, "succeeded", "")
		if report.SeenSeq != report.ChangeSeq {
			t.Errorf("got the changes up to %d reported, want %d", report.SeenSeq, report.ChangeSeq)
		}
	})
}

// expectIdleReport reports an error unless the report has the state and the reason and
// is not due.
func expectIdleReport(t *testing.T, report syncstate.EnvironmentReport, state, reason string) {
	t.Helper()
	if string(report.State) != state {
		t.Errorf("state of the report: got %q, want %q", report.State, state)
	}
	if report.Reason != reason {
		t.Errorf("reason of the report: got %q, want %q", report.Reason, reason)
	}
	if !report.DueAt.IsZero() {
		t.Errorf("the report is due at %s, want never", report.DueAt)
	}
}

func TestACommitThatWaitsForAnotherIsPending(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForReport(statuses, first, "running: 1 stack to sync")
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForReport(statuses, second, "pending: 1 stack to sync")
		time.Sleep(time.Minute)
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if a.Revision.SHA == first {
				return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
			}
			return target.Step{ContinueAfter: time.Second}, nil
		})

		close(finish)
		began := time.Now()
		w.WaitForReport(statuses, first, "succeeded: 1 stack synced")
		w.WaitForReport(statuses, second, "running: 1 stack to sync")

		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the running state was reported after %s", took)
		}
	})
}

func TestACommitOfFourHundredStacksTakesAFewCalls(t *testing.T) {
	enginetest.SkipIfShort(t)
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.StepsTakeSeconds(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
		sha := w.CreateStacks(400)
		w.WaitForReport(statuses, sha, "succeeded: 400 stacks synced")
		time.Sleep(time.Minute)
		list := w.ReportedStatuses(statuses, sha)
		if n := statuses.CallCount(); n > 10 || n != len(list) {
			t.Errorf("%d calls, of which %d were for the commit", n, len(list))
		}

		for i, at := range statuses.Calls[1:] {
			if last := i+1 == len(statuses.Calls)-1; !last &&
				at.Sub(statuses.Calls[i]) < 30*time.Second-10*time.Millisecond &&
				statuses.Accepted[i].State == statuses.Accepted[i+1].State {
				t.Errorf("progress after %s", at.Sub(statuses.Calls[i]))
			}
		}
	})
}

func TestAFailureIsReportedAtOnceAndARetryReplacesIt(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.StepsTakeSeconds(func(name string) *target.End {
			if name == "s003" || name == "s001" {
				return &target.End{Outcome: lockstep.Failed}
			}
			return &target.End{Outcome: lockstep.Applied}
		})

		began := time.Now()
		sha := w.CreateStacks(6)
		w.WaitForReport(statuses, sha, "failed: 1 of 6 stacks failed: s001: The end of s001.")

		if took := time.Since(began); took > 100*time.Second {
			t.Errorf("it was reported after %s", took)
		}

		w.WaitForReport(statuses, sha, "failed: 2 of 6 stacks failed: s001: The end of s001.")
		w.WaitUntil("all have ended", func() bool { return w.StatusReport(sha).DueAt.IsZero() })
		finish := w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})

		for _, name := range []string{"s001", "s003"} {
			w.Must(w.DB.Update(context.Background(), func(tx *db.Tx) error {
				cfg, err := store.Configuration(tx, w.Link.Account, w.Link.Region, "TEST_SYNC", name)
				if err != nil {
					return err
				}
				return w.Engine.Retry(tx, cfg)
			}))
		}

		w.WaitForReport(statuses, sha, "running: 4 of 6 stacks synced")
		close(finish)
		w.WaitForReport(statuses, sha, "succeeded: 6 stacks synced")

		if n := statuses.CallCount(); n > 8 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestAnEnvironmentIsAnAccountAndARegion(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		sha := w.Host.Push("main", map[string]string{
			"web.yaml": "1",
			"api.yaml": "1",
			"own.yaml": "1",
			"off.yaml": "1",
		})
		away := func(c *lockstep.SyncConfiguration) { c.RoleARN = "arn:aws:iam::999999999999:role/sync" }
		w.CreateConfiguration("web", enginetest.PublishStatus, away)
		w.CreateConfiguration("api", enginetest.PublishStatus, away)
		w.CreateConfiguration("own", enginetest.PublishStatus)
		w.CreateConfiguration("off", away)
		end := func(environment string) string {
			statuses.Mu.Lock()
			defer statuses.Mu.Unlock()

			if list := statuses.AcceptedOf(sha, environment); len(list) > 0 {
				return list[len(list)-1].Summary
			}

			return ""
		}
		w.WaitUntil("both are reported", func() bool {
			return end(enginetest.Environment) == "1 stack synced" && end("999999999999/us-east-1") == "2 stacks synced"
		})

		for _, one := range statuses.Accepted {
			if one.Environment != enginetest.Environment && one.Environment != "999999999999/us-east-1" {
				t.Errorf("an environment %s", one.Environment)
			}
		}
	})
}

func TestAConfigurationThatDoesNotPublishIsNotReported(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		sha := w.Host.Push("main", map[string]string{"unset.yaml": "1", "off.yaml": "1", "on.yaml": "1"})
		unset := w.CreateConfiguration("unset")
		off := w.CreateConfiguration("off", func(c *lockstep.SyncConfiguration) {
			c.PublishDeploymentStatus = "DISABLED"
		})
		w.WaitForStatus(unset, lockstep.ResourceSucceeded, sha)
		w.WaitForStatus(off, lockstep.ResourceSucceeded, sha)
		time.Sleep(time.Minute)

		if count := statuses.CallCount() + w.Count(`SELECT count(*) FROM status_report`); count != 0 {
			t.Fatalf("%d calls and reports", count)
		}

		on := w.CreateConfiguration("on", enginetest.PublishStatus)
		w.WaitForReport(statuses, sha, "succeeded: 1 stack synced")
		last := w.CreateConfiguration("last")
		sha = w.Push(map[string]string{"unset.yaml": "2", "off.yaml": "2", "on.yaml": "2", "last.yaml": "2"})
		w.WaitForStatus(last, lockstep.ResourceSucceeded, sha)
		w.WaitForReport(statuses, sha, "succeeded: 1 stack synced")
		before := statuses.CallCount()
		w.UpdateConfiguration(&on, func(c *lockstep.SyncConfiguration) { c.PublishDeploymentStatus = "DISABLED" })
		time.Sleep(15 * time.Second)
		sha = w.Push(map[string]string{"unset.yaml": "3", "off.yaml": "3", "on.yaml": "3"})
		w.WaitForStatus(on, lockstep.ResourceSucceeded, sha)
		time.Sleep(time.Minute)

		if count := statuses.CallCount(); count != before {
			t.Errorf("%d calls after the switch was turned off", count-before)
		}
	})
}

func TestDisablingPublicationClosesTheStatus(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.StepsExecuteUntil(target.End{Outcome: lockstep.Applied})
		sha := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		web := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForReport(statuses, sha, "running: 1 stack to sync")
		w.UpdateConfiguration(&web, func(c *lockstep.SyncConfiguration) { c.PublishDeploymentStatus = "DISABLED" })
		w.WaitForReport(statuses, sha, "failed: No stack reports this commit any more")
	})
}

func TestASupersededCommitEndsAndSaysSo(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.Target.SetSteps(func(a target.Attempt) (target.Step, error) {
			if a.Configuration.ResourceName == "api" {
				return target.Step{End: &target.End{Outcome: lockstep.Unchanged}}, nil
			}
			return target.Step{Checkpoint: []byte("x"), ContinueAfter: time.Hour}, nil
		})

		first := w.Host.Push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		w.CreateConfiguration("web", enginetest.PublishStatus)
		w.CreateConfiguration("api", enginetest.PublishStatus)
		w.WaitForReport(statuses, first, "running: 1 of 2 stacks synced")
		second := w.Push(map[string]string{"web.yaml": "2", "api.yaml": "1"})
		w.WaitForReport(statuses, first, "succeeded: 1 of 2 stacks synced, 1 superseded by another commit")
		w.WaitForReport(statuses, second, "running: 1 stack to sync")
		w.StepsSucceed()
		third := w.Push(map[string]string{"web.yaml": "3", "api.yaml": "1"})
		w.WaitForReport(statuses, second, "failed: 1 stack superseded by another commit")
		w.WaitForReport(statuses, third, "succeeded: 1 stack synced")
		time.Sleep(15 * time.Minute)

		last := w.ReportedStatuses(statuses, second)
		if last[len(last)-1] != "failed: 1 stack superseded by another commit" {
			t.Errorf("and then %s", last)
		}
	})
}

func TestACommitThatMeetsABlockerHasFailedWithItsReason(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		w.StepsFail(lockstep.Errorf(lockstep.Blocked, "The stack is\n\tbroken\x1b[31m."))
		first := w.Host.Push("main", map[string]string{"web.yaml": "1"})
		cfg := w.CreateConfiguration("web", enginetest.PublishStatus)
		w.WaitForReport(statuses, first, "failed: 1 of 1 stack failed: web: The stack is broken[31m.")
		second := w.Push(map[string]string{"web.yaml": "2"})
		w.WaitForReport(statuses, second, "failed: 1 of 1 stack failed: web: The stack is broken[31m.")
		w.StepsSucceed()
		w.Retry(cfg)
		w.WaitForReport(statuses, second, "succeeded: 1 stack synced")

		if h := w.RevisionStatus(cfg, first); h.State != "LATER_SUCCEEDED" {
			t.Errorf("the first commit is %s", h.State)
		}

		if list := w.ReportedStatuses(statuses, first); len(list) > 3 {
			t.Errorf("the first commit was reported as %s", list)
		}
	})
}

// In whatever order things happen, the states of a commit come in order, and the
// last one is its end.
func TestReportsKeepTheirOrder(t *testing.T) {
	enginetest.InBubble(t, func(w *enginetest.World) {
		statuses := w.ShowStatuses()
		calls := 0
		statuses.SetAnswer(func(context.Context, provider.CommitStatus) error {
			time.Sleep(time.Duration(calls%4) * time.Second)
			if calls++; calls%5 == 0 {
				return lockstep.Errorf(lockstep.Unavailable, "Away.")
			}
			return nil
		})

		w.StepsTakeSeconds(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
		shas := []lockstep.SHA{w.CreateStacks(20)}
		for i := range 8 {
			time.Sleep(time.Duration(i*i) * time.Second)
			files := map[string]string{}
			for s := range 20 {
				files[fmt.Sprintf("s%03d.yaml", s)] = fmt.Sprint(max(0, i-s%3))
			}

			shas = append(shas, w.Push(files))
		}

		w.WaitUntil("everything is reported", func() bool {
			return w.Count(`SELECT count(*) FROM status_report
				WHERE state NOT IN ('succeeded', 'failed') OR due_at IS NOT NULL`) == 0
		})
		rank := []provider.CommitState{
			provider.CommitPending, provider.CommitRunning, provider.CommitSucceeded, provider.CommitFailed,
		}
		for _, sha := range shas {
			list := statuses.AcceptedOf(sha, enginetest.Environment)
			for i := 1; i < len(list); i++ {
				if slices.Index(rank, list[i].State) < slices.Index(rank, list[i-1].State) || list[i] == list[i-1] {
					t.Errorf("%s: %v after %v", sha.Short(), list[i], list[i-1])
				}
			}
		}

		if len(statuses.Accepted) < 5 {
			t.Errorf("only %d were reported", len(statuses.Accepted))
		}
	})
}
