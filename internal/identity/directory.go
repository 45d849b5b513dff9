package identity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

// CacheFor is how long a Directory trusts what it has read of a key, and so the
// longest that a disabled key goes on working.
const CacheFor = 5 * time.Second

// maxCached bounds the memory of a Directory. With more keys in use than that
// within CacheFor it reads the database more often and is otherwise the same.
const maxCached = 10_000

// ErrUnknownKey says that there is no active key of that id. A disabled key is
// not told from one that never was.
var ErrUnknownKey error = &lockstep.Error{Kind: lockstep.Denied, Message: "The access key is not known or was disabled."}

// A Directory finds keys by their ids. It may be used concurrently.
type Directory struct {
	db  *db.DB
	key *seal.Key
	// dummy stands in for a key that is not there, so that looking for one
	// takes the same steps: a box to open, a secret to check against.
	dummy    seal.Secret
	dummyBox seal.Box

	mu     sync.RWMutex
	cached map[string]opened
}

type opened struct {
	principal Principal
	secret    seal.Secret
	until     time.Time
}

// NewDirectory gives a directory of the keys in d, whose secrets key has
// sealed.
func NewDirectory(d *db.DB, key *seal.Key) (*Directory, error) {
	dummy := newSecret()
	box, err := key.Seal([]byte(dummy.Reveal()), Principal{}.sealContext())
	if err != nil {
		return nil, fmt.Errorf("new key directory: %w", err)
	}
	return &Directory{db: d, key: key, dummy: dummy, dummyBox: box, cached: map[string]opened{}}, nil
}

// Verify finds the key of a request and has its signature checked: check says
// nil if the request was signed with secret. It gives the principal only where
// that is so. The error is ErrUnknownKey, check's own, or what went wrong in
// the database; the first two cannot be told apart by time.
func (d *Directory) Verify(ctx context.Context, id string, check func(secret seal.Secret) error) (Principal, error) {
	k, hit, err := d.find(ctx, id)
	unknown := errors.Is(err, ErrUnknownKey)
	if err != nil && !unknown {
		return Principal{}, err
	}
	checked := check(k.secret)
	if unknown {
		return Principal{}, ErrUnknownKey // whatever check found: the secret was made up
	}
	if checked == nil {
		return k.principal, nil
	}
	if hit {
		// An unknown key was looked for in the database, so this one is too.
		if _, err := d.read(ctx, id); err != nil && !errors.Is(err, ErrUnknownKey) {
			return Principal{}, err
		}
	}
	return Principal{}, checked
}

// Lookup gives a key's principal and secret. With ErrUnknownKey comes a secret
// that was made up: check the signature all the same, then refuse. Verify does
// that, and besides makes a wrong signature cost what an unknown key costs:
// prefer it.
func (d *Directory) Lookup(ctx context.Context, id string) (Principal, seal.Secret, error) {
	k, _, err := d.find(ctx, id)
	return k.principal, k.secret, err
}

// find gives a key from memory, which is a hit, or from the database. With
// ErrUnknownKey comes the dummy.
func (d *Directory) find(ctx context.Context, id string) (k opened, hit bool, err error) {
	if k, hit := d.remember(id); hit {
		return k, true, nil
	}
	k, err = d.read(ctx, id)
	if err == nil {
		d.keep(k)
	}
	return k, false, err
}

func (d *Directory) remember(id string) (opened, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	k, ok := d.cached[id]
	return k, ok && time.Now().Before(k.until)
}

func (d *Directory) keep(k opened) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cached) >= maxCached {
		now := time.Now()
		maps.DeleteFunc(d.cached, func(_ string, k opened) bool { return !now.Before(k.until) })
	}
	if len(d.cached) >= maxCached {
		clear(d.cached)
	}
	d.cached[k.principal.AccessKeyID] = k
}

// read looks in the database, and then opens a box in any case: the key's, or
// the dummy's.
func (d *Directory) read(ctx context.Context, id string) (opened, error) {
	dummy := opened{secret: d.dummy}
	if !wellFormed(id) {
		return dummy, ErrUnknownKey
	}
	var p Principal
	var box seal.Box
	until := time.Now().Add(CacheFor)
	found := d.db.Peek(ctx, func(tx *db.Tx) (err error) {
		p, box, err = activeKey(tx, id)
		return err
	})
	unknown := errors.Is(found, ErrUnknownKey)
	if found != nil && !unknown {
		return opened{}, found
	}
	if unknown {
		p, box = Principal{}, d.dummyBox
	}
	secret, err := d.key.Open(box, p.sealContext())
	if err != nil {
		return opened{}, fmt.Errorf("open the secret of access key %s: %w", id, err)
	}
	if unknown {
		return dummy, ErrUnknownKey
	}
	return opened{principal: p, secret: seal.NewSecret(string(secret)), until: until}, nil
}
