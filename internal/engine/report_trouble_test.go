package engine_test

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
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

func TestAHostThatIsDownForAnHourDelaysNothingAndIsToldTheEndOnce(t *testing.T) {
	skipShort(t)
	inBubble(t, func(w *world) {
		told := w.reports()
		told.refuse(lockstep.Errorf(lockstep.Unavailable, "git.example.com answers 503."))
		var shas []lockstep.SHA
		shas = append(shas, w.host.push("main", map[string]string{"web.yaml": "0"}))
		cfg := w.configure("web", publishes)
		for i := range 4 {
			if i > 0 {
				shas = append(shas, w.push(map[string]string{"web.yaml": fmt.Sprint(i)}))
			}

			began := time.Now()
			w.untilStatus(cfg, lockstep.ResourceSucceeded, shas[i])
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("a sync took %s", took)
			}

			time.Sleep(15 * time.Minute)
		}

		if r := w.row(shas[0]); r.Reason != "git.example.com answers 503." || r.DueAt.IsZero() {
			t.Errorf("the row says %+v", r)
		}

		if n := told.count(); n < 12 || n > 25 {
			t.Errorf("%d calls within an hour", n)
		}

		told.refuse(nil)
		w.untilTold(told, shas[3], "succeeded: 1 stack synced")
		time.Sleep(20 * time.Minute)
		var got []lockstep.SHA
		for _, one := range told.told {
			if one.State != provider.CommitSucceeded {
				t.Errorf("%s is told after its end", one.State)
			}
			got = append(got, one.SHA)
		}

		if diff := cmp.Diff(shas, got); diff != "" {
			t.Errorf("the commits are told in another order than they came: %s", diff)
		}

		if r := w.row(shas[0]); r.Reason != "" {
			t.Errorf("the row still says %q", r.Reason)
		}

		told.refuse(lockstep.Errorf(lockstep.Unavailable, "Away."))
		before := told.count()
		w.push(map[string]string{"web.yaml": "again"})
		w.until("two more calls", func() bool { return told.count() >= before+2 })

		if pause := told.calls[before+1].Sub(told.calls[before]); pause > 3*time.Second {
			t.Errorf("a new outage begins with a pause of %s", pause)
		}
	})
}

func TestAHostIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	skipShort(t)
	inBubble(t, func(w *world) {
		told := w.reports()
		told.refuse(lockstep.Wrapf(lockstep.Unavailable, &provider.RetryAfterError{Wait: 20 * time.Minute}, "Too many requests."))
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", publishes)
		w.until("the refusal", func() bool { return told.count() == 1 })
		told.refuse(nil)
		time.Sleep(time.Minute)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		time.Sleep(18 * time.Minute)

		if n := told.count(); n != 1 {
			t.Errorf("%d calls while the host asked to be left alone", n)
		}

		w.untilTold(told, first, "succeeded: 1 stack synced")
		w.untilTold(told, second, "succeeded: 1 stack synced")
		if wait := told.calls[1].Sub(told.calls[0]); wait < 20*time.Minute-stored || wait > 20*time.Minute+2*time.Second {
			t.Errorf("it was called again after %s", wait)
		}
	})
}

func TestAHostIsGivenUpAfterADayUntilSomethingNewHappens(t *testing.T) {
	skipShort(t)
	inBubble(t, func(w *world) {
		told := w.reports()
		told.refuse(lockstep.Errorf(lockstep.Unavailable, "Away."))
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", publishes)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, sha)
		w.until("it has been tried for some time", func() bool { return told.count() == 5 })

		if w.row(sha).DueAt.IsZero() {
			t.Fatal("given up within a minute")
		}

		w.update(func(tx *db.Tx) error { // a day later
			_, err := tx.Exec(`UPDATE status_report SET changed_at = $1`, db.Millis(tx.Now.Add(-24*time.Hour)))
			return err
		})
		w.until("it is given up", func() bool { return w.row(sha).DueAt.IsZero() })
		if r := w.row(sha); r.Reason != "Away." || r.State != "" {
			t.Errorf("the row says %+v", r)
		}

		before := told.count()
		time.Sleep(20 * time.Minute)
		if n := told.count(); n != before {
			t.Errorf("%d calls after it was given up", n-before)
		}

		told.refuse(nil)
		w.retry(cfg)
		w.untilTold(told, sha, "succeeded: 1 stack synced")
	})
}

