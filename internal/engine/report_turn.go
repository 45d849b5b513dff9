package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// A reportTurn is one worker's time with a report lane: it looks at all reports
// that are due, one after the other, and tells the Git host what is new.
type reportTurn struct {
	*Engine
	job  *queue.Job
	lane syncstate.ReportStream
}

const (
	// reportBatch is how many reports a turn looks at.
	reportBatch = 100
	// reportPatience is for how long after it happened a Git host that is away is
	// told again.
	reportPatience = 24 * time.Hour
	// maxReportMemory is how much a driver may remember of a commit, in bytes.
	maxReportMemory = 64 << 10
)

// reportCommits works on what is due in a lane. What is told was read a moment
// before, never kept for later: after an outage the end is told, and nothing of
// what came before it.
func (e *Engine) reportCommits(ctx context.Context, job *queue.Job, w reportWork) error {
	t := &reportTurn{Engine: e, job: job}
	began := time.Now()
	due, err := t.begin(ctx, w.LaneID)
	if err != nil || len(due) == 0 {
		return worker.IgnoreLostLease(err)
	}

	for _, r := range due {
		away, err := t.report(ctx, r)
		if err != nil {
			return worker.IgnoreLostLease(err)
		}
		if away || time.Since(began) > worker.StepTimeout {
			break
		}
	}

	return worker.IgnoreLostLease(t.mine(ctx, func(tx *db.Tx) error {
		if err := syncstate.DeleteOldStatusReports(tx, t.lane.ID); err != nil {
			return err
		}
		return t.rest(tx)
	}))
}

// begin takes the lane over and gives what is due. Where that is nothing the job
// is completed or scheduled again.
func (t *reportTurn) begin(ctx context.Context, laneID int64) (due []syncstate.StatusReport, err error) {
	err = t.db.Update(ctx, func(tx *db.Tx) (err error) {
		due = nil
		if t.lane, err = syncstate.AcquireReportStreamLease(tx, laneID); lockstep.KindOf(err) == lockstep.NotFound {
			return t.job.Complete(tx) // with its link
		}
		if err != nil {
			return err
		}

		if !t.lane.NotBefore.After(tx.Now) {
			if due, err = syncstate.DueStatusReports(tx, t.lane.ID, reportBatch); err != nil {
				return err
			}
		}

		if len(due) == 0 {
			return t.rest(tx)
		}

		return nil
	})

	return due, err
}

// rest completes the job, or schedules it for what is due next.
func (t *reportTurn) rest(tx *db.Tx) error {
	at, ok, err := syncstate.NextStatusReportDue(tx, t.lane.ID)
	if err != nil {
		return err
	}
	if !ok {
		return t.job.Complete(tx)
	}
	if at.Before(t.lane.NotBefore) {
		at = t.lane.NotBefore
	}
	return t.job.RescheduleAt(tx, at)
}

// mine runs f under the lane's lock if it is still this worker's.
func (t *reportTurn) mine(ctx context.Context, f func(tx *db.Tx) error) error {
	return worker.UpdateIfOwner(ctx, t.db, t.lock, func(tx *db.Tx, _ syncstate.ReportStream) error { return f(tx) })
}

// lock locks the lane and reports whether this worker still has its lease.
func (t *reportTurn) lock(tx *db.Tx) (lane syncstate.ReportStream, owned bool, err error) {
	lane, err = syncstate.LockReportStream(tx, t.lane.ID)
	if lockstep.KindOf(err) == lockstep.NotFound { // deleted with its link
		return lane, false, nil
	}
	return lane, lane.Epoch == t.lane.Epoch, err
}

// report looks at one report and tells what is new. Away says that the Git host is
// to be left alone for now.
func (t *reportTurn) report(ctx context.Context, r syncstate.StatusReport) (away bool, err error) {
	s, err := t.stands(ctx, r)
	if err != nil {
		return false, err
	}

	seen := r
	seen.SeenSeq = r.ChangeSeq
	tell, again := s.due(r, time.Now())
	seen.DueAt = again

	if !tell {
		return false, t.save(ctx, seen)
	}

	status := provider.CommitStatus{SHA: r.SHA, Branch: r.Branch, Environment: t.lane.Environment, State: s.state(),
		Summary: s.summary(), URL: t.commitURL(t.lane.LinkID, r.SHA, t.lane.Environment)}
	memory, cause := t.tell(ctx, status, r.DriverState)
	if cause != nil && ctx.Err() != nil {
		return false, ctx.Err() // this process stops: the queue has it told elsewhere, or after the start
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), worker.StepTimeout)
	defer cancel()

	if cause != nil {
		if memory != nil {
			seen.DriverState = memory
		}
		return t.stumble(ctx, r, seen, cause)
	}

	seen.State, seen.Summary, seen.DriverState, seen.Reason = string(status.State), status.Summary, memory, ""
	t.told(ctx, slog.LevelInfo, r, string(status.State), nil)
	return false, t.answered(ctx, seen)
}

