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

// maxWebIdentityRoles is how many an account may have.
const maxWebIdentityRoles = 100

func noWebIdentityRole(name string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find web identity role: %s", name)
}

func roleContext(account, name string) []byte {
	return fmt.Appendf(nil, "web_identity_role %q %q", account, name)
}

// PutWebIdentityRole makes a role of an account, or replaces it, which ends its
// sessions within CacheFor; the same rules again change nothing and end none.
// issuers are those whose keys this server asks for. The error is Invalid for a
// role that could not be meant, and Limit where an account has too many.
func PutWebIdentityRole(tx *db.Tx, key *seal.Key, account string, r WebIdentityRole, issuers []string) error {
	if r.MaxSession == 0 {
		r.MaxSession = MaxSession
	}

	if err := r.validate(issuers); err != nil {
		return err
	}

	text, err := json.Marshal(r.rules())
	if err != nil {
		return fmt.Errorf("put web identity role: %w", err)
	}

	old, err := storedRole(tx, account, r.Name)
	missing := lockstep.KindOf(err) == lockstep.NotFound
	if err != nil && !missing {
		return err
	}

	if before, err := key.Open(old.box, roleContext(account, r.Name)); !missing && err == nil && bytes.Equal(before, text) {
		return nil
	}

	if missing {
		if err := room(tx, "web_identity_role", account, maxWebIdentityRoles, "web identity roles"); err != nil {
			return err
		}
	}

	box, err := key.Seal(text, roleContext(account, r.Name))
	if err != nil {
		return fmt.Errorf("put web identity role: %w", err)
	}

	_, err = tx.Exec(`INSERT INTO web_identity_role (account, name, sealed, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (account, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at`,
		account, r.Name, []byte(box), db.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("put web identity role: %w", err)
	}

	return nil
}

// A roleRow is a role, still sealed.
type roleRow struct {
	WebIdentityRole
	box seal.Box
}

// storedRole gives a role's row, or a NotFound.
func storedRole(tx *db.Tx, account, name string) (roleRow, error) {
	if !matches(namePattern, name) {
		return roleRow{}, noWebIdentityRole(name)
	}

	r, err := scanRole(tx.QueryRow(`SELECT name, sealed, created_at, updated_at FROM web_identity_role
		WHERE account = $1 AND name = $2`, account, name))
	if errors.Is(err, db.ErrNoRows) {
		return roleRow{}, noWebIdentityRole(name)
	}
	if err != nil {
		return roleRow{}, fmt.Errorf("read web identity role: %w", err)
	}

	return r, nil
}

// A scanner is a row to be copied out: db.Row or *db.Rows.
type scanner interface{ Scan(dst ...any) error }

func scanRole(row scanner) (roleRow, error) {
	var r roleRow
	var box []byte
	var created, updated int64
	if err := row.Scan(&r.Name, &box, &created, &updated); err != nil {
		return roleRow{}, err
	}
	r.box, r.CreatedAt, r.UpdatedAt = box, db.Time(created), db.Time(updated)
	return r, nil
}

// open reads the rules.
func (r *roleRow) open(key *seal.Key, account string) error {
	text, err := key.Open(r.box, roleContext(account, r.Name))
	if err != nil {
		return fmt.Errorf("open web identity role %s of account %s: %w", r.Name, account, err)
	}
	var s rules
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("read web identity role %s of account %s: %w", r.Name, account, err)
	}
	r.follow(s)
	return nil
}

// WebIdentityRoles lists roles of an account, by name. One whose row cannot be
// opened has a name and nothing else, and nobody can assume it: put it anew, or
// delete it.
func WebIdentityRoles(tx *db.Tx, key *seal.Key, account string, page db.Page) ([]WebIdentityRole, db.Cursor, error) {
	rows, err := tx.Query(`SELECT name, sealed, created_at, updated_at FROM web_identity_role WHERE account = $1 AND name > $2
		ORDER BY name LIMIT $3`, account, page.After.Text, page.Limit+1)
	if err != nil {
		return nil, db.Cursor{}, fmt.Errorf("list web identity roles: %w", err)
	}
	defer rows.Close()

	var all []WebIdentityRole
	for rows.Next() {
		r, err := scanRole(rows)
		if err != nil {
			return nil, db.Cursor{}, fmt.Errorf("list web identity roles: %w", err)
		}

		_ = r.open(key, account) // said above
		all = append(all, r.WebIdentityRole)
	}

	if err := rows.Err(); err != nil {
		return nil, db.Cursor{}, fmt.Errorf("list web identity roles: %w", err)
	}

	found, next := db.Cut(all, page.Limit, func(r WebIdentityRole) db.Cursor { return db.Cursor{Text: r.Name} })
	return found, next, nil
}

// DeleteWebIdentityRole removes a role of an account, which ends its sessions
// within CacheFor. The error is NotFound where there is none.
func DeleteWebIdentityRole(tx *db.Tx, account, name string) error {
	return deleteNamed(tx, "web_identity_role", account, name, noWebIdentityRole(name))
}
