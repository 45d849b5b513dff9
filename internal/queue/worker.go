package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"

	"github.com/lockstephq/lockstep/internal/db"
)

// A worker runs the jobs of one kind for River.
type worker[A Args] struct {
	river.WorkerDefaults[A]
	queue   *Queue
	timeout time.Duration
	work    func(ctx context.Context, job *Job, args A) error
}

// Timeout returns how long a job may run before River rescues it.
func (w *worker[A]) Timeout(*river.Job[A]) time.Duration { return w.timeout + grace }

// NextRetry returns when a job runs again that failed or was rescued.
func (w *worker[A]) NextRetry(j *river.Job[A]) time.Time {
	return time.Now().Add(retryDelay(j.Attempt))
}

// retryDelay returns how long a job waits after failed tries: 1 s, doubling to 30 s.
func retryDelay(tries int) time.Duration {
	return min(time.Second<<min(max(tries-1, 0), 5), 30*time.Second)
}

// Work runs a job and writes its log line.
func (w *worker[A]) Work(ctx context.Context, j *river.Job[A]) error {
	job := &Job{ID: j.ID, Try: j.Attempt, queue: w.queue, args: j.Args, ctx: ctx, row: j.JobRow}
	started := time.Now()
	err := w.callGuarded(ctx, job, j.Args)
	w.logJob(ctx, job, time.Since(started), err)
	if err != nil && job.Try >= maxFailures && ctx.Err() == nil {
		return w.replace(ctx, job, err)
	}
	return err
}

// callGuarded calls the worker, and returns its panic as an error.
func (w *worker[A]) callGuarded(ctx context.Context, job *Job, args A) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{value: p, stack: debug.Stack()}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	return w.work(ctx, job, args)
}

// replace replaces a job that keeps failing by a new one. If that fails too, River keeps
// the job.
func (w *worker[A]) replace(ctx context.Context, job *Job, cause error) error {
	err := w.queue.options.DB.Update(ctx, func(tx *db.Tx) error {
		return job.RescheduleAt(tx, time.Now().Add(retryDelay(job.Try)))
	})
	if err != nil {
		return errors.Join(cause, err)
	}
	return nil
}

func (w *worker[A]) logJob(ctx context.Context, job *Job, took time.Duration, err error) {
	level, outcome := slog.LevelDebug, "ok"
	attrs := []slog.Attr{
		slog.String("kind", job.args.Kind()),
		slog.Int64("job", job.ID),
		slog.Int("try", job.Try),
		slog.Duration("duration", took),
	}
	panicked, isPanic := errors.AsType[*panicError](err)
	switch {
	case err == nil:
	case isPanic:
		level, outcome = slog.LevelError, "panic"
		attrs = append(attrs, slog.String("stack", string(panicked.stack)))
	case ctx.Err() != nil:
		// Stop has cancelled the job, which runs again.
		level, outcome = slog.LevelInfo, "stopped"
	case job.Try < 3:
		level, outcome = slog.LevelWarn, "retry"
	default:
		level, outcome = slog.LevelError, "retry"
	}

	attrs = append(attrs, slog.String("outcome", outcome))
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}

	w.queue.options.Log.LogAttrs(ctx, level, "job", attrs...)
}

// A panicError is the error that a panic becomes.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// A warningHandler drops the log lines of River below warning: [worker] already writes one
// for each job.
type warningHandler struct{ slog.Handler }

func (h warningHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h warningHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warningHandler{h.Handler.WithAttrs(attrs)}
}

func (h warningHandler) WithGroup(name string) slog.Handler {
	return warningHandler{h.Handler.WithGroup(name)}
}
