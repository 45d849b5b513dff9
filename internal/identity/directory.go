package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
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
// not told from one that never was, nor a session whose role has gone or was
// changed from one that nobody gave out.
var ErrUnknownKey error = &lockstep.Error{Kind: lockstep.Denied, Message: "The access key is not known or was disabled."}

// ErrExpiredToken says that a session has ended. The words are AWS's.
var ErrExpiredToken error = &lockstep.Error{Kind: lockstep.Denied, Message: "The security token included in the request is expired"}

// ErrSessionRequired says that a request was signed well, but with a key that does
// not end by itself where only sessions are taken.
var ErrSessionRequired error = &lockstep.Error{Kind: lockstep.Denied,
	Message: "Long-lived access keys are switched off on this server: come with a session of a web identity role (AssumeRoleWithWebIdentity)."}

// A Directory finds keys by their ids, and the policies of an account. It may be
// used concurrently.
type Directory struct {
	db           *db.DB
	key          *seal.Key
	sessionsOnly bool
	log          *slog.Logger
	// dummy stands in for a key that is not there, so that looking for one
	// takes the same steps: a box to open, a secret to check against.
	dummy    seal.Secret
	dummyBox seal.Box

	mu     sync.RWMutex
	cached map[string]openedKey

	policies policyCache
}

// An opened key or session. token is the hash of a session's token, zero for a
// key.
type openedKey struct {
	principal Principal
	secret    seal.Secret
	token     [sha256.Size]byte
	until     time.Time
}

// Options are what a directory is made of.
type Options struct {
	DB  *db.DB
	Key *seal.Key
	// SessionsOnly switches long-lived keys off: only sessions and the server's
	// own keys are taken. Defaults to false.
	SessionsOnly bool
	// Log is told of stored policies that cannot be used. Defaults to nothing.
	Log *slog.Logger
}

// NewDirectory returns a directory of the keys in o.DB, whose secrets o.Key has sealed.
func NewDirectory(options Options) (*Directory, error) {
	dummy := newSecret()
	box, err := options.Key.Seal([]byte(dummy.Reveal()), Principal{}.sealContext(nil))
	if err != nil {
		return nil, fmt.Errorf("new key directory: %w", err)
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Directory{db: options.DB, key: options.Key, sessionsOnly: options.SessionsOnly, log: options.Log,
		dummy: dummy, dummyBox: box, cached: map[string]openedKey{}}, nil
}

// Verify finds the key of a request and has its signature checked: check says
// nil if the request was signed with secret. token is the request's security
// token, which a session has and a key has not. It gives the principal only where
// that is so. The error is ErrUnknownKey, check's own, ErrExpiredToken,
// ErrLongLivedOff or what went wrong in the database; the first two cannot be
// told apart by time, and the next two are for those alone who have signed well.
func (d *Directory) Verify(ctx context.Context, id, token string, check func(secret seal.Secret) error) (Principal, error) {
	opened, hit, err := d.find(ctx, id, token)
	if err != nil && !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrExpiredToken) {
		return Principal{}, err
	}

	checked := check(opened.secret)
	if errors.Is(err, ErrUnknownKey) {
		return Principal{}, ErrUnknownKey // whatever check found: the secret was made up
	}

	if checked == nil {
		if err == nil {
			err = d.checkSessionsOnly(opened.principal)
		}

		if err != nil {
			return Principal{}, err
		}

		return opened.principal, nil
	}

	if hit {
		// An unknown key was looked for in the database, so this one is too.
		_, err := d.read(ctx, id, token)
		if err != nil && !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrExpiredToken) {
			return Principal{}, err
		}
	}

	return Principal{}, checked
}

// checkSessionsOnly gives ErrLongLivedOff for a key that only an installation with
// long-lived keys takes.
func (d *Directory) checkSessionsOnly(p Principal) error {
	if d.sessionsOnly && p.AssumedRole == "" && !isReservedName(p.Name) {
		return ErrSessionRequired
	}
	return nil
}

// Lookup gives the principal and secret of a key or, with its token, of a
// session. With ErrUnknownKey comes a secret that was made up: check the
// signature all the same, then refuse. What has expired or is switched off is
// not known here either, since nothing proves that its owner asks. Verify makes a
// wrong signature cost what an unknown key costs: prefer it.
func (d *Directory) Lookup(ctx context.Context, id, token string) (Principal, seal.Secret, error) {
	opened, _, err := d.find(ctx, id, token)
	if errors.Is(err, ErrExpiredToken) || err == nil && d.checkSessionsOnly(opened.principal) != nil {
		return Principal{}, d.dummy, ErrUnknownKey
	}
	return opened.principal, opened.secret, err
}

// find gives a key or session from memory, which is a hit, or from the database
// and the token. With ErrUnknownKey comes the dummy.
func (d *Directory) find(ctx context.Context, id, token string) (opened openedKey, hit bool, err error) {
	if opened, hit := d.cachedKey(id, token); hit {
		return opened, true, nil
	}
	opened, err = d.read(ctx, id, token)
	if err == nil {
		d.cacheKey(opened)
	}
	return opened, false, err
}

func (d *Directory) cachedKey(id, token string) (openedKey, bool) {
	d.mu.RLock()
	k, ok := d.cached[id]
	d.mu.RUnlock()
	return k, ok && time.Now().Before(k.until) && k.token == hashToken(token)
}

// hashToken gives what a token is remembered by: nothing for none.
func hashToken(token string) [sha256.Size]byte {
	if token == "" {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256([]byte(token))
}

func (d *Directory) cacheKey(opened openedKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cached) >= maxCached {
		now := time.Now()
		maps.DeleteFunc(d.cached, func(_ string, opened openedKey) bool { return !now.Before(opened.until) })
	}
	if len(d.cached) >= maxCached {
		clear(d.cached)
	}
	d.cached[opened.principal.AccessKeyID] = opened
}

// read looks in the database and opens a box in any case: the one that belongs
// to the id, or the dummy's.
func (d *Directory) read(ctx context.Context, id, token string) (openedKey, error) {
	if strings.HasPrefix(id, sessionPrefix) {
		return d.readSession(ctx, id, token)
	}
	return d.readKey(ctx, id, token)
}

// readKey does not tell a key with a token from one that is not there: whoever
// has a key has no token for it.
func (d *Directory) readKey(ctx context.Context, id, token string) (openedKey, error) {
	dummy := openedKey{secret: d.dummy}
	if !isWellFormedID(id, idPrefix) {
		return dummy, ErrUnknownKey
	}

	var stored storedKey
	until := time.Now().Add(CacheFor)
	found := d.db.ViewOnce(ctx, func(tx *db.Tx) (err error) {
		stored, err = readActiveKey(tx, id)
		return err
	})
	unknown := errors.Is(found, ErrUnknownKey)
	if found != nil && !unknown {
		return openedKey{}, found
	}

	if unknown || token != "" {
		unknown, stored = true, storedKey{box: d.dummyBox}
	}

	secret, err := d.key.Open(stored.box, stored.sealContext(stored.expires))
	if err != nil {
		return openedKey{}, fmt.Errorf("open the secret of access key %s: %w", id, err)
	}
	if unknown {
		return dummy, ErrUnknownKey
	}

	if stored.expires != nil {
		until = earliest(until, db.Time(*stored.expires))
	}

	return openedKey{principal: stored.Principal, secret: seal.NewSecret(string(secret)), until: until}, nil
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
