package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// AllKeys returns the keys of all accounts, oldest first, including disabled ones.
// It is for administrators of the installation.
func AllKeys(tx *db.Tx) ([]AccessKey, error) {
	return keys(tx, `ORDER BY created_at, id`)
}

// KeysOfAccount returns keys of an account, oldest first, including disabled and
// expired ones but not those of the server itself.
func KeysOfAccount(tx *db.Tx, account string, page db.Page) ([]AccessKey, db.Cursor, error) {
	all, err := keys(tx, `WHERE account = $1 AND `+notServerOwned+` AND (created_at > $2 OR created_at = $2 AND id > $3)
		ORDER BY created_at, id LIMIT $4`, account, page.After.Number, page.After.Text, page.Limit+1)
	if err != nil {
		return nil, db.Cursor{}, err
	}
	found, next := db.Cut(all, page.Limit, func(key AccessKey) db.Cursor {
		return db.Cursor{Number: db.Millis(key.CreatedAt), Text: key.AccessKeyID}
	})
	return found, next, nil
}

// notServerOwned excludes the server's own principals; see isReservedName.
const notServerOwned = `lower(substr(principal, 1, 9)) <> '` + reservedPrefix + `'`

func keys(tx *db.Tx, where string, args ...any) ([]AccessKey, error) {
	rows, err := tx.Query(`SELECT id, account, principal, role, status, created_at, expires_at
		FROM access_key `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list access keys: %w", err)
	}
	defer rows.Close()

	var found []AccessKey
	for rows.Next() {
		var accessKey AccessKey
		var role, status string
		var created int64
		var expires *int64
		err := rows.Scan(&accessKey.AccessKeyID, &accessKey.Account, &accessKey.Name, &role, &status, &created,
			&expires)
		if err != nil {
			return nil, fmt.Errorf("list access keys: %w", err)
		}

		accessKey.Role, accessKey.Disabled, accessKey.CreatedAt = Role(role), status != "active", db.Time(created)
		if expires != nil {
			accessKey.ExpiresAt = db.Time(*expires)
		}

		found = append(found, accessKey)
	}

	return found, rows.Err()
}

// DisableKey disables a key of any account. Servers stop accepting it within
// CacheFor. Disabling a disabled key has no effect; the error is NotFound if there
// is no such key. It is for administrators of the installation.
func DisableKey(tx *db.Tx, id string) error {
	notFound := lockstep.Errorf(lockstep.NotFound, "There is no access key %q.", id)
	if !isWellFormedID(id, idPrefix) {
		return notFound
	}

	n, err := tx.Exec(`UPDATE access_key SET status = 'disabled' WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("disable access key %s: %w", id, err)
	}
	if n == 0 {
		return notFound
	}

	return nil
}

func keyNotFound(id string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find access key: %s", id)
}

// SetKeyStatus enables or disables a key of an account; an expired one stays
// expired. Servers notice within CacheFor. The error is NotFound for an unknown
// key, and for one of another account or of the server itself.
func SetKeyStatus(tx *db.Tx, account, id string, active bool) error {
	status := "disabled"
	if active {
		status = "active"
	}
	return updateKey(tx, account, id,
		`UPDATE access_key SET status = $3 WHERE id = $1 AND account = $2 AND `+notServerOwned, status)
}

// DeleteKey deletes a key of an account. Servers notice within CacheFor. The error
// is NotFound as with SetKeyStatus.
func DeleteKey(tx *db.Tx, account, id string) error {
	return updateKey(tx, account, id, `DELETE FROM access_key WHERE id = $1 AND account = $2 AND `+notServerOwned)
}

func updateKey(tx *db.Tx, account, id, sql string, args ...any) error {
	if !isWellFormedID(id, idPrefix) {
		return keyNotFound(id)
	}
	n, err := tx.Exec(sql, append([]any{id, account}, args...)...)
	if err != nil {
		return fmt.Errorf("change access key %s: %w", id, err)
	}
	if n == 0 {
		return keyNotFound(id)
	}
	return nil
}

// RotateKey creates another key for the principal of a key, which then expires
// after keepOldFor, or is disabled at once if that is 0. An expiry that is already
// set is never postponed. The error is NotFound as with SetKeyStatus, and Invalid
// for a key that is no longer active: rotating it would restore access.
func RotateKey(tx *db.Tx, key *seal.Key, account, id string, keepOldFor time.Duration) (AccessKey, error) {
	if !isWellFormedID(id, idPrefix) {
		return AccessKey{}, keyNotFound(id)
	}

	var name string
	query := `SELECT principal FROM access_key WHERE id = $1 AND account = $2 AND ` + notServerOwned + tx.ForUpdate()
	err := tx.QueryRow(query, id, account).Scan(&name)
	if errors.Is(err, db.ErrNoRows) {
		return AccessKey{}, keyNotFound(id)
	}

	if err != nil {
		return AccessKey{}, fmt.Errorf("rotate access key %s: %w", id, err)
	}

	old, err := readActiveKey(tx, id)
	if errors.Is(err, ErrUnknownKey) {
		return AccessKey{}, lockstep.Errorf(lockstep.Invalid,
			"Access key %s is disabled or has expired: create another key instead.", id)
	}
	if err != nil {
		return AccessKey{}, err
	}

	// A row that cannot be opened is not rotated: its role may have been changed in
	// the database.
	secret, err := key.Open(old.box, old.sealContext(old.expires))
	if err != nil {
		return AccessKey{}, fmt.Errorf("open the secret of access key %s: %w", id, err)
	}
	if err := old.expireAfter(tx, key, secret, keepOldFor); err != nil {
		return AccessKey{}, fmt.Errorf("rotate access key %s: %w", id, err)
	}

	return CreateKey(tx, key, CreateKeyInput{Account: old.Account, Principal: old.Name, Role: old.Role})
}

// expireAfter sets the expiry of a key and seals its secret together with it.
func (k storedKey) expireAfter(tx *db.Tx, key *seal.Key, secret []byte, after time.Duration) error {
	if after <= 0 {
		_, err := tx.Exec(`UPDATE access_key SET status = 'disabled' WHERE id = $1`, k.AccessKeyID)
		return err
	}

	expires := db.Millis(tx.Now.Add(after))
	if k.expires != nil {
		expires = min(expires, *k.expires)
	}

	box, err := key.Seal(secret, k.sealContext(&expires))
	if err != nil {
		return err
	}

	_, err = tx.Exec(`UPDATE access_key SET sealed = $2, expires_at = $3 WHERE id = $1`, k.AccessKeyID,
		[]byte(box), expires)
	return err
}
