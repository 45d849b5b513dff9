package store

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

const pullRequestColumns = `id, link_id, branch, number, head, document, seen,
	comment_id, comment_hash, comment_at, due_at, tries`

func scanPullRequest(row scanner) (PullRequest, error) {
	var p PullRequest
	var document string
	var at int64
	var due *int64
	err := row.Scan(&p.ID, &p.LinkID, &p.Branch, &p.Number, &p.Head, &document, &p.Fingerprint,
		&p.Comment.ID, &p.Hash, &at, &due, &p.Tries)
	p.Document, p.UpdatedAt = []byte(document), db.Time(at)
	if due != nil {
		p.DueAt = db.Time(*due)
	}
	return p, err
}

// PullRequests reads the open pull requests into a branch, by number.
func PullRequests(tx *db.Tx, linkID, branch string) ([]PullRequest, error) {
	rows, err := tx.Query(`SELECT `+pullRequestColumns+` FROM pull_request
		WHERE link_id = $1 AND branch = $2 ORDER BY number`, linkID, branch)
	if err != nil {
		return nil, err
	}
	return all(rows, scanPullRequest)
}

// LockPullRequest reads a pull request and keeps its row locked until the
// transaction ends; false where it is not open any more.
func LockPullRequest(tx *db.Tx, id int64) (PullRequest, bool, error) {
	p, err := scanPullRequest(tx.QueryRow(`SELECT `+pullRequestColumns+` FROM pull_request WHERE id = $1`+tx.ForUpdate(), id))
	if errors.Is(err, db.ErrNoRows) {
		return p, false, nil
	}
	return p, err == nil, err
}

// SavePullRequest writes an open pull request, its comment aside, and fills in
// ID. A violated foreign key says that the link is gone.
func SavePullRequest(tx *db.Tx, p *PullRequest) error {
	return tx.QueryRow(`INSERT INTO pull_request (link_id, branch, number, head, document, seen) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (link_id, branch, number) DO UPDATE SET head = excluded.head, document = excluded.document, seen = excluded.seen
		RETURNING id`, p.LinkID, p.Branch, p.Number, p.Head, storable(string(p.Document)), p.Fingerprint).Scan(&p.ID)
}

// ClosePullRequest forgets a pull request. Its previews are wanted by nobody any
// more.
func ClosePullRequest(tx *db.Tx, id int64) error {
	_, err := tx.Exec(`DELETE FROM pull_request WHERE id = $1`, id)
	return err
}

// SaveComment writes where the comment on a pull request stands.
func SaveComment(tx *db.Tx, pullRequestID int64, c Comment) error {
	var due *int64 // NULL
	if !c.DueAt.IsZero() {
		at := db.Millis(c.DueAt)
		due = &at
	}
	_, err := tx.Exec(`UPDATE pull_request SET comment_id = $2, comment_hash = $3, comment_at = $4, due_at = $5, tries = $6 WHERE id = $1`,
		pullRequestID, storable(c.ID), c.Hash, db.Millis(c.UpdatedAt), due, c.Tries)
	return err
}

// DueComments gives the pull requests whose comments are to be looked at by now.
func DueComments(tx *db.Tx, limit int) ([]int64, error) {
	return ids(tx.Query(`SELECT id FROM pull_request WHERE due_at <= $1 ORDER BY due_at LIMIT $2`, db.Millis(tx.Now), limit))
}

// A PreviewedBranch is a branch into which pull requests are previewed.
type PreviewedBranch struct{ LinkID, Branch string }

// PreviewedBranches gives the branches of a link that some configuration wants
// pull requests previewed for.
func PreviewedBranches(tx *db.Tx, linkID string) ([]string, error) {
	return texts(tx.Query(`SELECT DISTINCT branch FROM sync_configuration
		WHERE link_id = $1 AND pull_request_comment = 'ENABLED' ORDER BY branch`, linkID))
}

// BranchesDueForListing gives branches whose pull requests are to be listed by now, or
// never were.
func BranchesDueForListing(tx *db.Tx, limit int) ([]PreviewedBranch, error) {
	rows, err := tx.Query(`SELECT link_id, branch FROM repository_branch WHERE pull_requests_at <= $1
		UNION SELECT c.link_id, c.branch FROM sync_configuration c
		JOIN repository_branch b ON b.link_id = c.link_id AND b.branch = c.branch
		WHERE c.pull_request_comment = 'ENABLED' AND b.pull_requests_at IS NULL
		ORDER BY 1, 2 LIMIT $2`, db.Millis(tx.Now), limit)
	if err != nil {
		return nil, err
	}

	return all(rows, func(row scanner) (b PreviewedBranch, err error) {
		err = row.Scan(&b.LinkID, &b.Branch)
		return b, err
	})
}

// ScheduleListing says when the pull requests into a branch are listed again;
// the zero time is never.
func ScheduleListing(tx *db.Tx, linkID, branch string, at time.Time) error {
	var next *int64 // NULL
	if !at.IsZero() {
		ms := db.Millis(at)
		next = &ms
	}
	_, err := tx.Exec(`UPDATE repository_branch SET pull_requests_at = $3 WHERE link_id = $1 AND branch = $2`, linkID, branch, next)
	return err
}

// NextListingAt gives when the pull requests into a branch are listed again; the
// zero time is never.
func NextListingAt(tx *db.Tx, linkID, branch string) (at time.Time, err error) {
	var next *int64
	err = tx.QueryRow(`SELECT pull_requests_at FROM repository_branch WHERE link_id = $1 AND branch = $2`+tx.ForUpdate(), linkID, branch).Scan(&next)
	if next != nil {
		at = db.Time(*next)
	}
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

// all reads every row.
func all[T any](rows *db.Rows, scan func(scanner) (T, error)) ([]T, error) {
	defer rows.Close()
	var list []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}