func TestARefusalIsKeptAndTriedAgainWhenSomethingNewHappens(t *testing.T) {
	skipShort(t)
	for _, kind := range []lockstep.Kind{lockstep.Denied, lockstep.Invalid, lockstep.NotFound, lockstep.Limit} {
		t.Run(kind.String(), func(t *testing.T) {
			inSQLite(t, func(w *world) {
				told := w.reports()
				told.refuse(lockstep.Wrapf(kind, errors.New("behind it"), "The credential may not."))
				w.slowly(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
				sha := w.fleet(100)
				w.until("all have ended", func() bool {
					return w.count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'applied'`) == 100
				})
				time.Sleep(time.Hour)

				if n := told.count(); n < 2 || n > 6 {
					t.Errorf("%d calls to a host that refuses", n)
				}

				if r := w.row(sha); r.Reason != "The credential may not." || !r.DueAt.IsZero() || r.State != "" {
					t.Errorf("the row says %+v", r)
				}

				told.refuse(nil)
				next := w.push(map[string]string{"s000.yaml": "2"})
				w.until("the next is told", func() bool { return len(w.heard(told, next)) > 0 })
			})
		})
	}
}

func TestAHostWithoutTheAbilityIsNotReportedTo(t *testing.T) {
	skipShort(t)
	t.Run("a kind of host", func(t *testing.T) {
		inBubble(t, func(w *world) {
			sha := w.host.push("main", map[string]string{"web.yaml": "1"})
			w.untilStatus(w.configure("web", publishes), lockstep.ResourceSucceeded, sha)
			time.Sleep(time.Minute)

			if r := w.row(sha); r.Reason != "" || r.State != "" || !r.DueAt.IsZero() {
				t.Errorf("the row says %+v", r)
			}
		})
	})
	t.Run("this host", func(t *testing.T) {
		inBubble(t, func(w *world) {
			told := w.reports()
			told.refuse(fmt.Errorf("report: %w", lockstep.Wrapf(lockstep.Unavailable, provider.ErrUnsupported, "It has no API.")))
			w.slowly(func(string) *target.End { return &target.End{Outcome: lockstep.Applied} })
			sha := w.fleet(100)
			w.until("all have ended", func() bool {
				return w.count(`SELECT count(*) FROM resource_sync_attempt WHERE outcome = 'applied'`) == 100
			})
			time.Sleep(20 * time.Minute)

			if r := w.row(sha); r.Reason != "" || r.State != "" || !r.DueAt.IsZero() || told.count() > 6 {
				t.Errorf("%d calls, and the row says %+v", told.count(), r)
			}
		})
	})
}

func TestADriverThatPanicsLosesThatCommitAlone(t *testing.T) {
	skipShort(t)
	inBubble(t, func(w *world) {
		told := w.reports()
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		tries := 0
		told.answers(func(_ context.Context, s provider.CommitStatus) error {
			if s.SHA == first {
				tries++
				panic("bug")
			}
			return nil
		})

		cfg := w.configure("web", publishes)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, first)
		second := w.push(map[string]string{"web.yaml": "2"})
		w.untilStatus(cfg, lockstep.ResourceSucceeded, second)
		w.untilTold(told, second, "succeeded: 1 stack synced")
		time.Sleep(time.Hour)

		if r := w.row(first); r.Reason != "Internal error." || !r.DueAt.IsZero() || tries != 5 {
			t.Errorf("%d tries, and the row says %+v", tries, r)
		}
	})
}

func TestADriverThatDoesNotAnswerIsCutOff(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		told.answers(func(ctx context.Context, _ provider.CommitStatus) error { <-ctx.Done(); return ctx.Err() })
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", publishes)
		w.untilStatus(cfg, lockstep.ResourceSucceeded, sha)
		w.until("the reason", func() bool { return w.row(sha).Reason == "The Git host took longer than 30s to answer." })
		told.answers(nil)
		w.untilTold(told, sha, "succeeded: 1 stack synced")
	})
}

// takeLane does what another node does that begins to work on the lanes.
func (w *world) takeLane() {
	w.t.Helper()
	w.update(func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE report_stream SET epoch = epoch + 1`)
		return err
	})
}

// What a worker has told and could not record, because another one has taken the
// lane meanwhile, is told again, and nothing older after it.
func TestWhatWasToldAndNotRecordedIsToldAgain(t *testing.T) {
	ends := map[string]error{"taken": nil, "away": lockstep.Errorf(lockstep.Unavailable, "Away."),
		"refused": lockstep.Errorf(lockstep.Denied, "No."), "no ability": provider.ErrUnsupported, "bug": errors.New("bug")}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inSQLite(t, func(w *world) { replacedReporter(w, end) })
		})
	}
}

func replacedReporter(w *world, end error) {
	told := w.reports()
	late, calls := make(chan struct{}), 0
	told.answers(func(context.Context, provider.CommitStatus) error {
		if calls++; calls == 1 {
			<-late
			return end
		}
		return nil
	})

	sha := w.host.push("main", map[string]string{"web.yaml": "1"})
	cfg := w.configure("web", publishes)
	w.untilStatus(cfg, lockstep.ResourceSucceeded, sha)
	w.until("the call", func() bool { return told.count() == 1 })
	before := w.row(sha)
	w.takeLane()
	close(late)
	time.Sleep(10 * time.Second)

	if diff := cmp.Diff(before, w.row(sha)); diff != "" {
		w.t.Errorf("a replaced worker wrote: %s", diff)
	}

	told.mu.Lock()
	told.broken = nil // the driver's memory was lost, which is what this is about
	told.mu.Unlock()
	w.sweeps()
	w.until("it is told", func() bool { return w.row(sha).State == "succeeded" })
	list := w.heard(told, sha)
	want := []string{"succeeded: 1 stack synced"}
	if end == nil {
		want = append(want, want[0])
	}

	if diff := cmp.Diff(want, list); diff != "" {
		w.t.Error(diff)
	}

	told.mu.Lock()
	defer told.mu.Unlock()

	told.broken = nil
}

func TestACallCutShortByTheStopIsMadeAgain(t *testing.T) {
	inSQLite(t, func(w *world) {
		told := w.reports()
		told.answers(func(ctx context.Context, _ provider.CommitStatus) error { <-ctx.Done(); return ctx.Err() })
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.configure("web", publishes)
		w.until("the call", func() bool { return told.count() == 1 })
		hurry, cancel := context.WithCancel(context.Background())
		cancel()
		w.must(w.queue.Stop(hurry))

		if r := w.row(sha); r.Reason != "" || r.DueAt.IsZero() {
			t.Errorf("the stop was taken for an answer: %+v", r)
		}

		told.answers(nil)
		w.start()
		w.untilTold(told, sha, "succeeded: 1 stack synced")

		if list := w.heard(told, sha); len(list) != 1 {
			t.Errorf("told: %s", list)
		}
	})
}

func TestAReportThatLostItsJobIsFoundWithinAMinute(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		told.refuse(lockstep.Errorf(lockstep.Unavailable, "Away."))
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		w.configure("web", publishes)
		w.until("a call", func() bool { return told.count() == 3 })
		w.loseJobs()
		told.refuse(nil)
		w.sweeps()
		began := time.Now()
		w.untilTold(told, sha, "succeeded: 1 stack synced")

		if took := time.Since(began); took > 65*time.Second {
			t.Errorf("it was found after %s", took)
		}
	})
}

