package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	maxPolicies   = 100       // per account
	maxPolicyText = 16 * 1024 // bytes per policy
)

// builtInPolicyName names the policies of the built-in roles in decisions.
const builtInPolicyName = "built-in"

// A Policy is a policy of an account, as written.
type Policy struct {
	Name string
	// Text is "" if the row cannot be opened: replace or delete the policy. Until
	// then, only admins of the account have access.
	Text                 string
	CreatedAt, UpdatedAt time.Time
}

func policyNotFound(name string) error {
	return lockstep.Errorf(lockstep.NotFound, "Could not find policy: %s", name)
}

func policySealContext(account, name string) []byte {
	return fmt.Appendf(nil, "policy %q %q", account, name)
}

// PutPolicy creates or replaces a policy of an account; putting the same text again
// has no effect. The error is Invalid for an invalid name or text, with line and
// column, and Limit if the account has too many policies. Call
// Directory.InvalidatePolicies after the commit.
func PutPolicy(tx *db.Tx, key *seal.Key, account, name, text string) error {
	if err := checkPolicy(name, text); err != nil {
		return err
	}

	old, err := PolicyOf(tx, key, account, name)
	missing := lockstep.KindOf(err) == lockstep.NotFound
	if err != nil && !missing {
		return err
	}

	if !missing && old.Text == text {
		return nil
	}

	if missing {
		if err := checkQuota(tx, "policy", account, maxPolicies, "policies"); err != nil {
			return err
		}
	}

	box, err := key.Seal([]byte(text), policySealContext(account, name))
	if err != nil {
		return fmt.Errorf("put policy: %w", err)
	}

	_, err = tx.Exec(`INSERT INTO policy (account, name, sealed, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (account, name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at`,
		account, name, []byte(box), db.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("put policy: %w", err)
	}

	return nil
}

func checkPolicy(name, text string) error {
	if !matchesPattern(namePattern, name) || isReservedName(name) || name == builtInPolicyName {
		return lockstep.Errorf(lockstep.Invalid,
			"Policy name %q is not one of 1 to 64 letters, digits and +=,.@_- characters "+
				"that neither begins with %q nor is %q.", name, reservedPrefix, builtInPolicyName)
	}
	if text == "" || len(text) > maxPolicyText {
		return lockstep.Errorf(lockstep.Invalid, "Policy %s has %d bytes; it must have 1 to %d.", name, len(text),
			maxPolicyText)
	}

	err := policy.Validate(text)
	if syntax, ok := errors.AsType[*policy.SyntaxError](err); ok {
		return lockstep.Errorf(lockstep.Invalid, "Policy %s, line %d, column %d: %s", name, syntax.Line,
			syntax.Column, syntax.Message)
	}
	if err != nil {
		return lockstep.Wrapf(lockstep.Invalid, err, "Policy %s is not valid.", name)
	}

	return nil
}

// checkQuota returns an error if an account may not have another row in a table.
func checkQuota(tx *db.Tx, table, account string, most int, what string) error {
	var n int
	if err := tx.QueryRow(`SELECT count(*) FROM `+table+` WHERE account = $1`, account).Scan(&n); err != nil {
		return fmt.Errorf("count %s: %w", what, err)
	}
	if n >= most {
		return lockstep.Errorf(lockstep.Limit, "Account %s already has %d %s, which is the maximum.", account, n,
			what)
	}
	return nil
}

// PolicyOf returns a policy of an account. The error is NotFound if there is none.
func PolicyOf(tx *db.Tx, key *seal.Key, account, name string) (Policy, error) {
	if !matchesPattern(namePattern, name) {
		return Policy{}, policyNotFound(name)
	}

	p := Policy{Name: name}
	var box []byte
	var created, updated int64
	err := tx.QueryRow(`SELECT sealed, created_at, updated_at FROM policy WHERE account = $1 AND name = $2`,
		account, name).
		Scan(&box, &created, &updated)
	if errors.Is(err, db.ErrNoRows) {
		return Policy{}, policyNotFound(name)
	}

	if err != nil {
		return Policy{}, fmt.Errorf("read policy: %w", err)
	}

	p.CreatedAt, p.UpdatedAt = db.Time(created), db.Time(updated)
	p.open(key, account, box)
	return p, nil
}

// open sets the text. It stays empty if the box cannot be opened, so that the owner
// can still replace the policy.
func (p *Policy) open(key *seal.Key, account string, box seal.Box) {
	if text, err := key.Open(box, policySealContext(account, p.Name)); err == nil {
		p.Text = string(text)
	}
}

// Policies returns policies of an account by name.
func Policies(tx *db.Tx, key *seal.Key, account string, page db.Page) ([]Policy, db.Cursor, error) {
	rows, err := tx.Query(`SELECT name, sealed, created_at, updated_at FROM policy WHERE account = $1 AND name > $2
		ORDER BY name LIMIT $3`, account, page.After.Text, page.Limit+1)
	if err != nil {
		return nil, db.Cursor{}, fmt.Errorf("list policies: %w", err)
	}
	defer rows.Close()

	var all []Policy
	for rows.Next() {
		var p Policy
		var box []byte
		var created, updated int64
		if err := rows.Scan(&p.Name, &box, &created, &updated); err != nil {
			return nil, db.Cursor{}, fmt.Errorf("list policies: %w", err)
		}

		p.CreatedAt, p.UpdatedAt = db.Time(created), db.Time(updated)
		p.open(key, account, box)
		all = append(all, p)
	}

	if err := rows.Err(); err != nil {
		return nil, db.Cursor{}, fmt.Errorf("list policies: %w", err)
	}

	found, next := db.Cut(all, page.Limit, func(p Policy) db.Cursor { return db.Cursor{Text: p.Name} })
	return found, next, nil
}

// DeletePolicy deletes a policy of an account. The error is NotFound if there is
// none. Call Directory.InvalidatePolicies after the commit.
func DeletePolicy(tx *db.Tx, account, name string) error {
	return deleteNamed(tx, "policy", account, name, policyNotFound(name))
}

func deleteNamed(tx *db.Tx, table, account, name string, missing error) error {
	if !matchesPattern(namePattern, name) {
		return missing
	}
	n, err := tx.Exec(`DELETE FROM `+table+` WHERE account = $1 AND name = $2`, account, name)
	if err != nil {
		return fmt.Errorf("delete from %s: %w", table, err)
	}
	if n == 0 {
		return missing
	}
	return nil
}
