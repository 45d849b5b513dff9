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

// Options configure a Queue. DB is required.
type Options struct {
	// DB holds the jobs.
	DB *db.DB
	// Log gets one line per job: debug if it succeeded, warn if it will be retried, error
	// from the third try on and after a panic. Defaults to none.
	Log *slog.Logger
	// Workers is how many jobs run in parallel in this process. Defaults to DefaultWorkers.
	Workers int
	// PollInterval is how often the database is polled for due jobs.
	// Defaults to 100 ms.
	PollInterval time.Duration
	// Cooldown is the shortest time between two polls, also after a notification of a new
	// job. Defaults to 20 ms, or PollInterval if that is shorter.
	Cooldown time.Duration
	// RescueAfter is how long a job runs before its node counts as crashed. A longer
	// timeout of its kind takes precedence. Defaults to 35 s.
	RescueAfter time.Duration
	// PollOnly disables notifications of new jobs, which then wait for the next poll. Use it
	// with a connection pooler in transaction mode, and in bubbles.
	PollOnly bool
	// Exclusive means that no other process uses the database. Jobs that a killed
	// predecessor left running are freed at once.
	Exclusive bool
	// ID names this process among the nodes. Defaults to the host name and the time.
	ID string
}

// DefaultWorkers is how many jobs run in parallel by default.
const DefaultWorkers = 100

// Args name the thing that a job is for. They are encoded as JSON. Kind returns a constant
// of the type, in snake_case, also for the zero value.
type Args interface {
	Kind() string
}

// LowPriority is an Args whose jobs have their own workers, a tenth of all, so that they
// only wait for each other.
type LowPriority interface {
	Args
	LowPriority()
}

const (
	// lowPriorityQueue is the name under which River stores these jobs.
	lowPriorityQueue = "aside"
	lowPriorityPoll  = time.Second

	// maxTries is so high that River never discards a job. After maxFailures a failing job
	// is replaced, so that its list of errors does not grow forever.
	maxTries    = 10_000
	maxFailures = 50

	// grace is how long after the end of a worker's context River counts the job as stuck.
	grace = 5 * time.Second

	// hardStop is how long workers may take to return after Stop has cancelled their
	// contexts.
	hardStop = 10 * time.Second

	completedKept = 5 * time.Minute
	discardedKept = time.Hour
)

// A Queue wakes and runs jobs. It is safe for concurrent use, except for Handle and Start.
type Queue struct {
	options Options
	workers *river.Workers
	broken  error // what New and Handle could not say
	backend backend
	client  client // nil until Start
}

// New returns a Queue that can wake jobs. It uses the database only from Migrate on.
func New(options Options) *Queue {
	options.Workers = cmp.Or(options.Workers, DefaultWorkers)
	options.PollInterval = cmp.Or(options.PollInterval, 100*time.Millisecond)
	options.Cooldown = cmp.Or(options.Cooldown, min(20*time.Millisecond, options.PollInterval))
	options.RescueAfter = cmp.Or(options.RescueAfter, 35*time.Second)
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{options: options, workers: river.NewWorkers()}
	q.backend, q.broken = connect(options.DB, q.config())
	return q
}

// config returns the configuration that all River clients share.
func (q *Queue) config() *river.Config {
	return &river.Config{
		ID:                          q.options.ID,
		Logger:                      slog.New(warningHandler{q.options.Log.Handler()}),
		MaxAttempts:                 maxTries,
		Middleware:                  []rivertype.Middleware{river.JobInsertMiddlewareFunc(makeDueAvailable)},
		SkipUnknownJobCheck:         true,
		PollOnly:                    q.options.PollOnly,
		FetchPollInterval:           q.options.PollInterval,
		FetchCooldown:               q.options.Cooldown,
		JobTimeout:                  q.options.RescueAfter,
		RescueStuckJobsAfter:        q.options.RescueAfter,
		CompletedJobRetentionPeriod: completedKept,
		CancelledJobRetentionPeriod: discardedKept,
		DiscardedJobRetentionPeriod: discardedKept,
		Test:                        river.TestConfig{Time: processClock{}},
	}
}

// Handle registers the worker of a kind of jobs. Call it before Start. The worker's context
// ends after timeout, which should be short: to wait, use [Job.RescheduleAt].
func Handle[A Args](q *Queue, timeout time.Duration, work func(ctx context.Context, job *Job, args A) error) {
	w := &worker[A]{queue: q, timeout: timeout, work: work}
	if err := river.AddWorkerSafely(q.workers, w); err != nil {
		q.broken = errors.Join(q.broken, err)
	}
}

// Migrate creates or updates River's tables. Several nodes may call it at once.
func (q *Queue) Migrate(ctx context.Context) error {
	if q.broken != nil {
		return q.broken
	}
	if err := q.backend.migrate(ctx, q.options.DB); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	return nil
}

// Start starts to run jobs. The end of ctx does not stop them; [Queue.Stop] does.
func (q *Queue) Start(ctx context.Context) error {
	if q.broken != nil {
		return q.broken
	}
	if q.client != nil {
		return errors.New("queue: started twice")
	}

	if q.options.Exclusive {
		if err := q.freeRunningJobs(ctx); err != nil {
			return fmt.Errorf("free the jobs of the previous process: %w", err)
		}
	}

	config := q.config()
	config.Workers = q.workers
	config.Queues = map[string]river.QueueConfig{
		river.QueueDefault: {MaxWorkers: q.options.Workers},
		lowPriorityQueue: {
			MaxWorkers:        max(1, q.options.Workers/10),
			FetchPollInterval: max(lowPriorityPoll, q.options.PollInterval),
		},
	}
	inner, err := q.backend.client(config)
	if err != nil {
		return err
	}

	if err := inner.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the queue: %w", err)
	}

	q.client = inner
	return nil
}

// freeRunningJobs frees the jobs and the leadership of a previous process. The queue must
// be exclusive: nothing else runs.
func (q *Queue) freeRunningJobs(ctx context.Context) error {
	return q.options.DB.Update(ctx, func(tx *db.Tx) error {
		freed, err := tx.Exec("UPDATE river_job SET state = 'available' WHERE state = 'running'")
		if err != nil {
			return err
		}
		if freed > 0 {
			q.options.Log.LogAttrs(ctx, slog.LevelInfo, "freed the running jobs of the previous process",
				slog.Int64("jobs", freed))
		}
		_, err = tx.Exec("DELETE FROM river_leader")
		return err
	})
}

// Stop stops fetching jobs and waits for those that run. If ctx ends first, Stop cancels
// their contexts and waits ten seconds more. It returns an error if jobs still run then.
// Cancelled jobs run again at the next start.
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
