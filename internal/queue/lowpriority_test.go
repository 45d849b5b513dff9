package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/queue"
)

type lowPriorityArgs struct {
	N int `json:"n"`
}

func (lowPriorityArgs) Kind() string { return "low_priority" }
func (lowPriorityArgs) LowPriority() {}

func TestLowPriorityJobsDoNotDelayOthers(t *testing.T) {
	url := dbtest.URL(t, db.SQLite)
	synctest.Test(t, func(t *testing.T) {
		database, err := db.Open(t.Context(), url, schema())
		if err != nil {
			t.Fatal(err)
		}

		defer database.Close()

		jobs := queue.New(queue.Options{DB: database, Workers: 20, PollOnly: true, Exclusive: true})
		var now, most, others atomic.Int64
		queue.Handle(jobs, time.Minute, func(ctx context.Context, job *queue.Job, _ lowPriorityArgs) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)

			time.Sleep(10 * time.Second)
			return database.Update(ctx, job.Complete)
		})
		queue.Handle(jobs, time.Minute, func(ctx context.Context, job *queue.Job, _ resourceArgs) error {
			others.Add(1)
			return database.Update(ctx, job.Complete)
		})

		if err := jobs.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		if err := database.Update(t.Context(), func(tx *db.Tx) error {
			for count := range 40 {
				if err := jobs.Wake(tx, lowPriorityArgs{count}, tx.Now); err != nil {
					return err
				}
			}
			return jobs.Wake(tx, resourceArgs{1}, tx.Now)
		}); err != nil {
			t.Fatal(err)
		}

		if err := jobs.Start(t.Context()); err != nil {
			t.Fatal(err)
		}

		time.Sleep(5 * time.Second)
		if count := others.Load(); count != 1 {
			t.Errorf("%d other jobs have run", count)
		}

		time.Sleep(30 * time.Second)
		if count := most.Load(); count != 2 {
			t.Errorf("%d low-priority jobs at once, of 20 workers", count)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		_ = jobs.Stop(ctx) // jobs are under way
	})
}
