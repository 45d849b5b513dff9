package syncstate

import (
	"errors"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A RepositoryAttempt is a repository sync attempt with the progress of its
// worker.
type RepositoryAttempt struct {
	lockstep.RepositorySyncAttempt
	Tries     int64
	NotBefore time.Time
}

const repositoryAttemptColumns = `id, link_id, branch, sha, status, started_at, tries, not_before`

func scanRepositoryAttempt(row db.Scanner) (RepositoryAttempt, bool, error) {
	var attempt RepositoryAttempt
	var started, notBefore int64
	err := row.Scan(&attempt.ID, &attempt.LinkID, &attempt.Branch, &attempt.SHA, &attempt.Status, &started,
		&attempt.Tries, &notBefore)
	if errors.Is(err, db.ErrNoRows) {
		return RepositoryAttempt{}, false, nil
	}
	attempt.StartedAt, attempt.NotBefore = db.Time(started), db.Time(notBefore)
	return attempt, err == nil, err
}

// InsertRepositoryAttempt creates an attempt with a status. The database allows
// one running and one queued attempt for each branch.
func InsertRepositoryAttempt(
	tx *db.Tx, linkID, branch string, status lockstep.RepositorySyncStatus,
) (RepositoryAttempt, error) {
	now := db.Millis(tx.Now)
	var ended *int64
	if status == lockstep.RepositoryFailed {
		ended = &now
	}
	a, _, err := scanRepositoryAttempt(tx.QueryRow(`INSERT INTO repository_sync_attempt
		(id, link_id, branch, status, not_before, started_at, ended_at) VALUES ($1, $2, $3, $4, $5, $5, $6)
		RETURNING `+repositoryAttemptColumns, newID(), linkID, branch, status, now, ended))
	return a, err
}

// RunningRepositoryAttempt returns the running attempt of a branch, or false if
// there is none.
func RunningRepositoryAttempt(tx *db.Tx, linkID, branch string) (RepositoryAttempt, bool, error) {
	return scanRepositoryAttempt(tx.QueryRow(`SELECT `+repositoryAttemptColumns+` FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND status IN ('INITIATED', 'IN_PROGRESS')`, linkID, branch))
}

// QueuedRepositoryAttempt returns the attempt that waits for the running one, or
// false if there is none.
func QueuedRepositoryAttempt(tx *db.Tx, linkID, branch string) (RepositoryAttempt, bool, error) {
	return scanRepositoryAttempt(tx.QueryRow(`SELECT `+repositoryAttemptColumns+` FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND status = 'QUEUED'`, linkID, branch))
}

// SaveRepositoryAttempt writes the progress of an attempt that has not ended. A
// final status also sets the end.
func SaveRepositoryAttempt(tx *db.Tx, attempt RepositoryAttempt) error {
	var ended *int64
	if attempt.Status == lockstep.RepositorySucceeded || attempt.Status == lockstep.RepositoryFailed {
		now := db.Millis(tx.Now)
		ended = &now
	}
	return requireOneRow(tx.Exec(`UPDATE repository_sync_attempt SET status = $2, sha = $3, tries = $4, not_before = $5,
		ended_at = $6 WHERE id = $1 AND ended_at IS NULL`,
		attempt.ID, attempt.Status, attempt.SHA, attempt.Tries, db.Millis(attempt.NotBefore), ended))
}

// LatestRepositorySync returns the newest attempt of a branch with its events.
func LatestRepositorySync(tx *db.Tx, linkID, branch string) (lockstep.RepositorySyncAttempt, error) {
	attempt, ok, err := scanRepositoryAttempt(tx.QueryRow(`SELECT `+repositoryAttemptColumns+
		` FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 ORDER BY seq DESC LIMIT 1`, linkID, branch))
	if err != nil {
		return lockstep.RepositorySyncAttempt{}, err
	}
	if !ok {
		return lockstep.RepositorySyncAttempt{}, NoRepositoryStatus(linkID)
	}
	attempt.Events, err = repositoryEvents(tx, attempt.ID)
	return attempt.RepositorySyncAttempt, err
}

// HasSyncedHead reports whether a repository sync has succeeded for a head of a
// branch. All resources that the head affects then have it as their desired
// revision, or had.
func HasSyncedHead(tx *db.Tx, linkID, branch string, sha lockstep.SHA) (bool, error) {
	var n int64
	err := tx.QueryRow(`SELECT count(*) FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND sha = $3 AND status = 'SUCCEEDED'`, linkID, branch, sha).Scan(&n)
	return n > 0, err
}

// LastSyncedHead returns the head of the last repository sync of a branch that
// succeeded, or "" if there is none.
func LastSyncedHead(tx *db.Tx, linkID, branch string) (lockstep.SHA, error) {
	var sha lockstep.SHA
	err := tx.QueryRow(`SELECT sha FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND status = 'SUCCEEDED' ORDER BY seq DESC LIMIT 1`, linkID,
		branch).Scan(&sha)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return sha, err
}

// OverdueRepositorySyncs returns the branches with an open repository sync that is
// due.
func OverdueRepositorySyncs(tx *db.Tx, limit int) ([]BranchKey, error) {
	return db.Select(tx, scanBranchKey, `SELECT DISTINCT link_id, branch FROM repository_sync_attempt
		WHERE status IN ('QUEUED', 'INITIATED', 'IN_PROGRESS') AND not_before <= $1
		ORDER BY link_id, branch LIMIT $2`, db.Millis(tx.Now), limit)
}
