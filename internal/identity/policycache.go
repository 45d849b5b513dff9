package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/seal"
)

// maxCachedSets bounds the compiled policies in a Directory, as maxCached bounds
// its keys.
const maxCachedSets = 1000

// closedPolicyName names the policy that replaces unusable ones in decisions. No
// account can have a policy with that name.
const closedPolicyName = reservedPrefix + "closed"

// denyAllButAdmins denies everything to every principal outside the built-in role
// admin.
const denyAllButAdmins = `forbid (principal, action, resource) unless { principal in Role::"admin" };`

// A policyCache holds the compiled policies of accounts.
type policyCache struct {
	mu   sync.Mutex
	sets map[string]cachedSet
	// invalidations counts calls of InvalidatePolicies, so that rows read before
	// one are not cached after it.
	invalidations uint64
}

// A cachedSet was compiled from the rows with hash rows and is valid until the
// given time.
type cachedSet struct {
	set   *policy.Set
	rows  [sha256.Size]byte
	until time.Time
}

// Policies returns the compiled policies of an account, at most CacheFor old. If a
// stored policy cannot be opened or compiled, the others apply and everything is
// denied to all but the account's admins: the unusable policy may have contained a
// forbid.
func (d *Directory) Policies(ctx context.Context, account string) (*policy.Set, error) {
	cache := &d.policies
	cache.mu.Lock()
	known, ok := cache.sets[account]
	invalidations := cache.invalidations
	cache.mu.Unlock()

	if ok && time.Now().Before(known.until) {
		return known.set, nil
	}

	until := time.Now().Add(CacheFor)
	boxes, sum, err := d.policyRows(ctx, account)
	if err != nil {
		return nil, err
	}

	if !ok || known.rows != sum {
		set, err := d.compile(ctx, account, boxes)
		if err != nil {
			return nil, err
		}

		known = cachedSet{set: set, rows: sum}
	}

	known.until = until
	cache.put(account, known, invalidations)
	return known.set, nil
}

// InvalidatePolicies makes this Directory read an account's policies again. Other
// nodes notice a change within CacheFor.
func (d *Directory) InvalidatePolicies(account string) {
	cache := &d.policies
	cache.mu.Lock()
	defer cache.mu.Unlock()
	cache.invalidations++
	delete(cache.sets, account)
}

func (c *policyCache) put(account string, set cachedSet, invalidations uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.invalidations != invalidations {
		return
	}

	if c.sets == nil {
		c.sets = map[string]cachedSet{}
	}

	if len(c.sets) >= maxCachedSets {
		now := time.Now()
		maps.DeleteFunc(c.sets, func(_ string, set cachedSet) bool { return !now.Before(set.until) })
	}

	if len(c.sets) >= maxCachedSets {
		clear(c.sets)
	}

	c.sets[account] = set
}

// policyRows reads an account's sealed policies and returns a hash of them.
func (d *Directory) policyRows(ctx context.Context, account string) (map[string]seal.Box, [sha256.Size]byte, error) {
	boxes := map[string]seal.Box{}
	digest := sha256.New()
	err := d.db.ViewOnce(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT name, sealed FROM policy WHERE account = $1 ORDER BY name`, account)
		if err != nil {
			return err
		}
		defer rows.Close()

		for rows.Next() {
			var name string
			var box []byte
			if err := rows.Scan(&name, &box); err != nil {
				return err
			}

			boxes[name] = box
			hashRow(digest, name, box)
		}

		return rows.Err()
	})
	if err != nil {
		return nil, [sha256.Size]byte{}, fmt.Errorf("read the policies of account %s: %w", account, err)
	}

	return boxes, [sha256.Size]byte(digest.Sum(nil)), nil
}

func hashRow(h hash.Hash, name string, box seal.Box) {
	fmt.Fprintf(h, "%d %d ", len(name), len(box)) // unambiguous boundaries between rows
	h.Write([]byte(name))
	h.Write(box)
}

// compile compiles the usable policies.
func (d *Directory) compile(ctx context.Context, account string, boxes map[string]seal.Box) (*policy.Set, error) {
	texts := map[string]string{}
	for name, box := range boxes {
		text, err := d.key.Open(box, policySealContext(account, name))
		if err != nil {
			d.logUnusablePolicy(ctx, account, name, err)
			texts[closedPolicyName] = denyAllButAdmins
			continue
		}

		texts[name] = string(text)
	}

	for {
		set, err := policy.Compile(texts)
		syntaxError, ok := errors.AsType[*policy.SyntaxError](err)
		if !ok || texts[syntaxError.Policy] == "" || syntaxError.Policy == closedPolicyName {
			return set, err
		}

		d.logUnusablePolicy(ctx, account, syntaxError.Policy, err)
		delete(texts, syntaxError.Policy)
		texts[closedPolicyName] = denyAllButAdmins
	}
}

func (d *Directory) logUnusablePolicy(ctx context.Context, account, name string, err error) {
	d.log.LogAttrs(ctx, slog.LevelError, "stored policy cannot be used, its account is closed to all but admins",
		slog.String("account", account), slog.String("policy", name), slog.Any("err", err))
}
