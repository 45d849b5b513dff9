package syncstate

import (
	"errors"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A ReportLane is the way that all goes which a Git host is told of the commits
// of one link in one environment: one at a time, in order.
type ReportStream struct {
	ID          int64
	LinkID      string
	Environment string // such as 123456789012/us-east-1
	Epoch       int64
	Tries       int64     // failures of the Git host in a row
	NotBefore   time.Time // until then it is left alone
}

// A CommitReport is what a Git host was told of a commit in an environment, and
// what it is yet to be told.
type StatusReport struct {
	ID        int64
	SHA       lockstep.SHA
	Branch    string
	ChangeSeq int64 // counts what happened to the commit
	SeenSeq   int64 // how much of that was looked at
	ChangedAt time.Time
	DueAt     time.Time // when it is to be looked at; zero where nothing is expected
	// State and Summary are what was told last, "" before the first time.
	State       string
	Summary     string
	TriedAt     time.Time // of the last call that the Git host answered, with yes or no
	DriverState []byte    // the driver's
	Reason      string    // why the last call failed, "" where it did not
}

// StatusChange is that something happened to a commit in an environment.
type StatusChange struct {
	LinkID      string
	Environment string
	SHA         lockstep.SHA
	Branch      string
	// CreateReport says that a report begins with it where there is none.
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

// RecordStatusChange makes a commit's report due at a time, and keeps its lane locked until
// the transaction ends. It is to be the last that a transaction locks: the lane is
// shared by all resources of an environment. Ok is false where no lane is to be
// woken: there is no report, or it is due earlier.
func RecordStatusChange(tx *db.Tx, change StatusChange, due time.Time) (laneID int64, ok bool, err error) {
	lane, err := lockStreamOf(tx, change)
	if err != nil {
		return 0, false, unlessNoRows(err)
	}

	now, at := db.Millis(tx.Now), db.Millis(due)
	var is int64
	err = tx.QueryRow(`UPDATE status_report SET change_seq = change_seq + 1, changed_at = $3, branch = $4,
		due_at = CASE WHEN due_at < $5 THEN due_at ELSE $5 END WHERE stream_id = $1 AND sha = $2 RETURNING due_at`,
		lane.ID, change.SHA, now, change.Branch, at).Scan(&is)
	if !errors.Is(err, db.ErrNoRows) || !change.CreateReport {
		return lane.ID, err == nil && is == at, unlessNoRows(err)
	}

	_, err = tx.Exec(`INSERT INTO status_report (stream_id, sha, branch, changed_at, due_at) VALUES ($1, $2, $3, $4, $5)`,
		lane.ID, change.SHA, change.Branch, now, at)
	return lane.ID, err == nil, err
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

// AcquireReportStreamLease makes the caller the lane's worker: it adds one to the epoch, so
// that a write of whoever had it before is refused. NotFound where its link is gone.
func AcquireReportStreamLease(tx *db.Tx, id int64) (ReportStream, error) {
	l, err := scanStream(tx.QueryRow(`UPDATE report_stream SET epoch = epoch + 1 WHERE id = $1 RETURNING `+streamColumns, id))
	return l, notFoundAs(err, noStream(id))
}

// LockReportStream reads a lane and keeps it locked until the transaction ends. NotFound
// where its link is gone.
func LockReportStream(tx *db.Tx, id int64) (ReportStream, error) {
	l, err := scanStream(tx.QueryRow(`SELECT `+streamColumns+` FROM report_stream WHERE id = $1`+tx.ForUpdate(), id))
	return l, notFoundAs(err, noStream(id))
}

func noStream(id int64) *lockstep.Error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find report lane %d.", id)
}

// SaveReportStream writes for how long the Git host is left alone, after how many failures.
func SaveReportStream(tx *db.Tx, l ReportStream) error {
	_, err := tx.Exec(`UPDATE report_stream SET tries = $2, not_before = $3 WHERE id = $1`, l.ID, l.Tries, db.Millis(l.NotBefore))
	return err
}

const reportColumns = `id, sha, branch, change_seq, seen_seq, changed_at, due_at, state, summary, tried_at, driver_state, reason`

func scanReport(row db.Scanner, before ...any) (StatusReport, error) {
	var report StatusReport
	var news, tried int64
	var due *int64
	err := row.Scan(append(before, &report.ID, &report.SHA, &report.Branch, &report.ChangeSeq, &report.SeenSeq, &news, &due, &report.State,
		&report.Summary, &tried, &report.DriverState, &report.Reason)...)
	report.ChangedAt, report.TriedAt = db.Time(news), db.Time(tried)
	report.DueAt = db.TimeOrZero(due)
	return report, err
}

// DueStatusReports gives what is to be looked at in a lane, in the order in which the
// commits came: nothing before one of the reports is due, and then also those that
// have news and are due a little later, so that none overtakes an older one.
func DueStatusReports(tx *db.Tx, laneID int64, limit int) ([]StatusReport, error) {
	return db.Select(tx, func(row db.Scanner) (StatusReport, error) { return scanReport(row) }, `SELECT `+reportColumns+` FROM status_report
		WHERE stream_id = $1 AND due_at IS NOT NULL AND (due_at <= $2 OR seen_seq < change_seq)
			AND EXISTS (SELECT 1 FROM status_report WHERE stream_id = $1 AND due_at <= $2)
		ORDER BY id LIMIT $3`, laneID, db.Millis(tx.Now), limit)
}

// NextStatusReportDue says when the next report of a lane is due, false if none is.
func NextStatusReportDue(tx *db.Tx, laneID int64) (time.Time, bool, error) {
	var at *int64
	err := tx.QueryRow(`SELECT min(due_at) FROM status_report WHERE stream_id = $1 AND due_at IS NOT NULL`, laneID).Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, false, err
	}
	return db.Time(*at), true, nil
}

// SaveStatusReport writes what was told, and when the report is to be looked at next:
// then, or at the time fresh if there is news beyond what was seen. One that was
// forgotten meanwhile is no error. The lane is locked by the caller.
func SaveStatusReport(tx *db.Tx, report StatusReport, fresh time.Time) error {
	_, err := tx.Exec(`UPDATE status_report SET seen_seq = $2, due_at = CASE WHEN change_seq > $2 THEN CAST($3 AS bigint) ELSE CAST($4 AS bigint) END,
		state = $5, summary = $6, tried_at = $7, driver_state = $8, reason = $9 WHERE id = $1`,
		report.ID, report.SeenSeq, db.Millis(fresh), db.MillisOrNull(report.DueAt), report.State, db.Storable(report.Summary), db.Millis(report.TriedAt), report.DriverState,
		lockstep.Truncate(db.Storable(report.Reason), lockstep.MaxMessage))
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

// DeleteOldStatusReports forgets some of the oldest reports of a lane.
func DeleteOldStatusReports(tx *db.Tx, laneID int64) error {
	_, err := tx.Exec(`DELETE FROM status_report WHERE id IN (SELECT id FROM status_report WHERE stream_id = $1
		AND (changed_at < $2 OR id <= (SELECT coalesce(max(id), 0) FROM (
			SELECT id FROM status_report WHERE stream_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $3) AS beyond))
		ORDER BY id LIMIT $4)`, laneID, db.Millis(tx.Now.Add(-reportLifetime)), maxReports, maxDeletedReports)
	return err
}

// OverdueReportStreams gives the lanes in which a report is overdue.
func OverdueReportStreams(tx *db.Tx, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT l.id FROM report_stream l WHERE l.not_before <= $1
		AND EXISTS (SELECT 1 FROM status_report r WHERE r.stream_id = l.id AND r.due_at <= $1)
		ORDER BY l.id LIMIT $2`, db.Millis(tx.Now), limit)
}

// A ReportOf is a report with its environment.
type EnvironmentReport struct {
	StatusReport
	Environment string
}

// StatusReportOf reads the report of a commit of a link in an environment. NotFound
// where there is none, or it was forgotten.
func StatusReportOf(tx *db.Tx, linkID, environment string, sha lockstep.SHA) (StatusReport, error) {
	r, err := scanReport(tx.QueryRow(`SELECT `+reportColumns+` FROM status_report WHERE sha = $3
		AND stream_id = (SELECT id FROM report_stream WHERE link_id = $1 AND environment = $2)`, linkID, environment, sha))
	return r, notFoundAs(err, lockstep.Errorf(lockstep.NotFound, "Could not find a report of commit %s.", sha))
}

// StatusReports reads a page of a link's reports, newest commit first.
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
