package syncstate

import (
	"errors"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// A BranchKey identifies a branch of a repository link.
type BranchKey struct {
	LinkID string
	Branch string
}

func scanBranchKey(row db.Scanner) (key BranchKey, err error) {
	err = row.Scan(&key.LinkID, &key.Branch)
	return key, err
}

// LockBranch locks a branch until the transaction ends and returns its last known
// head, or "" if there is none yet. Decisions about repository syncs are made
// under this lock. The row is created if needed.
func LockBranch(tx *db.Tx, linkID, branch string) (lockstep.SHA, error) {
	if _, err := tx.Exec(`INSERT INTO repository_branch (link_id, branch) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		linkID, branch); err != nil {
		return "", err
	}
	var head lockstep.SHA
	err := tx.QueryRow(`SELECT head FROM repository_branch WHERE link_id = $1 AND branch = $2`+tx.ForUpdate(),
		linkID, branch).Scan(&head)
	return head, err
}

// BranchHead returns the last known head of a branch, or "" if there is none.
func BranchHead(tx *db.Tx, linkID, branch string) (lockstep.SHA, error) {
	var head lockstep.SHA
	row := tx.QueryRow(`SELECT head FROM repository_branch WHERE link_id = $1 AND branch = $2`, linkID, branch)
	err := row.Scan(&head)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return head, err
}

// SetBranchHead records the head of a branch.
func SetBranchHead(tx *db.Tx, linkID, branch string, sha lockstep.SHA) error {
	_, err := tx.Exec(`UPDATE repository_branch SET head = $3, head_at = $4 WHERE link_id = $1 AND branch = $2`,
		linkID, branch, sha, db.Millis(tx.Now))
	return err
}

// SetBranchProblem records why the last repository sync of a branch failed or is being
// retried; "" if it succeeded. The time of the first of several failures is kept.
func SetBranchProblem(tx *db.Tx, linkID, branch, problem string) error {
	_, err := tx.Exec(`UPDATE repository_branch SET problem = CAST($3 AS text),
		problem_since = CASE WHEN CAST($3 AS text) <> '' THEN coalesce(problem_since, CAST($4 AS bigint)) END
		WHERE link_id = $1 AND branch = $2`, linkID, branch, db.Storable(problem), db.Millis(tx.Now))
	return err
}

// PolledHeads returns the last known heads of a link's branches.
func PolledHeads(tx *db.Tx, linkID string) (map[string]lockstep.SHA, error) {
	rows, err := tx.Query(`SELECT branch, head FROM repository_branch WHERE link_id = $1`, linkID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	heads := map[string]lockstep.SHA{}
	for rows.Next() {
		var branch string
		var head lockstep.SHA
		if err := rows.Scan(&branch, &head); err != nil {
			return nil, err
		}

		heads[branch] = head
	}

	return heads, rows.Err()
}
