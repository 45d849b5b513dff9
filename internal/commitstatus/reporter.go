package commitstatus

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Options configure a Reporter. Fields without a default are required.
type Options struct {
	DB           *db.DB
	Queue        *queue.Queue
	Repositories *repository.Repositories
	Log          *slog.Logger
	// CommitURL returns the page that a status links to, "" for none. Defaults to
	// none.
	CommitURL func(linkID string, sha lockstep.SHA, environment string) string
	// OnFailure is called in the transaction that records that a Git host has not
	// accepted a report. Defaults to nothing.
	OnFailure func(tx *db.Tx, linkID string, cause error) error
}

// A Reporter reports commit statuses to Git hosts. It is safe for concurrent use;
// any number of them may work on one PostgreSQL database.
type Reporter struct {
	db           *db.DB
	queue        *queue.Queue
	repositories *repository.Repositories
	log          *slog.Logger
	commitURL    func(linkID string, sha lockstep.SHA, environment string) string
	onFailure    func(tx *db.Tx, linkID string, cause error) error
}

// New returns a Reporter and registers its jobs with the queue, which must not have
// been started.
func New(options Options) *Reporter {
	reporter := &Reporter{
		db:           options.DB,
		queue:        options.Queue,
		repositories: options.Repositories,
		log:          options.Log.With(slog.String("component", "commitstatus")),
		commitURL:    options.CommitURL,
		onFailure:    options.OnFailure,
	}
	if reporter.onFailure == nil {
		reporter.onFailure = func(*db.Tx, string, error) error { return nil }
	}
	if reporter.commitURL == nil {
		reporter.commitURL = func(string, lockstep.SHA, string) string { return "" }
	}

	queue.Handle(options.Queue, worker.TurnTimeout, reporter.reportStream)
	return reporter
}

// reportJob wakes the worker of a report stream.
type reportJob struct {
	StreamID int64 `json:"stream"`
}

// Kind returns the kind of the job.
func (reportJob) Kind() string { return "status_report" }

// Sweep wakes, every minute, the streams whose reports are overdue, so that a lost
// job costs a minute. It returns when ctx ends.
func (r *Reporter) Sweep(ctx context.Context) {
	queue.Sweep(ctx, r.log, func(ctx context.Context) error {
		return r.db.Update(ctx, func(tx *db.Tx) error {
			streams, err := syncstate.OverdueReportStreams(tx, worker.SweepBatch)
			if err != nil {
				return err
			}
			return queue.WakeAll(r.queue, tx, streams, func(id int64) reportJob { return reportJob{StreamID: id} })
		})
	})
}

const (
	// maxReports is how many reports a turn works on.
	maxReports = 100
	// retryFor is how long after a change its report is retried while the Git host
	// is unavailable.
	retryFor = 24 * time.Hour
	// maxDriverState bounds what a driver keeps of a commit, in bytes.
	maxDriverState = 64 << 10
)

// A turn is the time during which one worker holds the lease on a report stream.
type turn struct {
	*Reporter
	job    *queue.Job
	stream syncstate.ReportStream
}

// reportStream works on the due reports of a stream, one after the other. A status is
// read right before it is reported, so that after an outage only the current one is.
func (r *Reporter) reportStream(ctx context.Context, job *queue.Job, args reportJob) error {
	t := &turn{Reporter: r, job: job}
	began := time.Now()
	due, err := t.acquireLease(ctx, args.StreamID)
	if err != nil || len(due) == 0 {
		return worker.IgnoreLostLease(err)
	}

	for _, report := range due {
		hostUnavailable, err := t.work(ctx, report)
		if err != nil {
			return worker.IgnoreLostLease(err)
		}
		if hostUnavailable || time.Since(began) > worker.StepTimeout {
			break
		}
	}

	err = t.updateIfOwner(ctx, func(tx *db.Tx) error {
		if err := syncstate.DeleteOldStatusReports(tx, t.stream.ID); err != nil {
			return err
		}
		return t.endJob(tx)
	})
	return worker.IgnoreLostLease(err)
}

