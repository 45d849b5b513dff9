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
		d, err := db.Open(t.Context(), url, schema())
		if err != nil {
			t.Fatal(err)
		}

		defer d.Close()

		q := queue.New(queue.Options{DB: d, Workers: 20, PollOnly: true, Exclusive: true})
		var now, most, others atomic.Int64
		queue.Handle(q, time.Minute, func(ctx context.Context, job *queue.Job, _ lowPriorityArgs) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)

			time.Sleep(10 * time.Second)
			return d.Update(ctx, job.Complete)
		})
		queue.Handle(q, time.Minute, func(ctx context.Context, job *queue.Job, _ resourceArgs) error {
			others.Add(1)
			return d.Update(ctx, job.Complete)
		})

		if err := q.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		if err := d.Update(t.Context(), func(tx *db.Tx) error {
			for n := range 40 {
				if err := q.Wake(tx, lowPriorityArgs{n}, tx.Now); err != nil {
					return err
				}
			}
			return q.Wake(tx, resourceArgs{1}, tx.Now)
		}); err != nil {
			t.Fatal(err)
		}

		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}

		time.Sleep(5 * time.Second)
		if n := others.Load(); n != 1 {
			t.Errorf("%d other jobs have run", n)
		}

		time.Sleep(30 * time.Second)
		if n := most.Load(); n != 2 {
			t.Errorf("%d low-priority jobs at once, of 20 workers", n)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		_ = q.Stop(ctx) // jobs are under way
	})
}
