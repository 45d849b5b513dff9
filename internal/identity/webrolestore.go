package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// maxWebIdentityRoles is the limit per account.
const maxWebIdentityRoles = 100

func roleNotFound(name string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find web identity role: %s", name)
}

func roleSealContext(account, name string) []byte {
	return fmt.Appendf(nil, "web_identity_role %q %q", account, name)
}

// PutWebIdentityRole creates or replaces a role of an account. Replacing it ends
// its sessions within CacheFor; the same rules again have no effect. issuers are
// those whose keys this server fetches. The error is Invalid for an invalid role
// and Limit if the account has too many.
func PutWebIdentityRole(tx *db.Tx, key *seal.Key, account string, role WebIdentityRole, issuers []string) error {
	if role.MaxSession == 0 {
		role.MaxSession = MaxSession
	}

	if err := role.validate(issuers); err != nil {
		return err
	}

	text, err := json.Marshal(role.rules())
	if err != nil {
		return fmt.Errorf("put web identity role: %w", err)
	}

	old, err := readRole(tx, account, role.Name)
	missing := lockstep.KindOf(err) == lockstep.NotFound
	if err != nil && !missing {
		return err
	}

	if before, err := key.Open(old.box, roleSealContext(account,
		role.Name)); !missing && err == nil && bytes.Equal(before, text) {
		return nil
	}

	if missing {
		err := checkQuota(tx, "web_identity_role", account, maxWebIdentityRoles, "web identity roles")
		if err != nil {
			return err
		}
	}

	box, err := key.Seal(text, roleSealContext(account, role.Name))
	if err != nil {
		return fmt.Errorf("put web identity role: %w", err)
	}

	_, err = tx.Exec(`INSERT INTO web_identity_role (account, name, sealed, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (account, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at`,
		account, role.Name, []byte(box), db.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("put web identity role: %w", err)
	}

	return nil
}

// A roleRow is a role that is still sealed.
type roleRow struct {
	WebIdentityRole
	box seal.Box
}

// readRole returns a role's row. The error is NotFound if there is none.
func readRole(tx *db.Tx, account, name string) (roleRow, error) {
	if !matchesPattern(namePattern, name) {
		return roleRow{}, roleNotFound(name)
	}

	row, err := scanRole(tx.QueryRow(`SELECT name, sealed, created_at, updated_at FROM web_identity_role
		WHERE account = $1 AND name = $2`, account, name))
	if errors.Is(err, db.ErrNoRows) {
		return roleRow{}, roleNotFound(name)
	}
	if err != nil {
		return roleRow{}, fmt.Errorf("read web identity role: %w", err)
	}

	return row, nil
}

// A scanner is a db.Row or *db.Rows.
type scanner interface{ Scan(dst ...any) error }

func scanRole(rows scanner) (roleRow, error) {
	var row roleRow
	var box []byte
	var created, updated int64
	if err := rows.Scan(&row.Name, &box, &created, &updated); err != nil {
		return roleRow{}, err
	}
	row.box, row.CreatedAt, row.UpdatedAt = box, db.Time(created), db.Time(updated)
	return row, nil
}

// open opens the rules.
func (r *roleRow) open(key *seal.Key, account string) error {
	text, err := key.Open(r.box, roleSealContext(account, r.Name))
	if err != nil {
		return fmt.Errorf("open web identity role %s of account %s: %w", r.Name, account, err)
	}
	var stored rules
	if err := json.Unmarshal(text, &stored); err != nil {
		return fmt.Errorf("read web identity role %s of account %s: %w", r.Name, account, err)
	}
	r.setRules(stored)
	return nil
}

// WebIdentityRoles returns roles of an account by name. One whose row cannot be
// opened has only a name and cannot be assumed: replace or delete it.
func WebIdentityRoles(tx *db.Tx, key *seal.Key, account string, page db.Page) ([]WebIdentityRole, db.Cursor, error) {
	rows, err := tx.Query(`SELECT name, sealed, created_at, updated_at FROM web_identity_role WHERE account = $1 AND name > $2
		ORDER BY name LIMIT $3`, account, page.After.Text, page.Limit+1)
	if err != nil {
		return nil, db.Cursor{}, fmt.Errorf("list web identity roles: %w", err)
	}
	defer rows.Close()

	var all []WebIdentityRole
	for rows.Next() {
		row, err := scanRole(rows)
		if err != nil {
			return nil, db.Cursor{}, fmt.Errorf("list web identity roles: %w", err)
		}

		_ = row.open(key, account) // see above
		all = append(all, row.WebIdentityRole)
	}

	if err := rows.Err(); err != nil {
		return nil, db.Cursor{}, fmt.Errorf("list web identity roles: %w", err)
	}

	found, next := db.Cut(all, page.Limit, func(row WebIdentityRole) db.Cursor { return db.Cursor{Text: row.Name} })
	return found, next, nil
}

// DeleteWebIdentityRole deletes a role of an account, which ends its sessions
// within CacheFor. The error is NotFound if there is none.
func DeleteWebIdentityRole(tx *db.Tx, account, name string) error {
	return deleteNamed(tx, "web_identity_role", account, name, roleNotFound(name))
}
