package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestACommitIsToldFromItsBeginningToItsEnd(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		finish := w.executes(target.End{Outcome: lockstep.Applied})
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.configure("web", publishes)
		w.untilTold(told, sha, "running: 1 stack to sync")
		close(finish)
		w.untilTold(told, sha, "succeeded: 1 stack synced")
		time.Sleep(25 * time.Minute)

		if n := told.count(); n > 3 {
			t.Errorf("%d calls for one stack", n)
		}

		want := provider.CommitStatus{SHA: sha, Branch: "main", Environment: home, State: provider.CommitSucceeded, Summary: "1 stack synced",
			URL: "https://lockstep.example/link/" + string(sha) + "/" + home}
		if diff := cmp.Diff(want, told.told[len(told.told)-1]); diff != "" {
			t.Error(diff)
		}

		if r := w.row(sha); r.State != "succeeded" || !r.DueAt.IsZero() || r.Reason != "" || r.SeenSeq != r.ChangeSeq {
			t.Errorf("the row says %+v", r)
		}
	})
}

func TestACommitThatWaitsForAnotherIsPending(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		finish := w.executes(target.End{Outcome: lockstep.Applied})
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.configure("web", publishes)
		w.untilTold(told, first, "running: 1 stack to sync")
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilTold(told, second, "pending: 1 stack to sync")
		time.Sleep(time.Minute)
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if a.Revision.SHA == first {
				return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
			}
			return target.Step{ContinueAfter: time.Second}, nil
		})

		close(finish)
		began := time.Now()
		w.untilTold(told, first, "succeeded: 1 stack synced")
		w.untilTold(told, second, "running: 1 stack to sync")

		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("that it runs was told after %s", took)
		}
	})
}

// slowly makes every attempt take ten seconds for each unit of its last digit.
func (w *world) slowly(end func(name string) *target.End) {
	w.target.script(func(a target.Attempt) (target.Step, error) {
		name := a.Configuration.ResourceName
		if a.Checkpoint == nil {
			return target.Step{Checkpoint: []byte("begun"), ContinueAfter: time.Duration(name[len(name)-1]-'0') * 10 * time.Second}, nil
		}
		return target.Step{End: end(name), Events: []lockstep.Event{{Type: "END", Message: "The end of " + name + "."}}}, nil
	})
}

// fleet pushes a commit of n stacks and has them all synced, and tells which it is.
func (w *world) fleet(n int, change ...func(*lockstep.SyncConfiguration)) lockstep.SHA {
	w.t.Helper()
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("s%03d.yaml", i)] = "1"
	}

	sha := w.host.push("main", files)
	w.update(func(tx *db.Tx) error {
		for i := range n {
			cfg := lockstep.SyncConfiguration{Account: w.link.Account, Region: w.link.Region, SyncType: "TEST_SYNC",
				ResourceName: fmt.Sprintf("s%03d", i), LinkID: w.link.ID, Branch: "main",
				ConfigFile: fmt.Sprintf("s%03d.yaml", i), RoleARN: "arn:role", PublishDeploymentStatus: "ENABLED"}
			for _, f := range change {
				f(&cfg)
			}

			if err := store.InsertConfiguration(tx, &cfg); err != nil {
				return err
			}
			if err := w.engine.AttachConfiguration(tx, cfg); err != nil {
				return err
			}
		}

		return nil
	})

	return sha
}