func TestWhatIsDeletedWhileItsReportIsDueIsReportedNoMore(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		w.target.script(func(target.Attempt) (target.Step, error) {
			return target.Step{Checkpoint: []byte("x"), ContinueAfter: time.Hour}, nil
		})
		sha := w.host.push("main", map[string]string{"web.yaml": "1", "api.yaml": "1"})
		web, api := w.configure("web", publishes), w.configure("api", publishes)
		w.untilTold(told, sha, "running: 2 stacks to sync")
		w.deconfigure(web)
		w.untilTold(told, sha, "running: 1 stack to sync")
		told.refuse(lockstep.Errorf(lockstep.Unavailable, "Away."))
		w.deconfigure(api)
		w.until("it is tried", func() bool { return w.row(sha).Reason == "Away." })
		w.update(func(tx *db.Tx) error { return store.DeleteLink(tx, w.link.Account, w.link.Region, w.link.ID) })

		if n := w.count(`SELECT count(*) FROM status_report`) + w.count(`SELECT count(*) FROM report_stream`); n != 0 {
			t.Errorf("%d rows are left", n)
		}

		w.until("the job ends", func() bool {
			return w.count(`SELECT count(*) FROM river_job WHERE kind = 'status_report' AND state <> 'completed'`) == 0
		})
	})
}