// acquireLease takes the lease and returns the due reports. If there are none, the job
// has been completed or rescheduled.
func (t *turn) acquireLease(ctx context.Context, streamID int64) (due []syncstate.StatusReport, err error) {
	err = t.db.Update(ctx, func(tx *db.Tx) (err error) {
		due = nil
		t.stream, err = syncstate.AcquireReportStreamLease(tx, streamID)
		if lockstep.KindOf(err) == lockstep.NotFound { // deleted with its link
			return t.job.Complete(tx)
		}
		if err != nil {
			return err
		}

		if !t.stream.NotBefore.After(tx.Now) {
			if due, err = syncstate.DueStatusReports(tx, t.stream.ID, maxReports); err != nil {
				return err
			}
		}

		if len(due) == 0 {
			return t.endJob(tx)
		}

		return nil
	})

	return due, err
}

// endJob completes the job, or reschedules it for the report that is due next.
func (t *turn) endJob(tx *db.Tx) error {
	at, ok, err := syncstate.NextStatusReportDue(tx, t.stream.ID)
	if err != nil {
		return err
	}
	if !ok {
		return t.job.Complete(tx)
	}
	if at.Before(t.stream.NotBefore) {
		at = t.stream.NotBefore
	}
	return t.job.RescheduleAt(tx, at)
}

// work reads the progress of a report's commit and reports it if it has changed for the
// Git host.
func (t *turn) work(ctx context.Context, report syncstate.StatusReport) (hostUnavailable bool, err error) {
	var current progress
	err = t.db.View(ctx, func(tx *db.Tx) (err error) {
		current, err = readProgress(tx, t.stream.LinkID, t.stream.Environment, report.SHA)
		return err
	})
	if err != nil {
		return false, err
	}

	updated := report
	updated.SeenSeq = report.ChangeSeq
	reportNow, dueAt := current.next(report, time.Now())
	updated.DueAt = dueAt
	if !reportNow {
		return false, t.save(ctx, updated, nil)
	}

	status := provider.CommitStatus{
		SHA:         report.SHA,
		Branch:      report.Branch,
		Environment: t.stream.Environment,
		State:       current.state(),
		Summary:     current.summary(),
		URL:         t.commitURL(t.stream.LinkID, report.SHA, t.stream.Environment),
	}
	driverState, cause := t.callDriver(ctx, status, report.DriverState)
	if cause != nil && ctx.Err() != nil {
		return false, ctx.Err() // the process stops: the queue repeats the job
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), worker.StepTimeout)
	defer cancel()

	if at, isBusy := repository.RetryAt(cause); isBusy {
		t.stream.NotBefore = at
		return true, t.save(ctx, report, nil)
	}
	if cause != nil {
		if driverState != nil {
			updated.DriverState = driverState
		}
		return t.handleError(ctx, report, updated, cause)
	}

	updated.State, updated.Summary = string(status.State), status.Summary
	updated.DriverState, updated.Reason = driverState, ""
	t.logReport(ctx, slog.LevelInfo, report, string(status.State), nil)

	return false, t.saveAnswered(ctx, updated, nil)
}

// callDriver reports a status and returns what the driver keeps of the commit, also
// if there is an error.
func (t *turn) callDriver(
	ctx context.Context, status provider.CommitStatus, driverState []byte,
) (kept []byte, err error) {
	err = worker.Call(ctx, worker.StepTimeout, "The Git host", func(ctx context.Context) error {
		repo, err := t.repositories.OpenInSlot(ctx, t.stream.LinkID)
		if err != nil {
			return err
		}
		defer repo.Release()

		reporter, err := repository.As[provider.StatusReporter](repo, "commit statuses")
		if err != nil {
			return err
		}

		kept, err = reporter.ReportStatus(ctx, status, driverState)
		return err
	})
	if len(kept) > maxDriverState {
		return nil, errors.Join(err, errors.New("the driver's state of a commit is too large"))
	}

	return kept, err
}

