package syncstate

import (
	"errors"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A PullRequest is the row of an open pull request into a branch, and of the
// comment on it.
type PullRequest struct {
	ID          int64
	LinkID      string
	Branch      string
	Number      int64
	Head        lockstep.SHA
	Document    []byte // the pull request in the caller's form
	Fingerprint string // what its previews were last decided by
	Comment
}

// A Comment is where the comment on a pull request stands.
type Comment struct {
	ID        string    // the host's; "" where there is none
	Hash      string    // of the body last put
	UpdatedAt time.Time // when that was; the start of 1970 where there is none
	DueAt     time.Time // when it is to be looked at; zero where it says what there is to say
	Tries     int64     // failures since it was last put
}

const pullRequestColumns = `id, link_id, branch, number, head, document, fingerprint,
	comment_id, comment_hash, comment_at, due_at, tries`

func scanPullRequest(row db.Scanner) (PullRequest, error) {
	var pullRequest PullRequest
	var document string
	var at int64
	var due *int64
	err := row.Scan(&pullRequest.ID, &pullRequest.LinkID, &pullRequest.Branch, &pullRequest.Number, &pullRequest.Head, &document, &pullRequest.Fingerprint,
		&pullRequest.Comment.ID, &pullRequest.Hash, &at, &due, &pullRequest.Tries)
	pullRequest.Document, pullRequest.UpdatedAt = []byte(document), db.Time(at)
	pullRequest.DueAt = db.TimeOrZero(due)
	return pullRequest, err
}

// PullRequests reads the open pull requests into a branch, by number.
func PullRequests(tx *db.Tx, linkID, branch string) ([]PullRequest, error) {
	return db.Select(tx, scanPullRequest, `SELECT `+pullRequestColumns+` FROM pull_request
		WHERE link_id = $1 AND branch = $2 ORDER BY number`, linkID, branch)
}

// LockPullRequest reads a pull request and keeps its row locked until the
// transaction ends; false where it is not open any more.
func LockPullRequest(tx *db.Tx, id int64) (PullRequest, bool, error) {
	return optional(scanPullRequest(tx.QueryRow(`SELECT `+pullRequestColumns+` FROM pull_request WHERE id = $1`+tx.ForUpdate(), id)))
}

// SavePullRequest writes an open pull request, its comment aside, and fills in
// ID. A violated foreign key says that the link is gone.
func SavePullRequest(tx *db.Tx, p *PullRequest) error {
	return tx.QueryRow(`INSERT INTO pull_request (link_id, branch, number, head, document, fingerprint) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (link_id, branch, number) DO UPDATE SET head = excluded.head, document = excluded.document, fingerprint = excluded.fingerprint
		RETURNING id`, p.LinkID, p.Branch, p.Number, p.Head, db.Storable(string(p.Document)), p.Fingerprint).Scan(&p.ID)
}

// ClosePullRequest forgets a pull request. Its previews are wanted by nobody any
// more.
func ClosePullRequest(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM pull_request WHERE id = $1`, id)
	return err
}

// SaveComment writes where the comment on a pull request stands.
func SaveComment(tx *db.Tx, pullRequestID int64, c Comment) error {
	_, err := tx.Exec(`UPDATE pull_request SET comment_id = $2, comment_hash = $3, comment_at = $4, due_at = $5, tries = $6 WHERE id = $1`,
		pullRequestID, db.Storable(c.ID), c.Hash, db.Millis(c.UpdatedAt), db.MillisOrNull(c.DueAt), c.Tries)
	return err
}

// DueComments gives the pull requests whose comments are to be looked at by now.
func DueComments(tx *db.Tx, limit int) ([]int64, error) {
	return db.Select(tx, db.ScanValue[int64], `SELECT id FROM pull_request WHERE due_at <= $1 ORDER BY due_at LIMIT $2`, db.Millis(tx.Now), limit)
}

// PreviewedBranches gives the branches of a link that some configuration wants
// pull requests previewed for.
func PreviewedBranches(tx *db.Tx, linkID string) ([]string, error) {
	return db.Select(tx, db.ScanValue[string], `SELECT DISTINCT branch FROM sync_configuration
		WHERE link_id = $1 AND pull_request_comment = 'ENABLED' ORDER BY branch`, linkID)
}

// BranchesDueForListing gives branches whose pull requests are to be listed by now, or
// never were.
func BranchesDueForListing(tx *db.Tx, limit int) ([]BranchKey, error) {
	return db.Select(tx, scanBranchKey, `SELECT link_id, branch FROM repository_branch WHERE next_listing_at <= $1
		UNION SELECT c.link_id, c.branch FROM sync_configuration c
		JOIN repository_branch b ON b.link_id = c.link_id AND b.branch = c.branch
		WHERE c.pull_request_comment = 'ENABLED' AND b.next_listing_at IS NULL
		ORDER BY 1, 2 LIMIT $2`, db.Millis(tx.Now), limit)
}

// ScheduleListing says when the pull requests into a branch are listed again;
// the zero time is never.
func ScheduleListing(tx *db.Tx, linkID, branch string, at time.Time) error {
	_, err := tx.Exec(`UPDATE repository_branch SET next_listing_at = $3 WHERE link_id = $1 AND branch = $2`, linkID, branch, db.MillisOrNull(at))
	return err
}

// NextListingAt gives when the pull requests into a branch are listed again; the
// zero time is never.
func NextListingAt(tx *db.Tx, linkID, branch string) (at time.Time, err error) {
	var next *int64
	err = tx.QueryRow(`SELECT next_listing_at FROM repository_branch WHERE link_id = $1 AND branch = $2`+tx.ForUpdate(), linkID, branch).Scan(&next)
	at = db.TimeOrZero(next)
	if errors.Is(err, db.ErrNoRows) {
		err = nil
	}
	return at, err
}

// RequestCommentUpdate has the comment on a pull request looked at.
func RequestCommentUpdate(tx *db.Tx, pullRequestID int64) error {
	_, err := tx.Exec(`UPDATE pull_request SET due_at = $2 WHERE id = $1`, pullRequestID, db.Millis(tx.Now))
	return err
}