// stands reads how far a report's commit came.
func (t *reportTurn) stands(ctx context.Context, r syncstate.StatusReport) (s standing, err error) {
	err = t.db.View(ctx, func(tx *db.Tx) (err error) {
		s, err = readStanding(tx, t.lane.LinkID, t.lane.Environment, r.SHA)
		return err
	})
	return s, err
}

// tell calls the driver.
func (t *reportTurn) tell(ctx context.Context, s provider.CommitStatus, memory []byte) (kept []byte, err error) {
	err = worker.Call(ctx, worker.StepTimeout, "The Git host", func(ctx context.Context) error {
		client, release, err := t.Open(ctx, t.lane.LinkID)
		if err != nil {
			return err
		}
		defer release()

		reporter, ok := client.(provider.StatusReporter)
		if !ok {
			return lockstep.Wrapf(lockstep.Invalid, provider.ErrNoAbility, "This kind of Git host shows no status of commits.")
		}

		kept, err = reporter.ReportStatus(ctx, s, memory)
		return err
	})
	if len(kept) > maxReportMemory {
		kept, err = nil, errors.Join(err, errors.New("the driver remembers too much of a commit"))
	}

	return kept, err
}

// stumble records that the Git host was not told. If time may heal that, it is
// tried again, for a day; otherwise when something new happens. The resources are
// none the wiser: their attempts may have ended, and what has ended does not change.
func (t *reportTurn) stumble(ctx context.Context, r, seen syncstate.StatusReport, cause error) (away bool, err error) {
	if errors.Is(cause, provider.ErrNoAbility) {
		t.told(ctx, slog.LevelDebug, r, "no ability", cause)
		seen.DueAt = time.Time{}
		return false, t.answered(ctx, seen)
	}

	t.lane.Tries++
	decision := worker.Decide(cause, t.lane.Tries)
	seen.Reason = lockstep.Shown(cause)

	if decision.Retry {
		t.lane.NotBefore = time.Now().Add(max(time.Second, decision.After, min(provider.Wait(cause), reportPatience)))
	}

	if decision.Retry && time.Since(r.ChangedAt) < reportPatience {
		t.told(ctx, decision.Level, r, "retry", cause)
		r.Reason, r.DriverState = seen.Reason, seen.DriverState // it stays due, and its news unseen
		return true, t.save(ctx, r)
	}

	seen.DueAt = time.Time{}
	if decision.Retry {
		t.told(ctx, slog.LevelWarn, r, "given up", cause)
		return true, t.save(ctx, seen)
	}

	t.told(ctx, decision.Level, r, "refused", cause)
	return false, t.answered(ctx, seen)
}

// answered saves what a Git host has said its word to.
func (t *reportTurn) answered(ctx context.Context, r syncstate.StatusReport) error {
	t.lane.Tries, t.lane.NotBefore = 0, time.Time{}
	r.TriedAt = time.Now()
	return t.save(ctx, r)
}

// save writes what became of a report and how the Git host is to be treated.
func (t *reportTurn) save(ctx context.Context, r syncstate.StatusReport) error {
	return t.mine(ctx, func(tx *db.Tx) error {
		if err := syncstate.SaveReportStream(tx, t.lane); err != nil {
			return err
		}
		return syncstate.SaveStatusReport(tx, r, tx.Now.Add(reportPause))
	})
}

// told writes the line of one call.
func (t *reportTurn) told(ctx context.Context, level slog.Level, r syncstate.StatusReport, outcome string, cause error) {
	attrs := []slog.Attr{slog.String("link", t.lane.LinkID), slog.String("environment", t.lane.Environment),
		slog.String("branch", r.Branch), slog.String("sha", string(r.SHA)), slog.String("outcome", outcome)}
	if cause != nil {
		attrs = append(attrs, slog.String("kind", lockstep.KindOf(cause).String()), slog.Int64("try", t.lane.Tries), slog.Any("err", cause))
	}
	t.log.LogAttrs(ctx, level, "commit report", attrs...)
}