// handleError records that a report failed. It is retried for a day if the cause is
// transient, and otherwise repeated when something changes.
func (t *turn) handleError(
	ctx context.Context, report, updated syncstate.StatusReport, cause error,
) (hostUnavailable bool, err error) {
	if errors.Is(cause, provider.ErrUnsupported) {
		t.logReport(ctx, slog.LevelDebug, report, "unsupported", cause)
		updated.DueAt = time.Time{}
		return false, t.saveAnswered(ctx, updated, cause)
	}

	t.stream.Tries++
	decision := worker.Decide(cause, t.stream.Tries)
	updated.Reason = lockstep.Shown(cause)

	if !decision.Retry {
		t.logReport(ctx, decision.Level, report, "rejected", cause)
		updated.DueAt = time.Time{}
		return false, t.saveAnswered(ctx, updated, cause)
	}

	t.stream.NotBefore = time.Now().Add(max(time.Second, decision.After, min(provider.RetryAfter(cause), retryFor)))
	if time.Since(report.ChangedAt) < retryFor {
		t.logReport(ctx, decision.Level, report, "retry", cause)
		report.Reason, report.DriverState = updated.Reason, updated.DriverState
		return true, t.save(ctx, report, cause) // still due, its changes unseen
	}

	t.logReport(ctx, slog.LevelWarn, report, "given_up", cause)
	updated.DueAt = time.Time{}
	return true, t.save(ctx, updated, cause)
}

// saveAnswered saves a report that the Git host has accepted, or rejected for a cause.
func (t *turn) saveAnswered(ctx context.Context, report syncstate.StatusReport, cause error) error {
	t.stream.Tries, t.stream.NotBefore = 0, time.Time{}
	report.TriedAt = time.Now()
	return t.save(ctx, report, cause)
}

// save saves a report, and when its stream may call the Git host again. cause is why the report
// failed, nil if it did not.
func (t *turn) save(ctx context.Context, report syncstate.StatusReport, cause error) error {
	return t.updateIfOwner(ctx, func(tx *db.Tx) error {
		if err := syncstate.SaveReportStream(tx, t.stream); err != nil {
			return err
		}
		err := syncstate.SaveStatusReport(tx, report, tx.Now.Add(reportDelay))
		if err != nil || cause == nil {
			return err
		}
		return t.onFailure(tx, t.stream.LinkID, cause)
	})
}

// updateIfOwner runs f in a transaction if this worker still holds the lease.
func (t *turn) updateIfOwner(ctx context.Context, f func(tx *db.Tx) error) error {
	lock := func(tx *db.Tx) (syncstate.ReportStream, bool, error) {
		stream, err := syncstate.LockReportStream(tx, t.stream.ID)
		if lockstep.KindOf(err) == lockstep.NotFound { // deleted with its link
			return stream, false, nil
		}
		return stream, stream.Epoch == t.stream.Epoch, err
	}
	return worker.UpdateIfOwner(ctx, t.db, lock, func(tx *db.Tx, _ syncstate.ReportStream) error { return f(tx) })
}

// logReport writes the log line of one call.
func (t *turn) logReport(
	ctx context.Context, level slog.Level, report syncstate.StatusReport, outcome string, cause error,
) {
	attrs := []slog.Attr{
		slog.String("link", t.stream.LinkID),
		slog.String("environment", t.stream.Environment),
		slog.String("branch", report.Branch),
		slog.String("sha", string(report.SHA)),
		slog.String("outcome", outcome),
	}

	if cause != nil {
		attrs = append(attrs,
			slog.String("kind", lockstep.KindOf(cause).String()),
			slog.Int64("try", t.stream.Tries),
			slog.Any("err", cause))
	}

	t.log.LogAttrs(ctx, level, "status report", attrs...)
}
