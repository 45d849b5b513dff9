package store

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// SignaturePolicy reads who may sign for a configuration. NotFound when anybody
// may.
func SignaturePolicy(tx *db.Tx, configurationID int64) (lockstep.SignaturePolicy, error) {
	var p lockstep.SignaturePolicy
	var updated int64
	err := tx.QueryRow(`SELECT allowed_signers, public_keys, updated_at FROM signature_policy WHERE configuration_id = $1`,
		configurationID).Scan(&p.AllowedSigners, &p.PublicKeys, &updated)
	p.UpdatedAt = db.Time(updated)
	return p, orMissing(err, lockstep.Errorf(lockstep.NotFound, "Could not find a signature policy: commits need no signature."))
}

// PutSignaturePolicy says who may sign for a configuration, in place of what was
// said before. NotFound when the configuration is not there.
func PutSignaturePolicy(tx *db.Tx, configurationID int64, p lockstep.SignaturePolicy) error {
	_, err := tx.Exec(`INSERT INTO signature_policy (configuration_id, allowed_signers, public_keys, updated_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (configuration_id) DO UPDATE SET allowed_signers = excluded.allowed_signers,
		public_keys = excluded.public_keys, updated_at = excluded.updated_at`,
		configurationID, p.AllowedSigners, p.PublicKeys, db.Millis(tx.Now))
	if db.IsForeignKey(err) {
		return noConfigurationID(configurationID)
	}
	return err
}

// DeleteSignaturePolicy lets anybody's commits be synced. That they may already
// is no error.
func DeleteSignaturePolicy(tx *db.Tx, configurationID int64) error {
	_, err := tx.Exec(`DELETE FROM signature_policy WHERE configuration_id = $1`, configurationID)
	return err
}
