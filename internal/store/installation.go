package store

import (
	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// An Installation is what a database says of itself.
type Installation struct {
	ID     string // a UUID; part of the description of every change set
	Target string // the target that everything recorded here is about
}

// BindTarget gives the installation of the database. A new database becomes one that
// is bound to target; one that is bound to another target is Invalid, since
// what it remembers of stacks would be about other stacks.
func BindTarget(tx *db.Tx, target string) (Installation, error) {
	if _, err := tx.Exec(`INSERT INTO installation (singleton, id, target, created_at)
		VALUES (1, $1, $2, $3) ON CONFLICT DO NOTHING`, uuid.NewString(), target, db.Millis(tx.Now)); err != nil {
		return Installation{}, err
	}

	var installation Installation
	if err := tx.QueryRow(`SELECT id, target FROM installation`).Scan(&installation.ID, &installation.Target); err != nil {
		return Installation{}, err
	}
	if installation.Target != target {
		return Installation{}, lockstep.Errorf(lockstep.Invalid,
			"The database is bound to target %s, and %s was asked for. Give each target a database of its own.", installation.Target, target)
	}

	return installation, nil
}
