package syncstate

import (
	"errors"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A ReportStream serializes the status reports for the commits of one link in one
// environment.
type ReportStream struct {
	ID          int64
	LinkID      string
	Environment string // such as 123456789012/us-east-1
	Epoch       int64
	Tries       int64     // failures of the Git host in a row
	NotBefore   time.Time // no call to the Git host before then
}

// A StatusReport is the commit status that a Git host shows for a commit in an
// environment, and the changes that are not sent yet.
type StatusReport struct {
	ID        int64
	SHA       lockstep.SHA
	Branch    string
	ChangeSeq int64 // counts changes of the commit's status
	SeenSeq   int64 // the last change that a worker has examined
	ChangedAt time.Time
	DueAt     time.Time // zero if no change is expected
	// State and Summary were sent last, "" before the first time.
	State       string
	Summary     string
	TriedAt     time.Time // of the last call that the Git host answered
	DriverState []byte    // kept for the driver
	Reason      string    // why the last call failed, or ""
}

// A StatusChange is a change of a commit's status in an environment.
type StatusChange struct {
	LinkID      string
	Environment string
	SHA         lockstep.SHA
	Branch      string
	// CreateReport makes the change create the report if there is none.
	CreateReport bool
}

const streamColumns = `id, link_id, environment, epoch, tries, not_before`

func scanStream(row db.Scanner) (ReportStream, error) {
	var stream ReportStream
	var notBefore int64
	err := row.Scan(&stream.ID, &stream.LinkID, &stream.Environment, &stream.Epoch, &stream.Tries, &notBefore)
	stream.NotBefore = db.Time(notBefore)
	return stream, err
}

// RecordStatusChange makes the status report of a commit due at a time, and locks
// its report stream until the transaction ends. The stream is shared by all
// resources of an environment, so this must be the last lock of a transaction. ok
// is false if there is no report or it is due earlier, so that no worker has to be
// woken.
func RecordStatusChange(tx *db.Tx, change StatusChange, due time.Time) (streamID int64, ok bool, err error) {
	stream, err := lockStreamOf(tx, change)
	if err != nil {
		return 0, false, unlessNoRows(err)
	}

	now, dueAt := db.Millis(tx.Now), db.Millis(due)
	var recorded int64
	err = tx.QueryRow(`UPDATE status_report SET change_seq = change_seq + 1, changed_at = $3, branch = $4,
		due_at = CASE WHEN due_at < $5 THEN due_at ELSE $5 END WHERE stream_id = $1 AND sha = $2 RETURNING due_at`,
		stream.ID, change.SHA, now, change.Branch, dueAt).Scan(&recorded)
	if !errors.Is(err, db.ErrNoRows) || !change.CreateReport {
		return stream.ID, err == nil && recorded == dueAt, unlessNoRows(err)
	}

	_, err = tx.Exec(`INSERT INTO status_report (stream_id, sha, branch, changed_at, due_at)
		VALUES ($1, $2, $3, $4, $5)`,
		stream.ID, change.SHA, change.Branch, now, dueAt)
	return stream.ID, err == nil, err
}

func unlessNoRows(err error) error {
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	return err
}

func lockStreamOf(tx *db.Tx, change StatusChange) (ReportStream, error) {
	const query = `SELECT ` + streamColumns + ` FROM report_stream WHERE link_id = $1 AND environment = $2`
	stream, err := scanStream(tx.QueryRow(query+tx.ForUpdate(), change.LinkID, change.Environment))
	if !errors.Is(err, db.ErrNoRows) || !change.CreateReport {
		return stream, err
	}
	if _, err := tx.Exec(`INSERT INTO report_stream (link_id, environment) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		change.LinkID, change.Environment); err != nil {
		return stream, err
	}
	return scanStream(tx.QueryRow(query+tx.ForUpdate(), change.LinkID, change.Environment))
}

// AcquireReportStreamLease acquires the lease of a report stream: it adds one to
// the epoch, so that the previous owner's writes are rejected. The error is
// NotFound if the link was deleted.
func AcquireReportStreamLease(tx *db.Tx, id int64) (ReportStream, error) {
	stream, err := scanStream(tx.QueryRow(`UPDATE report_stream SET epoch = epoch + 1 WHERE id = $1
		RETURNING `+streamColumns, id))
	return stream, notFoundAs(err, noStream(id))
}

// LockReportStream locks a report stream until the transaction ends, and returns
// it. The error is NotFound if the link was deleted.
func LockReportStream(tx *db.Tx, id int64) (ReportStream, error) {
	stream, err := scanStream(tx.QueryRow(`SELECT `+streamColumns+` FROM report_stream WHERE id = $1`+
		tx.ForUpdate(), id))
	return stream, notFoundAs(err, noStream(id))
}

func noStream(id int64) *lockstep.Error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find report stream %d.", id)
}

// SaveReportStream writes the backoff of a report stream.
func SaveReportStream(tx *db.Tx, stream ReportStream) error {
	_, err := tx.Exec(`UPDATE report_stream SET tries = $2, not_before = $3 WHERE id = $1`,
		stream.ID, stream.Tries, db.Millis(stream.NotBefore))
	return err
}

const reportColumns = `id, sha, branch, change_seq, seen_seq, changed_at, due_at, state, summary, tried_at,
	driver_state, reason`

func scanReport(row db.Scanner, before ...any) (StatusReport, error) {
	var report StatusReport
	var changed, tried int64
	var due *int64
	err := row.Scan(append(before, &report.ID, &report.SHA, &report.Branch, &report.ChangeSeq, &report.SeenSeq,
		&changed, &due, &report.State, &report.Summary, &tried, &report.DriverState, &report.Reason)...)
	report.ChangedAt, report.TriedAt = db.Time(changed), db.Time(tried)
	report.DueAt = db.TimeOrZero(due)
	return report, err
}

// DueStatusReports returns the due reports of a stream, oldest commit first. It
// returns none before one is due, and then also those with changes that are due a
// little later, so that no report overtakes an older one.
func DueStatusReports(tx *db.Tx, streamID int64, limit int) ([]StatusReport, error) {
	scan := func(row db.Scanner) (StatusReport, error) { return scanReport(row) }
	return db.Select(tx, scan, `SELECT `+reportColumns+` FROM status_report
		WHERE stream_id = $1 AND due_at IS NOT NULL AND (due_at <= $2 OR seen_seq < change_seq)
			AND EXISTS (SELECT 1 FROM status_report WHERE stream_id = $1 AND due_at <= $2)
		ORDER BY id LIMIT $3`, streamID, db.Millis(tx.Now), limit)
}

// NextStatusReportDue returns the time at which the next report of a stream is
// due, or false if none is.
func NextStatusReportDue(tx *db.Tx, streamID int64) (time.Time, bool, error) {
	var at *int64
	err := tx.QueryRow(`SELECT min(due_at) FROM status_report WHERE stream_id = $1 AND due_at IS NOT NULL`, streamID).
		Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, false, err
	}
	return db.Time(*at), true, nil
}

// SaveStatusReport writes what was sent, and the time at which the report is due
// again: its DueAt, or retryAt if it has changed since it was read. A report that
// was deleted is ignored. The caller has locked the stream.
func SaveStatusReport(tx *db.Tx, report StatusReport, retryAt time.Time) error {
	_, err := tx.Exec(`UPDATE status_report SET seen_seq = $2, due_at =
		CASE WHEN change_seq > $2 THEN CAST($3 AS bigint) ELSE CAST($4 AS bigint) END,
		state = $5, summary = $6, tried_at = $7, driver_state = $8, reason = $9 WHERE id = $1`,
		report.ID, report.SeenSeq, db.Millis(retryAt), db.MillisOrNull(report.DueAt), report.State,
		db.Storable(report.Summary), db.Millis(report.TriedAt), report.DriverState,
		lockstep.Truncate(storableText(report.Reason), lockstep.MaxMessage))
	return err
}

const (
	// maxReports is how many commits are remembered in an environment, and
	// reportKept for how long after the last news.
	maxReports     = 1000
	reportLifetime = 30 * 24 * time.Hour
	// maxDeletedReports is the most that are forgotten at once.
	maxDeletedReports = 100
)

// DeleteOldStatusReports deletes some of the oldest reports of a stream.
func DeleteOldStatusReports(tx *db.Tx, streamID int64) error {
	_, err := tx.Exec(`DELETE FROM status_report WHERE id IN (SELECT id FROM status_report WHERE stream_id = $1
		AND (changed_at < $2 OR id <= (SELECT coalesce(max(id), 0) FROM (
			SELECT id FROM status_report WHERE stream_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $3) AS beyond))
		ORDER BY id LIMIT $4)`, streamID, db.Millis(tx.Now.Add(-reportLifetime)), maxReports, maxDeletedReports)
	return err
}

// OverdueReportStreams returns the streams with a report that is due.
func OverdueReportStreams(tx *db.Tx, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT l.id FROM report_stream l WHERE l.not_before <= $1
		AND EXISTS (SELECT 1 FROM status_report r WHERE r.stream_id = l.id AND r.due_at <= $1)
		ORDER BY l.id LIMIT $2`, db.Millis(tx.Now), limit)
}

// An EnvironmentReport is a status report with its environment.
type EnvironmentReport struct {
	StatusReport
	Environment string
}

// StatusReportOf returns the report of a commit of a link in an environment. The
// error is NotFound if there is none, or it was deleted.
func StatusReportOf(tx *db.Tx, linkID, environment string, sha lockstep.SHA) (StatusReport, error) {
	report, err := scanReport(tx.QueryRow(`SELECT `+reportColumns+` FROM status_report WHERE sha = $3
		AND stream_id = (SELECT id FROM report_stream WHERE link_id = $1 AND environment = $2)`, linkID,
		environment, sha))
	return report, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find a report of commit %s.", sha))
}

// StatusReports returns a page of a link's reports, newest commit first.
func StatusReports(tx *db.Tx, linkID string, page db.Page) ([]EnvironmentReport, db.Cursor, error) {
	before := page.After.Number
	if before == 0 {
		before = 1<<63 - 1
	}

	scan := func(row db.Scanner) (report EnvironmentReport, err error) {
		report.StatusReport, err = scanReport(row, &report.Environment)
		return report, err
	}
	cursor := func(report EnvironmentReport) db.Cursor { return db.Cursor{Number: report.ID} }

	return db.SelectPage(tx, page, scan, cursor,
		`SELECT l.environment, r.id, r.sha, r.branch, r.change_seq, r.seen_seq, r.changed_at, r.due_at, r.state,
		r.summary, r.tried_at, r.driver_state, r.reason FROM report_stream l JOIN status_report r ON r.stream_id = l.id
		WHERE l.link_id = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3`, linkID, before)
}
