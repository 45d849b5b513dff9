package store

import (
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
)

// SignaturePolicy returns the signature policy of a configuration. The error is
// NotFound if there is none.
func SignaturePolicy(tx *db.Tx, configurationID int64) (lockstep.SignaturePolicy, error) {
	var policy lockstep.SignaturePolicy
	var updated int64
	err := tx.QueryRow(`SELECT allowed_signers, public_keys, updated_at FROM signature_policy
		WHERE configuration_id = $1`,
		configurationID).Scan(&policy.AllowedSigners, &policy.PublicKeys, &updated)
	policy.UpdatedAt = db.Time(updated)
	return policy, notFoundAs(err, lockstep.Errorf(lockstep.NotFound,
		"Could not find a signature policy: commits need no signature."))
}

// A SignedConfiguration is a sync configuration with its signature policy.
type SignedConfiguration struct {
	Configuration lockstep.SyncConfiguration
	lockstep.SignaturePolicy
}

// SignaturePolicies returns a page of the caller's signature policies, by sync type
// and resource name. It is one SELECT, fit for [db.DB.Peek].
func SignaturePolicies(
	tx *db.Tx, account lockstep.AccountID, region string, p db.Page,
) ([]SignedConfiguration, db.Cursor, error) {
	afterType, afterName, _ := strings.Cut(p.After.Text, "/") // "" is before all
	return db.SelectPage(tx, p, scanSigned, func(s SignedConfiguration) db.Cursor {
		return db.Cursor{Text: string(s.Configuration.SyncType) + "/" + s.Configuration.ResourceName}
	}, `SELECT s.allowed_signers, s.public_keys, s.updated_at, `+ConfigurationColumns+
		`JOIN signature_policy s ON s.configuration_id = c.id
		WHERE c.account = $1 AND c.region = $2 AND (c.sync_type, c.resource_name) > ($3, $4)
		ORDER BY c.sync_type, c.resource_name LIMIT $5`,
		account, region, afterType, afterName)
}

func scanSigned(row db.Scanner) (SignedConfiguration, error) {
	var signed SignedConfiguration
	var updated int64
	var err error
	signed.Configuration, err = ScanConfiguration(row, &signed.AllowedSigners, &signed.PublicKeys, &updated)
	signed.UpdatedAt = db.Time(updated)
	return signed, err
}

// PutSignaturePolicy sets the signature policy of a configuration. The error is
// NotFound if the configuration does not exist.
func PutSignaturePolicy(tx *db.Tx, configurationID int64, policy lockstep.SignaturePolicy) error {
	_, err := tx.Exec(`INSERT INTO signature_policy (configuration_id, allowed_signers, public_keys, updated_at) VALUES
		($1, $2, $3, $4)
		ON CONFLICT (configuration_id) DO UPDATE SET allowed_signers = excluded.allowed_signers,
		public_keys = excluded.public_keys, updated_at = excluded.updated_at`,
		configurationID, policy.AllowedSigners, policy.PublicKeys, db.Millis(tx.Now))
	if db.IsForeignKey(err) {
		return noConfigurationID(configurationID)
	}
	return err
}

// DeleteSignaturePolicy deletes the signature policy of a configuration, if it has
// one.
func DeleteSignaturePolicy(tx *db.Tx, configurationID int64) error {
	_, err := tx.Exec(`DELETE FROM signature_policy WHERE configuration_id = $1`, configurationID)
	return err
}
