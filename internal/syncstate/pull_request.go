package syncstate

import (
	"errors"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A PullRequest is an open pull request into a branch, with the comment on it.
type PullRequest struct {
	ID          int64
	LinkID      string
	Branch      string
	Number      int64
	Head        lockstep.SHA
	Document    []byte // the pull request, in a format of the caller
	Fingerprint string // of the inputs by which its previews were last decided
	Comment
}

// A Comment is the state of the comment on a pull request.
type Comment struct {
	ID        string    // at the Git host; "" if there is none
	Hash      string    // of the body that was last written
	UpdatedAt time.Time // the start of 1970 if there is none
	DueAt     time.Time // zero if the comment is up to date
	Tries     int64     // failures since it was last written
}

const pullRequestColumns = `id, link_id, branch, number, head, document, fingerprint,
	comment_id, comment_hash, comment_at, due_at, tries`

func scanPullRequest(row db.Scanner) (PullRequest, error) {
	var pullRequest PullRequest
	var document string
	var at int64
	var due *int64
	err := row.Scan(&pullRequest.ID, &pullRequest.LinkID, &pullRequest.Branch, &pullRequest.Number, &pullRequest.Head,
		&document, &pullRequest.Fingerprint,
		&pullRequest.Comment.ID, &pullRequest.Hash, &at, &due, &pullRequest.Tries)
	pullRequest.Document, pullRequest.UpdatedAt = []byte(document), db.Time(at)
	pullRequest.DueAt = db.TimeOrZero(due)
	return pullRequest, err
}

// PullRequests returns the open pull requests into a branch, by number.
func PullRequests(tx *db.Tx, linkID, branch string) ([]PullRequest, error) {
	return db.Select(tx, scanPullRequest, `SELECT `+pullRequestColumns+` FROM pull_request
		WHERE link_id = $1 AND branch = $2 ORDER BY number`, linkID, branch)
}

// LockPullRequest locks a pull request until the transaction ends, and returns it.
// It returns false if it is no longer open.
func LockPullRequest(tx *db.Tx, id int64) (PullRequest, bool, error) {
	return optional(scanPullRequest(tx.QueryRow(`SELECT `+pullRequestColumns+` FROM pull_request WHERE id =
		$1`+tx.ForUpdate(), id)))
}

// SavePullRequest writes an open pull request, without its comment, and sets its
// ID. A violated foreign key means that the link was deleted.
func SavePullRequest(tx *db.Tx, pullRequest *PullRequest) error {
	return tx.QueryRow(`INSERT INTO pull_request (link_id, branch, number, head, document, fingerprint)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (link_id, branch, number) DO UPDATE
		SET head = excluded.head, document = excluded.document, fingerprint = excluded.fingerprint
		RETURNING id`,
		pullRequest.LinkID, pullRequest.Branch, pullRequest.Number, pullRequest.Head,
		db.Storable(string(pullRequest.Document)), pullRequest.Fingerprint).Scan(&pullRequest.ID)
}

// ClosePullRequest deletes a pull request. Its previews are detached from it.
func ClosePullRequest(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM pull_request WHERE id = $1`, id)
	return err
}

// SaveComment writes the state of the comment on a pull request.
func SaveComment(tx *db.Tx, pullRequestID int64, c Comment) error {
	_, err := tx.Exec(`UPDATE pull_request SET comment_id = $2, comment_hash = $3, comment_at = $4, due_at = $5, tries =
		$6 WHERE id = $1`,
		pullRequestID, db.Storable(c.ID), c.Hash, db.Millis(c.UpdatedAt), db.MillisOrNull(c.DueAt), c.Tries)
	return err
}

// DueComments returns the pull requests whose comment is due.
func DueComments(tx *db.Tx, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT id FROM pull_request WHERE due_at <= $1 ORDER BY due_at LIMIT $2`,
		db.Millis(tx.Now), limit)
}

// PreviewedBranches returns the branches of a link with a configuration that
// comments on pull requests.
func PreviewedBranches(tx *db.Tx, linkID string) ([]string, error) {
	return db.Select(tx, db.ScanValue[string], `SELECT DISTINCT branch FROM sync_configuration
		WHERE link_id = $1 AND pull_request_comment = 'ENABLED' ORDER BY branch`, linkID)
}

// BranchesDueForListing returns the branches whose pull requests are due to be
// listed, or were never listed.
func BranchesDueForListing(tx *db.Tx, limit int) ([]BranchKey, error) {
	return db.Select(tx, scanBranchKey, `SELECT link_id, branch FROM repository_branch WHERE next_listing_at <= $1
		UNION SELECT c.link_id, c.branch FROM sync_configuration c
		JOIN repository_branch b ON b.link_id = c.link_id AND b.branch = c.branch
		WHERE c.pull_request_comment = 'ENABLED' AND b.next_listing_at IS NULL
		ORDER BY 1, 2 LIMIT $2`, db.Millis(tx.Now), limit)
}

// ScheduleListing sets the time at which the pull requests into a branch are
// listed again; the zero time is never.
func ScheduleListing(tx *db.Tx, linkID, branch string, at time.Time) error {
	_, err := tx.Exec(`UPDATE repository_branch SET next_listing_at = $3 WHERE link_id = $1 AND branch = $2`, linkID,
		branch, db.MillisOrNull(at))
	return err
}

// NextListingAt returns the time at which the pull requests into a branch are
// listed again; the zero time is never. It locks the branch.
func NextListingAt(tx *db.Tx, linkID, branch string) (at time.Time, err error) {
	var next *int64
	err = tx.QueryRow(`SELECT next_listing_at FROM repository_branch WHERE link_id = $1 AND branch = $2`+tx.ForUpdate(),
		linkID, branch).Scan(&next)
	at = db.TimeOrZero(next)
	if errors.Is(err, db.ErrNoRows) {
		err = nil
	}
	return at, err
}

// RequestCommentUpdate makes the comment on a pull request due now.
func RequestCommentUpdate(tx *db.Tx, pullRequestID int64) error {
	_, err := tx.Exec(`UPDATE pull_request SET due_at = $2 WHERE id = $1`, pullRequestID, db.Millis(tx.Now))
	return err
}
