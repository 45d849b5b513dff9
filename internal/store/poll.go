package store

import (
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A Poll is a claim to probe a link's repository once.
type Poll struct {
	LinkID    string
	Interval  time.Duration // the interval in use, 0 before the first probe
	Failures  int64         // failed probes in a row
	Error     string        // of the last probe, to show; "" if it succeeded
	Requested bool          // see RequestPoll
	seq       int64
}

// ClaimPolls claims up to limit links that are due, each for the duration of the
// lease. A link that is not finished by then is due again.
func ClaimPolls(tx *db.Tx, limit int, lease time.Duration) ([]Poll, error) {
	due, err := db.Select(tx, func(row db.Scanner) (poll Poll, err error) {
		var hinted int64
		err = row.Scan(&poll.LinkID, &hinted)
		poll.Requested = hinted == 1

		return poll, err
	}, `SELECT id, CASE WHEN requested_seq <> claimed_seq THEN 1 ELSE 0 END FROM repository_link
		WHERE next_poll_at <= $1 ORDER BY next_poll_at LIMIT $2`+tx.SkipLocked(), db.Millis(tx.Now), limit)
	if err != nil {
		return nil, err
	}

	polls := make([]Poll, 0, len(due))
	for _, poll := range due {
		var interval int64
		err := tx.QueryRow(`UPDATE repository_link SET next_poll_at = $2, claimed_seq = requested_seq WHERE id = $1
			RETURNING poll_interval, poll_failures, claimed_seq`, poll.LinkID, db.Millis(tx.Now.Add(lease))).
			Scan(&interval, &poll.Failures, &poll.seq)
		if err != nil {
			return nil, err
		}

		poll.Interval = time.Duration(interval) * time.Millisecond
		polls = append(polls, poll)
	}

	return polls, nil
}

// FinishPoll writes the interval, the failures and the error of a poll. The link is due
// at next, or at once if a poll was requested since it was claimed.
func FinishPoll(tx *db.Tx, p Poll, next time.Time) error {
	_, err := tx.Exec(`UPDATE repository_link SET poll_interval = $2, poll_failures = CAST($3 AS bigint), poll_error = $7,
		poll_failing_since = CASE WHEN CAST($3 AS bigint) > 0 THEN coalesce(poll_failing_since, CAST($5 AS bigint)) END,
		next_poll_at = CASE WHEN requested_seq <> $4 THEN CAST($5 AS bigint) ELSE CAST($6 AS bigint) END WHERE id = $1`,
		p.LinkID, p.Interval.Milliseconds(), p.Failures, p.seq, db.Millis(tx.Now), db.Millis(next),
		db.Storable(p.Error))
	return err
}

// StopPolling makes a link due only when a poll is requested: no branch of it is
// tracked.
func StopPolling(tx *db.Tx, p Poll) error {
	_, err := tx.Exec(`UPDATE repository_link SET next_poll_at = CASE WHEN requested_seq <> $2 THEN CAST($3 AS bigint)
		END WHERE id = $1`,
		p.LinkID, p.seq, db.Millis(tx.Now))
	return err
}

// SetOutage records why a repository cannot be reached. It reports whether the cause
// differs from the one recorded before.
func SetOutage(tx *db.Tx, linkID, cause string) (bool, error) {
	changed, err := tx.Exec(`UPDATE repository_link SET outage = $2 WHERE id = $1 AND outage <> $2`, linkID,
		lockstep.Sanitize(db.Storable(cause)))
	return changed > 0, err
}

// ClearOutage records that a repository can be reached. It reports whether an outage
// was recorded.
func ClearOutage(tx *db.Tx, linkID string) (bool, error) {
	changed, err := tx.Exec(`UPDATE repository_link SET outage = '' WHERE id = $1 AND outage <> ''`, linkID)
	return changed > 0, err
}

// FreePolls makes the links due whose lease a previous process has left behind. It is
// for a process that is alone with its database: it takes the lease from any other.
// Links without a lease may be due before their time, too.
func FreePolls(tx *db.Tx, lease time.Duration) (int64, error) {
	return tx.Exec(`UPDATE repository_link SET next_poll_at = $1 WHERE next_poll_at > $1 AND next_poll_at <= $2`,
		db.Millis(tx.Now), db.Millis(tx.Now.Add(lease)))
}

// LimitPolls makes the links due whose next poll is further ahead than longest. A clock
// that was ahead, and has been set back since, has scheduled them.
func LimitPolls(tx *db.Tx, longest time.Duration) (int64, error) {
	return tx.Exec(`UPDATE repository_link SET next_poll_at = $1 WHERE next_poll_at > $2`,
		db.Millis(tx.Now), db.Millis(tx.Now.Add(longest)))
}

// ClearPollError forgets the error of the last poll: the repository was read by something
// else since.
func ClearPollError(tx *db.Tx, linkID string) error {
	_, err := tx.Exec(`UPDATE repository_link SET poll_error = '', poll_failing_since = NULL
		WHERE id = $1 AND poll_error <> ''`, linkID)
	return err
}

// StartPolling makes a link due at a time, if it is not polled already.
func StartPolling(tx *db.Tx, linkID string, from time.Time) error {
	_, err := tx.Exec(`UPDATE repository_link SET next_poll_at = $2 WHERE id = $1 AND next_poll_at IS NULL`,
		linkID, db.Millis(from))
	return err
}

// RequestPoll makes a link due now.
func RequestPoll(tx *db.Tx, linkID string) error {
	_, err := tx.Exec(`UPDATE repository_link SET requested_seq = requested_seq + 1, next_poll_at = $2 WHERE id = $1`,
		linkID, db.Millis(tx.Now))
	return err
}

// RequestPollsOfConnection is [RequestPoll] for every polled link of a connection.
func RequestPollsOfConnection(tx *db.Tx, connection lockstep.ARN) error {
	_, err := tx.Exec(`UPDATE repository_link SET requested_seq = requested_seq + 1, next_poll_at = $2
		WHERE connection_arn = $1 AND next_poll_at IS NOT NULL`, connection, db.Millis(tx.Now))
	return err
}

// NextPoll returns the time at which the next link is due, or false if none is.
func NextPoll(tx *db.Tx) (time.Time, bool, error) {
	var at *int64
	err := tx.QueryRow(`SELECT min(next_poll_at) FROM repository_link WHERE next_poll_at IS NOT NULL`).Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, false, err
	}
	return db.Time(*at), true, nil
}