func TestACommitWhoseStacksAreAllDeletedIsClosed(t *testing.T) {
	inBubble(t, func(w *world) {
		told := w.reports()
		w.target.script(func(target.Attempt) (target.Step, error) {
			return target.Step{Checkpoint: []byte("x"), ContinueAfter: time.Hour}, nil
		})
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", publishes)
		w.untilTold(told, sha, "running: 1 stack to sync")
		w.deconfigure(cfg)
		w.untilTold(told, sha, "failed: No stack reports this commit any more")
	})
}

// A stack whose role moves to another account has its next status there, and the
// old environment is not left open.
func TestAStackThatMovesLeavesNoStatusOpenWhereItWas(t *testing.T) {
	skipShort(t)
	inBubble(t, func(w *world) {
		told := w.reports()
		w.executes(target.End{Outcome: lockstep.Applied})
		sha := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", publishes)
		w.untilTold(told, sha, "running: 1 stack to sync")
		w.reconfigure(&cfg, func(c *lockstep.SyncConfiguration) { c.RoleARN = "arn:aws:iam::999999999999:role/sync" })
		w.untilTold(told, sha, "failed: No stack reports this commit any more")
		w.until("the new environment", func() bool {
			told.mu.Lock()
			defer told.mu.Unlock()
			return len(told.of(sha, "999999999999/us-east-1")) > 0
		})
	})
}

func TestAttack18ASummaryIsALineOfWhatTheOwnerMayReadAnyway(t *testing.T) {
	inBubble(t, func(w *world) {
		const canary = "hunter2-canary"
		w.credential = lockstep.Credential{Kind: lockstep.TokenCredential, Secret: canary}
		told := w.reports()
		w.fails(lockstep.Wrapf(lockstep.Invalid, errors.New("password "+canary), "Line 3:\r\n\u202e%s", strings.Repeat("ü", 200)))
		first := w.host.push("main", map[string]string{"web.yaml": "1"})
		cfg := w.configure("web", publishes)
		w.untilStatus(cfg, lockstep.ResourceFailed, first)
		w.until("it is told", func() bool { return w.row(first).State == "failed" })
		told.refuse(lockstep.Wrapf(lockstep.Denied, errors.New("token "+canary), "The credential is refused."))
		w.fails(errors.New("bug " + canary))
		second := w.push(map[string]string{"web.yaml": "2"})
		w.until("the refusal", func() bool { return w.row(second).Reason == "The credential is refused." })
		told.refuse(nil)
		w.retry(cfg)
		w.untilTold(told, second, "failed: 1 of 1 stack failed: web: Internal error.")

		for _, one := range told.told {
			if all := fmt.Sprintf("%+v", one); strings.Contains(all, canary) || len(one.Summary) > 140 || strings.ContainsAny(one.Summary, "\r\n\u202e") {
				t.Errorf("told: %s", all)
			}
		}

		for _, sha := range []lockstep.SHA{first, second} {
			if all := fmt.Sprintf("%+v", w.row(sha)); strings.Contains(all, canary) {
				t.Errorf("kept: %s", all)
			}
		}
	})
}
