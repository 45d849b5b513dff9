package syncstate

import (
	"time"

	"github.com/lockstephq/lockstep/internal/db"
)

// Retention is which ended attempts are kept: those that ended within MaxAge, and of
// these the last MaxAttempts of a resource or branch. A zero field does not bound.
type Retention struct {
	MaxAge      time.Duration
	MaxAttempts int
}

// oldest returns the time in milliseconds before which attempts are too old.
func (r Retention) oldest(now time.Time) int64 {
	if r.MaxAge == 0 {
		return 0
	}
	return db.Millis(now.Add(-r.MaxAge))
}

// ExpiredResourceAttempts returns the numbers of up to limit ended attempts that r does
// not keep, oldest first. The latest attempt for a configuration, the latest one that
// succeeded, and attempts for a commit with a status report that is due never expire.
func ExpiredResourceAttempts(tx *db.Tx, r Retention, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT seq FROM (SELECT seq, target_sha, ended_at,
			row_number() OVER (PARTITION BY resource_id ORDER BY seq DESC) AS place,
			max(seq) OVER (PARTITION BY resource_id, configuration_id) AS latest,
			max(CASE WHEN status = 'SUCCEEDED' THEN seq ELSE 0 END)
				OVER (PARTITION BY resource_id, configuration_id) AS succeeded
			FROM resource_sync_attempt) a
		WHERE ended_at IS NOT NULL AND (ended_at < $1 OR $2 > 0 AND place > $2) AND seq <> latest AND seq <> succeeded
		AND NOT EXISTS (SELECT 1 FROM status_report p WHERE p.sha = a.target_sha AND p.due_at IS NOT NULL)
		ORDER BY seq LIMIT $3`, r.oldest(tx.Now), int64(r.MaxAttempts), limit)
}

// ExpiredRepositoryAttempts returns the numbers of up to limit ended attempts of
// branches that r does not keep, oldest first. The latest attempt of a branch and the
// latest one that succeeded never expire.
func ExpiredRepositoryAttempts(tx *db.Tx, r Retention, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT seq FROM (SELECT seq, ended_at,
			row_number() OVER (PARTITION BY link_id, branch ORDER BY seq DESC) AS place,
			max(CASE WHEN status = 'SUCCEEDED' THEN seq ELSE 0 END)
				OVER (PARTITION BY link_id, branch) AS succeeded
			FROM repository_sync_attempt) a
		WHERE ended_at IS NOT NULL AND (ended_at < $1 OR $2 > 0 AND place > $2) AND place > 1 AND seq <> succeeded
		ORDER BY seq LIMIT $3`, r.oldest(tx.Now), int64(r.MaxAttempts), limit)
}

// DeleteResourceAttempts deletes ended attempts by their numbers, with their events.
func DeleteResourceAttempts(tx *db.Tx, numbers []int64) error {
	for _, seq := range numbers {
		_, err := tx.Exec(`DELETE FROM resource_sync_attempt WHERE seq = $1 AND ended_at IS NOT NULL`, seq)
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteRepositoryAttempts deletes ended attempts of branches by their numbers, with
// their events.
func DeleteRepositoryAttempts(tx *db.Tx, numbers []int64) error {
	for _, seq := range numbers {
		_, err := tx.Exec(`DELETE FROM repository_sync_attempt WHERE seq = $1 AND ended_at IS NOT NULL`, seq)
		if err != nil {
			return err
		}
	}
	return nil
}