func TestACommitOfFourHundredStacksCostsItsGitHostAHandfulOfCalls(t *testing.T) {
	skipShort(t)
	inBubble(t, func(w *world) {
		told := w.reports()
		w.slowly(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
		sha := w.fleet(400)
		w.untilTold(told, sha, "succeeded: 400 stacks synced")
		time.Sleep(time.Minute)
		list := w.heard(told, sha)
		if n := told.count(); n > 10 || n != len(list) {
			t.Errorf("%d calls, of which %d were for the commit", n, len(list))
		}

		for i, at := range told.calls[1:] {
			if last := i+1 == len(told.calls)-1; !last && at.Sub(told.calls[i]) < 30*time.Second-10*time.Millisecond && told.told[i].State == told.told[i+1].State {
				t.Errorf("progress after %s", at.Sub(told.calls[i]))
			}
		}
	})
}

func TestAFailureIsToldAtOnceAndARetryTakesItBack(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		w.slowly(func(name string) *target.End {
			if name == "s003" || name == "s001" {
				return &target.End{Outcome: lockstep.Failed}
			}
			return &target.End{Outcome: lockstep.Applied}
		})

		began := time.Now()
		sha := w.fleet(6)
		w.untilTold(told, sha, "failed: 1 of 6 stacks failed: s001: The end of s001.")

		if took := time.Since(began); took > 100*time.Second {
			t.Errorf("it was told after %s", took)
		}

		w.untilTold(told, sha, "failed: 2 of 6 stacks failed: s001: The end of s001.")
		w.until("all have ended", func() bool { return w.row(sha).DueAt.IsZero() })
		finish := w.executes(target.End{Outcome: lockstep.Applied})

		for _, name := range []string{"s001", "s003"} {
			w.must(w.db.Update(context.Background(), func(tx *db.Tx) error {
				cfg, err := store.Configuration(tx, w.link.Account, w.link.Region, "TEST_SYNC", name)
				if err != nil {
					return err
				}
				return w.engine.Retry(tx, cfg)
			}))
		}

		w.untilTold(told, sha, "running: 4 of 6 stacks synced")
		close(finish)
		w.untilTold(told, sha, "succeeded: 6 stacks synced")

		if n := told.count(); n > 8 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestAnEnvironmentIsAnAccountAndARegion(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		sha := w.host.push("main", map[string]string{"web.yaml": "1", "api.yaml": "1", "own.yaml": "1", "off.yaml": "1"})
		away := func(c *lockstep.SyncConfiguration) { c.RoleARN = "arn:aws:iam::999999999999:role/sync" }
		w.configure("web", publishes, away)
		w.configure("api", publishes, away)
		w.configure("own", publishes)
		w.configure("off", away)
		end := func(environment string) string {
			told.mu.Lock()
			defer told.mu.Unlock()

			if list := told.of(sha, environment); len(list) > 0 {
				return list[len(list)-1].Summary
			}

			return ""
		}
		w.until("both are told", func() bool {
			return end(home) == "1 stack synced" && end("999999999999/us-east-1") == "2 stacks synced"
		})

		for _, one := range told.told {
			if one.Environment != home && one.Environment != "999999999999/us-east-1" {
				t.Errorf("an environment %s", one.Environment)
			}
		}
	})
}

func TestWhatIsNotEnabledPublishesNothing(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		sha := w.host.push("main", map[string]string{"unset.yaml": "1", "off.yaml": "1", "on.yaml": "1"})
		unset := w.configure("unset")
		off := w.configure("off", func(c *lockstep.SyncConfiguration) { c.PublishDeploymentStatus = "DISABLED" })
		w.untilStatus(unset, lockstep.ResourceSucceeded, sha)
		w.untilStatus(off, lockstep.ResourceSucceeded, sha)
		time.Sleep(time.Minute)

		if n := told.count() + w.count(`SELECT count(*) FROM status_report`); n != 0 {
			t.Fatalf("%d calls and reports", n)
		}

		on := w.configure("on", publishes)
		w.untilTold(told, sha, "succeeded: 1 stack synced")
		last := w.configure("last")
		sha = w.push(map[string]string{"unset.yaml": "2", "off.yaml": "2", "on.yaml": "2", "last.yaml": "2"})
		w.untilStatus(last, lockstep.ResourceSucceeded, sha)
		w.untilTold(told, sha, "succeeded: 1 stack synced")
		before := told.count()
		w.reconfigure(&on, func(c *lockstep.SyncConfiguration) { c.PublishDeploymentStatus = "DISABLED" })
		time.Sleep(15 * time.Second)
		sha = w.push(map[string]string{"unset.yaml": "3", "off.yaml": "3", "on.yaml": "3"})
		w.untilStatus(on, lockstep.ResourceSucceeded, sha)
		time.Sleep(time.Minute)

		if n := told.count(); n != before {
			t.Errorf("%d calls after the switch was turned off", n-before)
		}
	})
}

