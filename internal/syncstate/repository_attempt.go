package syncstate

import (
	"errors"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A RepositoryAttempt is the row of a repository sync attempt.
type RepositoryAttempt struct {
	lockstep.RepositorySyncAttempt
	Tries     int64
	NotBefore time.Time
}

const repositoryAttemptColumns = `id, link_id, branch, sha, status, started_at, tries, not_before`

func scanRepositoryAttempt(row db.Scanner) (RepositoryAttempt, bool, error) {
	var attempt RepositoryAttempt
	var started, notBefore int64
	err := row.Scan(&attempt.ID, &attempt.LinkID, &attempt.Branch, &attempt.SHA, &attempt.Status, &started, &attempt.Tries, &notBefore)
	if errors.Is(err, db.ErrNoRows) {
		return RepositoryAttempt{}, false, nil
	}
	attempt.StartedAt, attempt.NotBefore = db.Time(started), db.Time(notBefore)
	return attempt, err == nil, err
}

// InsertRepositoryAttempt makes an attempt with the status it begins with. The
// database refuses a second one that runs and a second one that is queued.
func InsertRepositoryAttempt(tx *db.Tx, linkID, branch string, status lockstep.RepositorySyncStatus) (RepositoryAttempt, error) {
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

// RunningRepositoryAttempt gives the attempt that runs for a branch, false if
// none.
func RunningRepositoryAttempt(tx *db.Tx, linkID, branch string) (RepositoryAttempt, bool, error) {
	return scanRepositoryAttempt(tx.QueryRow(`SELECT `+repositoryAttemptColumns+` FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND status IN ('INITIATED', 'IN_PROGRESS')`, linkID, branch))
}

// QueuedRepositoryAttempt gives the attempt that waits behind the running one,
// false if none.
func QueuedRepositoryAttempt(tx *db.Tx, linkID, branch string) (RepositoryAttempt, bool, error) {
	return scanRepositoryAttempt(tx.QueryRow(`SELECT `+repositoryAttemptColumns+` FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND status = 'QUEUED'`, linkID, branch))
}

// SaveRepositoryAttempt writes status, commit, tries and time of an attempt
// that has not ended; a status that ends it stamps the end.
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

// LatestRepositorySync gives the newest attempt of a branch with its events.
func LatestRepositorySync(tx *db.Tx, linkID, branch string) (lockstep.RepositorySyncAttempt, error) {
	attempt, ok, err := scanRepositoryAttempt(tx.QueryRow(`SELECT `+repositoryAttemptColumns+` FROM repository_sync_attempt
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

// HasSyncedHead says whether a repository sync has acted on a commit as the head
// of a branch: whatever it concerned has been desired.
func HasSyncedHead(tx *db.Tx, linkID, branch string, sha lockstep.SHA) (bool, error) {
	var n int64
	err := tx.QueryRow(`SELECT count(*) FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND sha = $3 AND status = 'SUCCEEDED'`, linkID, branch, sha).Scan(&n)
	return n > 0, err
}

// LastSyncedHead gives the commit that a repository sync of a branch acted on last,
// "" before the first.
func LastSyncedHead(tx *db.Tx, linkID, branch string) (lockstep.SHA, error) {
	var sha lockstep.SHA
	err := tx.QueryRow(`SELECT sha FROM repository_sync_attempt
		WHERE link_id = $1 AND branch = $2 AND status = 'SUCCEEDED' ORDER BY seq DESC LIMIT 1`, linkID, branch).Scan(&sha)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return sha, err
}

// OverdueRepositorySyncs gives the branches with a repository sync to be done
// whose time has come.
func OverdueRepositorySyncs(tx *db.Tx, limit int) ([]BranchKey, error) {
	return db.Select(tx, scanBranchKey, `SELECT DISTINCT link_id, branch FROM repository_sync_attempt
		WHERE status IN ('QUEUED', 'INITIATED', 'IN_PROGRESS') AND not_before <= $1
		ORDER BY link_id, branch LIMIT $2`, db.Millis(tx.Now), limit)
}
