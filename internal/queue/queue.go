package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/lockstephq/lockstep/internal/db"
)

// Options say how a queue runs.
type Options struct {
	// DB holds the jobs.
	DB *db.DB
	// Log gets a line per job: debug when it went well, warn when it will be
	// tried again, error from the third try and for a panic.
	Log *slog.Logger
	// Workers is how many jobs run at once in this process. Defaults to 100.
	Workers int
	// PollInterval is how often the database is asked for jobs that are due.
	// Defaults to 100 ms.
	PollInterval time.Duration
	// Cooldown is the shortest time between two such questions, also when
	// notified of a new job. Defaults to 20 ms, or PollInterval if that is less.
	Cooldown time.Duration
	// RescueAfter is the age from which a running job is taken from a node that
	// has died; a longer timeout of its kind is respected. Defaults to 35 s.
	RescueAfter time.Duration
	// PollOnly does without notifications of new jobs: they wait for the poll.
	// It suits a connection pooler in transaction mode, and bubbles.
	PollOnly bool
	// Exclusive says that no other process works on this database: jobs that a
	// killed predecessor left running are freed at once.
	Exclusive bool
	// ID names this process among the nodes. Defaults to host name and time.
	ID string
}

// Args say what a job is for. They are encoded as JSON; Kind is a constant of the
// type, in snake_case, and works on the zero value.
type Args interface {
	Kind() string
}

// A LowPriority is an Args whose jobs have a few workers of their own, a tenth of all:
// they wait for each other and keep nobody else waiting.
type LowPriority interface {
	Args
	LowPriority()
}

const (
	// lowPriorityQueue is the name under which River stores these jobs.
	lowPriorityQueue = "aside"
	lowPriorityPoll  = time.Second

	// maxTries is so high only to keep River from giving a job up: after renewTries
	// a failing one is replaced, so that its list of errors does not grow for ever.
	maxTries   = 10_000
	renewTries = 50

	// grace is the time between the end of a worker's context and the moment from
	// which River calls the job stuck.
	grace = 5 * time.Second

	// hardStop is how long workers may take to return once Stop has cancelled
	// their contexts.
	hardStop = 10 * time.Second

	completedKept = 5 * time.Minute
	discardedKept = time.Hour
)

// A Queue wakes and works jobs. Its methods may be called concurrently, but for
// Handle and Start.
type Queue struct {
	o       Options
	workers *river.Workers
	broken  error // what New and Handle could not say
	river   backend
	client  client // nil until Start
}

// New makes a queue that can insert. Nothing is read or written before Migrate.
func New(o Options) *Queue {
	o.Workers = cmp.Or(o.Workers, 100)
	o.PollInterval = cmp.Or(o.PollInterval, 100*time.Millisecond)
	o.Cooldown = cmp.Or(o.Cooldown, min(20*time.Millisecond, o.PollInterval))
	o.RescueAfter = cmp.Or(o.RescueAfter, 35*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{o: o, workers: river.NewWorkers()}
	q.river, q.broken = connect(o.DB, q.config())
	return q
}

// config is what all clients of the queue have in common.
func (q *Queue) config() *river.Config {
	return &river.Config{
		ID:                          q.o.ID,
		Logger:                      slog.New(warnings{q.o.Log.Handler()}),
		MaxAttempts:                 maxTries,
		Middleware:                  []rivertype.Middleware{river.JobInsertMiddlewareFunc(availableSoon)},
		SkipUnknownJobCheck:         true,
		PollOnly:                    q.o.PollOnly,
		FetchPollInterval:           q.o.PollInterval,
		FetchCooldown:               q.o.Cooldown,
		JobTimeout:                  q.o.RescueAfter,
		RescueStuckJobsAfter:        q.o.RescueAfter,
		CompletedJobRetentionPeriod: completedKept,
		CancelledJobRetentionPeriod: discardedKept,
		DiscardedJobRetentionPeriod: discardedKept,
		Test:                        river.TestConfig{Time: processClock{}},
	}
}

// Handle says who works the jobs of a kind, before Start. The context given to work
// ends after timeout, which should be short: waiting is for [Job.RescheduleAt].
func Handle[A Args](q *Queue, timeout time.Duration, work func(ctx context.Context, job *Job, args A) error) {
	w := &worker[A]{q: q, timeout: timeout, work: work}
	if err := river.AddWorkerSafely(q.workers, w); err != nil {
		q.broken = errors.Join(q.broken, err)
	}
}

// Migrate makes or updates River's tables. Several nodes may do so at once.
func (q *Queue) Migrate(ctx context.Context) error {
	if q.broken != nil {
		return q.broken
	}
	if err := q.river.migrate(ctx, q.o.DB); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	return nil
}

// Start begins to work jobs. It returns when that is under way; the end of ctx does
// not stop it, [Queue.Stop] does.
func (q *Queue) Start(ctx context.Context) error {
	if q.broken != nil {
		return q.broken
	}
	if q.client != nil {
		return errors.New("queue: started twice")
	}

	if q.o.Exclusive {
		if err := q.free(ctx); err != nil {
			return fmt.Errorf("free the jobs of the process before: %w", err)
		}
	}

	config := q.config()
	config.Workers = q.workers
	config.Queues = map[string]river.QueueConfig{
		river.QueueDefault: {MaxWorkers: q.o.Workers},
		lowPriorityQueue:   {MaxWorkers: max(1, q.o.Workers/10), FetchPollInterval: max(lowPriorityPoll, q.o.PollInterval)},
	}
	c, err := q.river.client(config)
	if err != nil {
		return err
	}

	if err := c.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}

	q.client = c
	return nil
}

// free is for a queue that is alone: what is running then is not, and whoever leads
// does not any more.
func (q *Queue) free(ctx context.Context) error {
	return q.o.DB.Update(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec("UPDATE river_job SET state = 'available' WHERE state = 'running'")
		if err != nil {
			return err
		}
		if n > 0 {
			q.o.Log.LogAttrs(ctx, slog.LevelInfo, "jobs freed that were running when the process before ended", slog.Int64("jobs", n))
		}
		_, err = tx.Exec("DELETE FROM river_leader")
		return err
	})
}

// Stop fetches no more jobs and waits for those that run. When ctx ends before they
// do, it cancels their contexts, waits ten seconds more, and says in its error if
// that was not enough. Cancelled jobs run again at the next start.
func (q *Queue) Stop(ctx context.Context) error {
	if q.client == nil {
		return nil
	}
	if q.client.Stop(ctx) == nil {
		return nil
	}

	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), hardStop)
	defer cancel()

	if err := q.client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("stop the queue: jobs still run: %w", err)
	}

	return nil
}
