package store

import (
	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// An Installation identifies a database.
type Installation struct {
	ID     string // a UUID; part of the description of every change set
	Target string // the target whose stacks the database describes
}

// BindTarget returns the installation of the database, and binds a new database to
// target. The error is Invalid if it is bound to another target, whose stacks its
// rows describe.
func BindTarget(tx *db.Tx, target string) (Installation, error) {
	if _, err := tx.Exec(`INSERT INTO installation (singleton, id, target, created_at)
		VALUES (1, $1, $2, $3) ON CONFLICT DO NOTHING`, uuid.NewString(), target, db.Millis(tx.Now)); err != nil {
		return Installation{}, err
	}

	var installation Installation
	row := tx.QueryRow(`SELECT id, target FROM installation`)
	if err := row.Scan(&installation.ID, &installation.Target); err != nil {
		return Installation{}, err
	}
	if installation.Target != target {
		return Installation{}, lockstep.Errorf(lockstep.Invalid,
			"The database is bound to target %s and cannot be used for target %s. Use another database for it.",
			installation.Target, target)
	}

	return installation, nil
}
