package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/queue"
)

// The protocol of the package comment on three small tables: attempts of three
// steps, one after the other for each resource.
const tables = `
CREATE TABLE resource (id bigint PRIMARY KEY, epoch bigint NOT NULL);
CREATE TABLE attempt (
	id bigint PRIMARY KEY, resource bigint NOT NULL REFERENCES resource (id),
	step bigint NOT NULL, not_before bigint NOT NULL, open boolean NOT NULL
);
CREATE INDEX attempt_open ON attempt (resource, id) WHERE open;
CREATE TABLE event (attempt bigint NOT NULL, step bigint NOT NULL, PRIMARY KEY (attempt, step));
`

const steps = 3

func schema() db.Migrations {
	file := &fstest.MapFile{Data: []byte(tables)}
	return db.Migrations{
		FS:    fstest.MapFS{"sqlite/0001_pattern.sql": file, "postgres/0001_pattern.sql": file},
		Table: "pattern_migration",
	}
}

type resourceArgs struct {
	Resource int64 `json:"resource"`
}

func (resourceArgs) Kind() string { return "resource" }

// A plant is a queue with the worker of the protocol.
type plant struct {
	d *db.DB
	q *queue.Queue
	// begin and end surround the work of a step.
	begin, end func(resource, attempt int64, step int)
	// wait is how long after a step the next may begin.
	wait func(attempt int64, step int) time.Duration
	// replaced counts workers that found another epoch.
	replaced atomic.Int64
}

func newPlant(database *db.DB, options queue.Options) *plant {
	options.DB = database
	options.Log = slog.New(slog.DiscardHandler)
	nothing := func(int64, int64, int) {}
	p := &plant{
		d:     database,
		q:     queue.New(options),
		begin: nothing,
		end:   nothing,
		wait:  func(int64, int) time.Duration { return 0 },
	}
	queue.Handle(p.q, 30*time.Second, p.work)
	return p
}

// add is how work arrives: the row's lock, the work, the wake-up.
func (p *plant) add(ctx context.Context, resource int64, attempts ...int64) error {
	return p.d.Update(ctx, func(tx *db.Tx) error {
		if _, err := lock(tx, resource); err != nil {
			return err
		}

		for _, id := range attempts {
			_, err := tx.Exec("INSERT INTO attempt (id, resource, step, not_before, open) VALUES ($1, $2, 0, 0, $3)",
				id, resource, true)
			if err != nil {
				return err
			}
		}

		return p.q.Wake(tx, resourceArgs{resource}, tx.Now)
	})
}

func (p *plant) addResources(ctx context.Context, n int64) error {
	return p.d.Update(ctx, func(tx *db.Tx) error {
		for id := range n {
			if _, err := tx.Exec("INSERT INTO resource (id, epoch) VALUES ($1, 0)", id); err != nil {
				return err
			}
		}
		return nil
	})
}

func lock(tx *db.Tx, resource int64) (epoch int64, err error) {
	err = tx.QueryRow("SELECT epoch FROM resource WHERE id = $1"+tx.ForUpdate(), resource).Scan(&epoch)
	return epoch, err
}

// A head is the oldest open attempt of a resource.
type head struct {
	id, step  int64
	notBefore time.Time
}

func readHead(tx *db.Tx, resource int64) (current head, err error) {
	var ms int64
	err = tx.QueryRow("SELECT id, step, not_before FROM attempt WHERE resource = $1 AND open ORDER BY id LIMIT 1",
		resource).Scan(&current.id, &current.step, &ms)
	current.notBefore = db.Time(ms)
	return current, err
}

var errReplaced = errors.New("another worker has the resource")

// work takes the resource over and advances its head to the next wait, or to its
// end.
func (p *plant) work(ctx context.Context, job *queue.Job, args resourceArgs) error {
	var epoch int64
	var current head
	over := false // nothing to do now, and the job has ended
	err := p.d.Update(ctx, func(tx *db.Tx) (err error) {
		over = false
		err = tx.QueryRow("UPDATE resource SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch",
			args.Resource).Scan(&epoch)
		if err != nil {
			return err
		}

		current, err = readHead(tx, args.Resource)
		switch {
		case errors.Is(err, db.ErrNoRows):
			over = true
			return job.Complete(tx)
		case err == nil && current.notBefore.After(tx.Now):
			over = true
			return job.RescheduleAt(tx, current.notBefore)
		}

		return err
	})
	for err == nil && !over {
		current.step++
		p.begin(args.Resource, current.id, int(current.step))
		p.end(args.Resource, current.id, int(current.step))
		over, err = p.finish(ctx, job, args.Resource, epoch, current)
	}

	if errors.Is(err, errReplaced) {
		p.replaced.Add(1)
		return nil
	}

	return err
}

// finish records a step, and with the last one before a wait or an end says what
// becomes of the job. It tries to also when the worker's time is up, as one that was
// stopped in the midst of it does.
func (p *plant) finish(ctx context.Context, job *queue.Job, resource, epoch int64,
	current head) (over bool, err error) {
	err = p.d.Update(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		over = false
		if now, err := lock(tx, resource); err != nil || now != epoch {
			return errors.Join(err, errReplaced)
		}
		if _, err := tx.Exec("INSERT INTO event (attempt, step) VALUES ($1, $2)", current.id,
			current.step); err != nil {
			return err
		}

		wait := p.wait(current.id, int(current.step))
		next := tx.Now.Add(wait)
		_, err := tx.Exec("UPDATE attempt SET step = $1, not_before = $2, open = $3 WHERE id = $4", current.step,
			db.Millis(next), current.step < steps, current.id)
		if err != nil {
			return err
		}

		if current.step < steps && wait == 0 {
			return nil
		}

		over = true
		following, err := readHead(tx, resource)
		switch {
		case errors.Is(err, db.ErrNoRows):
			return job.Complete(tx)
		case err != nil:
			return err
		}

		return job.RescheduleAt(tx, following.notBefore)
	})

	return over, err
}

// open counts the attempts that have not ended.
func (p *plant) open(ctx context.Context) (n int, err error) {
	err = p.d.View(ctx, func(tx *db.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM attempt WHERE open").Scan(&n)
	})
	return n, err
}

// finished waits until the plant has nothing left to do.
func (p *plant) finished(ctx context.Context) error {
	for {
		n, err := p.open(ctx)
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d attempts are still open: %w", n, ctx.Err())
		}
	}
}

// start migrates and starts a queue, and stops it when the test ends.
func start(t *testing.T, jobs *queue.Queue) {
	t.Helper()
	if err := jobs.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := jobs.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// quick is how queues run in tests that use real time.
func quick() queue.Options {
	return queue.Options{PollInterval: 20 * time.Millisecond, Cooldown: 2 * time.Millisecond, Workers: 20}
}

func TestAttemptsOfAResourceRunOneAfterTheOther(t *testing.T) {
	dbtest.EachWith(t, schema(), func(t *testing.T, database *db.DB) {
		fixture := newPlant(database, quick())
		if err := fixture.q.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}

		if err := fixture.addResources(t.Context(), 5); err != nil {
			t.Fatal(err)
		}

		for id := range int64(25) {
			if err := fixture.add(t.Context(), id%5, id); err != nil {
				t.Fatal(err)
			}
		}

		start(t, fixture.q)
		if err := fixture.finished(t.Context()); err != nil {
			t.Fatal(err)
		}

		var events int
		err := database.View(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow("SELECT count(*) FROM event").Scan(&events)
		})
		if err != nil || events != 25*steps {
			t.Errorf("%d events, %v", events, err)
		}
	})
}
