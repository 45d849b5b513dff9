package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// AllKeys lists all keys of all accounts, oldest first, disabled ones included. It
// is for whoever administers the installation, not for a caller of the API.
func AllKeys(tx *db.Tx) ([]AccessKey, error) {
	return keys(tx, `ORDER BY created_at, id`)
}

// KeysOfAccount lists keys of an account, oldest first. Disabled and ended ones are
// among them, those of the server itself are not.
func KeysOfAccount(tx *db.Tx, account string, page db.Page) ([]AccessKey, db.Cursor, error) {
	all, err := keys(tx, `WHERE account = $1 AND `+notServerOwned+` AND (created_at > $2 OR created_at = $2 AND id > $3)
		ORDER BY created_at, id LIMIT $4`, account, page.After.Number, page.After.Text, page.Limit+1)
	if err != nil {
		return nil, db.Cursor{}, err
	}
	found, next := db.Cut(all, page.Limit, func(k AccessKey) db.Cursor { return db.Cursor{Number: db.Millis(k.CreatedAt), Text: k.AccessKeyID} })
	return found, next, nil
}

// notServerOwned leaves out the server's own principals, as reserved does.
const notServerOwned = `lower(substr(principal, 1, 9)) <> '` + reservedPrefix + `'`

func keys(tx *db.Tx, where string, args ...any) ([]AccessKey, error) {
	rows, err := tx.Query(`SELECT id, account, principal, role, status, created_at, expires_at FROM access_key `+where, args...)
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
		if err := rows.Scan(&accessKey.AccessKeyID, &accessKey.Account, &accessKey.Name, &role, &status, &created, &expires); err != nil {
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

// DisableKey stops a key of any account. Servers that have just used it take notice
// within CacheFor. A key that is disabled already stays so; the error is
// NotFound where there is none. It is for whoever administers the installation.
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

// SetKeyStatus stops a key of an account, or lets it work again; one that has
// ended stays ended. Servers take notice within CacheFor. The error is NotFound
// for a key of another account or of the server itself, as for none.
func SetKeyStatus(tx *db.Tx, account, id string, active bool) error {
	status := "disabled"
	if active {
		status = "active"
	}
	return updateKey(tx, account, id, `UPDATE access_key SET status = $3 WHERE id = $1 AND account = $2 AND `+notServerOwned, status)
}

// DeleteKey removes a key of an account. Servers take notice within CacheFor.
// The error is NotFound as with SetKeyStatus.
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

// RotateKey makes a new key for the principal of an old one, which ends after
// keepOldFor, or is disabled at once where that is 0. A key that ends already
// ends no later than it would have. The error is NotFound as with SetKeyStatus,
// and Invalid for a key that no longer works: to follow it would revive it.
func RotateKey(tx *db.Tx, key *seal.Key, account, id string, keepOldFor time.Duration) (AccessKey, error) {
	if !isWellFormedID(id, idPrefix) {
		return AccessKey{}, keyNotFound(id)
	}

	var name string
	err := tx.QueryRow(`SELECT principal FROM access_key WHERE id = $1 AND account = $2 AND `+notServerOwned+tx.ForUpdate(), id, account).Scan(&name)
	if errors.Is(err, db.ErrNoRows) {
		return AccessKey{}, keyNotFound(id)
	}

	if err != nil {
		return AccessKey{}, fmt.Errorf("rotate access key %s: %w", id, err)
	}

	old, err := readActiveKey(tx, id)
	if errors.Is(err, ErrUnknownKey) {
		return AccessKey{}, lockstep.Errorf(lockstep.Invalid, "Access key %s is disabled or has ended: create another instead of rotating it.", id)
	}
	if err != nil {
		return AccessKey{}, err
	}

	// What does not open is not to be followed: the row may claim a role that
	// nobody gave it.
	secret, err := key.Open(old.box, old.sealContext(old.expires))
	if err != nil {
		return AccessKey{}, fmt.Errorf("open the secret of access key %s: %w", id, err)
	}
	if err := old.expireAfter(tx, key, secret, keepOldFor); err != nil {
		return AccessKey{}, fmt.Errorf("rotate access key %s: %w", id, err)
	}

	return CreateKey(tx, key, CreateKeyInput{Account: old.Account, Principal: old.Name, Role: old.Role})
}

// expireAfter lets a key work for a while longer, its secret sealed together with the
// end.
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

	_, err = tx.Exec(`UPDATE access_key SET sealed = $2, expires_at = $3 WHERE id = $1`, k.AccessKeyID, []byte(box), expires)
	return err
}