func TestASwitchThatIsTurnedOffLeavesNoStatusOpen(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		w.executes(target.End{Outcome: lockstep.Applied})
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		web := w.configure("web", publishes)
		w.untilTold(told, sha, "running: 1 stack to sync")
		w.reconfigure(&web, func(c *lockstep.SyncConfiguration) { c.PublishDeploymentStatus = "DISABLED" })
		w.untilTold(told, sha, "failed: No stack reports this commit any more")
	})
}

func TestASupersededCommitEndsAndSaysSo(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		w.target.script(func(a target.Attempt) (target.Step, error) {
			if a.Configuration.ResourceName == "api" {
				return target.Step{End: &target.End{Outcome: lockstep.Unchanged}}, nil
			}
			return target.Step{Checkpoint: []byte("x"), ContinueAfter: time.Hour}, nil
		})

		first := w.host.push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		w.configure("web", publishes)
		w.configure("api", publishes)
		w.untilTold(told, first, "running: 1 of 2 stacks synced")
		second := w.push(map[string]string{"web.yaml": "2", "api.yaml": "1"})
		w.untilTold(told, first, "succeeded: 1 of 2 stacks synced, 1 superseded by another commit")
		w.untilTold(told, second, "running: 1 stack to sync")
		w.succeeds()
		third := w.push(map[string]string{"web.yaml": "3", "api.yaml": "1"})
		w.untilTold(told, second, "failed: 1 stack superseded by another commit")
		w.untilTold(told, third, "succeeded: 1 stack synced")
		time.Sleep(15 * time.Minute)

		if last := w.heard(told, second); last[len(last)-1] != "failed: 1 stack superseded by another commit" {
			t.Errorf("and then %s", last)
		}
	})
}

func TestACommitThatMeetsABlockerHasFailedWithItsReason(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		w.fails(lockstep.Errorf(lockstep.Blocked, "The stack is\n\tbroken\x1b[31m."))
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", publishes)
		w.untilTold(told, first, "failed: 1 of 1 stack failed: web: The stack is broken[31m.")
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilTold(told, second, "failed: 1 of 1 stack failed: web: The stack is broken[31m.")
		w.succeeds()
		w.retry(cfg)
		w.untilTold(told, second, "succeeded: 1 stack synced")

		if h := w.handled(cfg, first); h.State != engine.LaterSucceeded {
			t.Errorf("the first commit is %s", h.State)
		}

		if list := w.heard(told, first); len(list) > 3 {
			t.Errorf("of the first commit was told %s", list)
		}
	})
}

// In whatever order things happen, the states of a commit come in order, and the
// last one is its end.
func TestReportsKeepTheirOrder(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		calls := 0
		told.answers(func(context.Context, provider.CommitStatus) error {
			time.Sleep(time.Duration(calls%4) * time.Second)
			if calls++; calls%5 == 0 {
				return lockstep.Errorf(lockstep.Unavailable, "Away.")
			}
			return nil
		})

		w.slowly(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
		shas := []lockstep.SHA{w.fleet(20)}
		for i := range 8 {
			time.Sleep(time.Duration(i*i) * time.Second)
			files := map[string]string{}
			for s := range 20 {
				files[fmt.Sprintf("s%03d.yaml", s)] = fmt.Sprint(max(0, i-s%3))
			}

			shas = append(shas, w.push(files))
		}

		w.until("all is told", func() bool {
			return w.count(`SELECT count(*) FROM status_report WHERE state NOT IN ('succeeded', 'failed') OR due_at IS NOT NULL`) == 0
		})
		rank := []provider.CommitState{provider.CommitPending, provider.CommitRunning, provider.CommitSucceeded, provider.CommitFailed}
		for _, sha := range shas {
			list := told.of(sha, home)
			for i := 1; i < len(list); i++ {
				if slices.Index(rank, list[i].State) < slices.Index(rank, list[i-1].State) || list[i] == list[i-1] {
					t.Errorf("%s: %v after %v", sha.Short(), list[i], list[i-1])
				}
			}
		}

		if len(told.told) < 5 {
			t.Errorf("only %d were told", len(told.told))
		}
	})
}
