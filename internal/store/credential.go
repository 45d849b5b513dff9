package store

import (
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// SaveCredential seals and stores the credential of a connection, replacing the
// previous one. The connection must exist.
func SaveCredential(tx *db.Tx, key *seal.Key, arn lockstep.ARN, c lockstep.Credential) error {
	plain, err := c.Encode()
	if err != nil {
		return fmt.Errorf("encode credential of %s: %w", arn, err)
	}

	box, err := key.Seal(plain, credentialContext(arn))
	if err != nil {
		return fmt.Errorf("credential of %s: %w", arn, err)
	}

	_, err = tx.Exec(`INSERT INTO credential (connection_arn, sealed, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (connection_arn) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at`,
		arn, []byte(box), db.Millis(tx.Now))
	return err
}

// Credential returns the credential of a connection. The error is NotFound if there
// is none, or wraps one of package seal if it cannot be opened with this key.
func Credential(tx *db.Tx, key *seal.Key, arn lockstep.ARN) (lockstep.Credential, error) {
	var box []byte
	err := tx.QueryRow(`SELECT sealed FROM credential WHERE connection_arn = $1`, arn).Scan(&box)
	if errors.Is(err, db.ErrNoRows) {
		return lockstep.Credential{}, lockstep.Errorf(lockstep.NotFound,
			"Could not find a credential for connection: %s", arn)
	}

	if err != nil {
		return lockstep.Credential{}, err
	}

	plain, err := key.Open(seal.Box(box), credentialContext(arn))
	if err != nil {
		return lockstep.Credential{}, fmt.Errorf("credential of %s: %w", arn, err)
	}

	return lockstep.DecodeCredential(plain)
}

// credentialContext binds a box to its purpose and its connection, so that a box
// copied to another row does not open.
func credentialContext(arn lockstep.ARN) []byte { return []byte("connection credential of " + arn) }
