package queue

import (
	"context"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/lockstephq/lockstep/internal/db"
)

// A Job is one run of a job.
type Job struct {
	// ID is the id of the job's row. A successor has another one.
	ID int64
	// Try counts the runs of this job from 1. It is higher if a run failed or its node
	// crashed.
	Try int

	queue *Queue
	args  Args
	ctx   context.Context // the worker's context, which holds River's client
	row   *rivertype.JobRow
}

// Wake makes a job with these arguments run at the time at, or now if that has passed,
// once tx has committed. A job that waits for a later time runs now; if that is too early
// it calls [Job.RescheduleAt]. If the job is running, Wake does nothing: see the protocol
// in the package comment.
func (q *Queue) Wake(tx *db.Tx, args Args, at time.Time) error {
	if q.broken != nil {
		return q.broken
	}

	opts := &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
	if _, ok := args.(LowPriority); ok {
		opts.Queue = lowPriorityQueue
	}

	if now := time.Now(); at.After(now) {
		opts.ScheduledAt = at
	} else {
		at = now
	}

	result, err := q.backend.insert(tx, args, opts)
	if err != nil || !result.UniqueSkippedAsDuplicate {
		return err
	}
	if result.Job.State == rivertype.JobStateRunning || !result.Job.ScheduledAt.After(at) {
		return nil
	}

	return q.backend.retry(tx, result.Job.ID)
}

// Complete ends the job when tx commits.
func (j *Job) Complete(tx *db.Tx) error { return j.queue.backend.complete(j.ctx, tx, j.row) }

// RescheduleAt ends the job when tx commits, and leaves one with the same arguments that
// runs at the time at.
func (j *Job) RescheduleAt(tx *db.Tx, at time.Time) error {
	if err := j.Complete(tx); err != nil {
		return err
	}
	return j.queue.Wake(tx, j.args, at)
}
