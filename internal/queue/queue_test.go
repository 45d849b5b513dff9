package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/queue"
)

// states lists the states of River's jobs, in the order they were made.
func states(t *testing.T, d *db.DB) []string {
	t.Helper()
	var got []string
	err := d.View(t.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query("SELECT CAST(state AS text) FROM river_job ORDER BY id")
		if err != nil {
			return err
		}
		defer rows.Close()

		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				return err
			}

			got = append(got, s)
		}

		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}

	return got
}

func TestThereIsOneJobForTheSameArguments(t *testing.T) {
	dbtest.EachWith(t, schema(), func(t *testing.T, database *db.DB) {
		jobs := queue.New(queue.Options{DB: database})
		if err := jobs.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		for _, args := range []queue.Args{
			probeArgs{"a"},
			probeArgs{"b"},
			probeArgs{"a"},
			resourceArgs{1},
			resourceArgs{1},
		} {
			err := database.Update(t.Context(), func(tx *db.Tx) error { return jobs.Wake(tx, args, tx.Now) })
			if err != nil {
				t.Fatal(err)
			}
		}

		if diff := cmp.Diff([]string{"available", "available", "available"}, states(t, database)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAWakeUpIsUndoneWithItsTransaction(t *testing.T) {
	dbtest.EachWith(t, schema(), func(t *testing.T, database *db.DB) {
		jobs := queue.New(queue.Options{DB: database})
		if err := jobs.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		undo := errors.New("undo")
		err := database.Update(t.Context(), func(tx *db.Tx) error {
			return errors.Join(jobs.Wake(tx, probeArgs{"a"}, tx.Now), undo)
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}

		if got := states(t, database); len(got) != 0 {
			t.Errorf("jobs %v", got)
		}
	})
}

func TestMigrateMayRunAgainAndAtOnce(t *testing.T) {
	d := dbtest.OpenOn(t, db.Postgres, schema())
	errs := make(chan error)
	for range 4 {
		go func() { errs <- queue.New(queue.Options{DB: d}).Migrate(t.Context()) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestExclusiveFreesTheJobsOfThePreviousProcess pins what Start does to River's tables:
// a running job is free, and so is the leadership, without which a job that is
// scheduled for later would wait for the end of the lease.
func TestExclusiveFreesTheJobsOfThePreviousProcess(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		jobs := queue.New(queue.Options{DB: database, PollOnly: true, PollInterval: time.Second, Exclusive: true})
		if err := jobs.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		began := time.Now()
		wake := func(name string, at time.Time) {
			err := database.Update(t.Context(), func(tx *db.Tx) error { return jobs.Wake(tx, probeArgs{name}, at) })
			if err != nil {
				t.Fatal(err)
			}
		}

		wake("running", began)
		markRunning(t, database)
		wake("scheduled", began.Add(8*time.Second))
		ran := make(chan string, 10)
		queue.Handle(jobs, time.Second, func(ctx context.Context, job *queue.Job, args probeArgs) error {
			ran <- fmt.Sprintf("%s try %d", args.Name, job.Try)
			return database.Update(ctx, job.Complete)
		})
		start(t, jobs)

		if got := <-ran; got != "running try 2" || time.Since(began) > 2*time.Second {
			t.Errorf("%s after %v", got, time.Since(began))
		}

		if got := <-ran; got != "scheduled try 1" || time.Since(began) > 11*time.Second {
			t.Errorf("%s after %v", got, time.Since(began))
		}
	})
}

// TestDoneAndAgainOutliveWhatTheWorkerReturns: River updates the job once more
// when the worker returns, and must not undo or repeat what the transaction did.
func TestCompleteAndRescheduleAtOutlastTheWorkersReturn(t *testing.T) {
	tests := []struct {
		name    string
		again   bool
		returns error
		want    []string
	}{
		{name: "done, nil", again: false, returns: nil, want: []string{"completed"}},
		{name: "done, error", again: false, returns: errors.New("late"), want: []string{"completed"}},
		{name: "again, nil", again: true, returns: nil, want: []string{"completed", "scheduled"}},
		{name: "again, error", again: true, returns: errors.New("late"), want: []string{"completed", "scheduled"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, database *db.DB) {
				prober := startProbe(t, database, func(ctx context.Context, _ int, job *queue.Job) error {
					err := database.Update(ctx, func(tx *db.Tx) error {
						if tt.again {
							return job.RescheduleAt(tx, tx.Now.Add(time.Hour))
						}
						return job.Complete(tx)
					})

					return errors.Join(err, tt.returns)
				})

				prober.wake(t, "a", time.Time{})
				time.Sleep(time.Minute)
				if n := len(prober.ran()); n != 1 {
					t.Errorf("ran %d times", n)
				}

				if diff := cmp.Diff(tt.want, states(t, database)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestAJobWhoseWorkerReturnsNilIsCompleted(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		prober := startProbe(t, database, func(context.Context, int, *queue.Job) error { return nil })
		prober.wake(t, "a", time.Time{})
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"completed"}, states(t, database)); diff != "" || len(prober.ran()) != 1 {
			t.Errorf("ran %d times: %s", len(prober.ran()), diff)
		}
	})
}

func TestCompletedJobsAreGoneAfterMinutes(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		p := startProbe(t, database, func(context.Context, int, *queue.Job) error { return nil })
		p.wake(t, "a", time.Time{})
		time.Sleep(7 * time.Minute)
		if got := states(t, database); len(got) != 0 {
			t.Errorf("jobs %v", got)
		}
	})
}

func TestTheWorkersContextEndsAtItsTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		prober := startProbe(t, database, func(ctx context.Context, _ int, job *queue.Job) error {
			began := time.Now()
			<-ctx.Done()
			if took := time.Since(began); took != 30*time.Second {
				t.Errorf("ended after %v", took)
			}

			return database.Update(context.WithoutCancel(ctx), job.Complete)
		})

		prober.wake(t, "a", time.Time{})
		time.Sleep(time.Minute)
		if diff := cmp.Diff([]string{"completed"}, states(t, database)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStopWaitsForRunningJobs(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		began := make(chan bool)
		prober := startProbe(t, database, func(ctx context.Context, _ int, job *queue.Job) error {
			close(began)
			time.Sleep(10 * time.Second)
			return database.Update(ctx, job.Complete)
		})

		prober.wake(t, "a", time.Time{})
		<-began
		if err := prober.Stop(t.Context()); err != nil {
			t.Error(err)
		}

		if diff := cmp.Diff([]string{"completed"}, states(t, database)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStopCancelsJobsThatTakeTooLong(t *testing.T) {
	inBubble(t, func(t *testing.T, database *db.DB) {
		began := make(chan bool)
		prober := startProbe(t, database, func(ctx context.Context, _ int, _ *queue.Job) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		})

		prober.wake(t, "a", time.Time{})
		<-began
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()

		if err := prober.Stop(ctx); err != nil {
			t.Error(err)
		}

		if diff := cmp.Diff([]string{"available"}, states(t, database)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAPanicIsLoggedWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database := dbtest.OpenOn(t, db.SQLite, schema())
		var log bytes.Buffer
		o := bubbled()
		o.DB, o.Log = database, slog.New(slog.NewJSONHandler(&log, nil))
		jobs := queue.New(o)
		queue.Handle(jobs, time.Second, func(context.Context, *queue.Job, probeArgs) error { panic("broken") })
		start(t, jobs)
		err := database.Update(t.Context(), func(tx *db.Tx) error { return jobs.Wake(tx, probeArgs{"a"}, tx.Now) })
		if err != nil {
			t.Fatal(err)
		}

		time.Sleep(tolerance)
		if err := jobs.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}

		for _, want := range []string{
			`"level":"ERROR"`, `"kind":"probe"`, `"outcome":"panic"`, "panic: broken", "queue_test.go",
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %s in %s", want, &log)
			}
		}
	})
}

func TestProgrammingErrorsAreReturnedAtStart(t *testing.T) {
	database := dbtest.OpenOn(t, db.SQLite, schema())
	work := func(context.Context, *queue.Job, probeArgs) error { return nil }
	twice := queue.New(queue.Options{DB: database})
	queue.Handle(twice, time.Second, work)
	queue.Handle(twice, time.Second, work)
	nobody := queue.New(queue.Options{DB: database})
	config := queue.New(queue.Options{DB: database, ID: strings.Repeat("x", 101)})
	for name, jobs := range map[string]*queue.Queue{
		"a kind handled twice": twice,
		"no worker":            nobody,
		"an ID too long":       config,
	} {
		if err := jobs.Start(t.Context()); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}
