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

// CacheFor is how long a Directory caches a key, and so how long a disabled key may
// still work.
const CacheFor = 5 * time.Second

// maxCached bounds the memory of a Directory. If more keys are in use within
// CacheFor, it only reads the database more often.
const maxCached = 10_000

// ErrUnknownKey is returned if there is no active key or session with an id. It is
// the same for a disabled key and one that never existed, and for a session whose
// role was changed and one that was never issued.
var ErrUnknownKey error = &lockstep.Error{Kind: lockstep.Denied, Message: "The access key is unknown or disabled."}

// ErrExpiredToken is returned for a session that has expired. The message is AWS's.
var ErrExpiredToken error = &lockstep.Error{
	Kind:    lockstep.Denied,
	Message: "The security token included in the request is expired",
}

// ErrSessionRequired is returned for a valid signature by a long-lived key if only
// sessions are accepted.
var ErrSessionRequired error = &lockstep.Error{
	Kind: lockstep.Denied,
	Message: "Long-lived access keys are disabled on this server: " +
		"use a session of a web identity role (AssumeRoleWithWebIdentity).",
}

// A Directory looks up access keys, sessions and the policies of accounts. It may
// be used concurrently.
type Directory struct {
	db           *db.DB
	key          *seal.Key
	sessionsOnly bool
	log          *slog.Logger
	// dummy and dummyBox replace those of an unknown key, so that a lookup takes
	// the same time: a box to open, a secret to verify against.
	dummy    seal.Secret
	dummyBox seal.Box

	mu     sync.RWMutex
	cached map[string]openedKey

	policies policyCache
}

// An openedKey is a key or session with its secret. token is the hash of a
// session's token, zero for a key.
type openedKey struct {
	principal Principal
	secret    seal.Secret
	token     [sha256.Size]byte
	until     time.Time
}

// Options configure a Directory.
type Options struct {
	DB  *db.DB
	Key *seal.Key
	// SessionsOnly disables long-lived keys: only sessions and the server's own
	// keys are accepted. Defaults to false.
	SessionsOnly bool
	// Log receives errors about unusable stored policies. Defaults to discarding
	// them.
	Log *slog.Logger
}

// NewDirectory returns a directory of the keys in options.DB, sealed with
// options.Key.
func NewDirectory(options Options) (*Directory, error) {
	dummy := newSecret()
	box, err := options.Key.Seal([]byte(dummy.Reveal()), Principal{}.sealContext(nil))
	if err != nil {
		return nil, fmt.Errorf("new key directory: %w", err)
	}

	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}

	return &Directory{
		db:           options.DB,
		key:          options.Key,
		sessionsOnly: options.SessionsOnly,
		log:          options.Log,
		dummy:        dummy,
		dummyBox:     box,
		cached:       map[string]openedKey{},
	}, nil
}

// Verify looks up the key of a request and calls check, which returns nil if the
// request is signed with secret. token is the request's security token, "" for a
// key that is not a session. It returns the principal only if the signature is
// valid. The error is ErrUnknownKey, check's own, ErrExpiredToken,
// ErrSessionRequired or that of the database. The first two take the same time; the
// next two are returned only for a valid signature.
func (d *Directory) Verify(
	ctx context.Context,
	id, token string,
	check func(secret seal.Secret) error,
) (Principal, error) {
	opened, hit, err := d.find(ctx, id, token)
	if err != nil && !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrExpiredToken) {
		return Principal{}, err
	}

	checked := check(opened.secret)
	if errors.Is(err, ErrUnknownKey) {
		return Principal{}, ErrUnknownKey // even if check succeeded: the secret is the dummy
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
		// The lookup of an unknown key reads the database, so this one does too.
		_, err := d.read(ctx, id, token)
		if err != nil && !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrExpiredToken) {
			return Principal{}, err
		}
	}

	return Principal{}, checked
}

// CheckID returns ErrUnknownKey if there is no active key or session with this id and
// token, so that no signature can be valid. An expired session is known: only a valid
// signature learns that it has expired.
func (d *Directory) CheckID(ctx context.Context, id, token string) error {
	_, _, err := d.find(ctx, id, token)
	if errors.Is(err, ErrExpiredToken) {
		return nil
	}
	return err
}

// checkSessionsOnly returns ErrSessionRequired for a long-lived key if those are
// disabled.
func (d *Directory) checkSessionsOnly(p Principal) error {
	if d.sessionsOnly && p.AssumedRole == "" && !isReservedName(p.Name) {
		return ErrSessionRequired
	}
	return nil
}

// Lookup returns the principal and the secret of a key or, with its token, of a
// session. With ErrUnknownKey it returns the dummy secret: verify the signature
// against it anyway, then refuse. Expired sessions and disabled keys are unknown
// here too. Prefer Verify, where an invalid signature takes as long as an unknown
// key.
func (d *Directory) Lookup(ctx context.Context, id, token string) (Principal, seal.Secret, error) {
	opened, _, err := d.find(ctx, id, token)
	if errors.Is(err, ErrExpiredToken) || err == nil && d.checkSessionsOnly(opened.principal) != nil {
		return Principal{}, d.dummy, ErrUnknownKey
	}
	return opened.principal, opened.secret, err
}

// find returns a key or session from the cache, which is a hit, or from the
// database and the token. With ErrUnknownKey it returns the dummy.
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

// hashToken returns the hash of a token, zero for none.
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

// read reads a key or session from the database. It always opens a box: that of the
// key, or the dummy's.
func (d *Directory) read(ctx context.Context, id, token string) (openedKey, error) {
	if strings.HasPrefix(id, sessionPrefix) {
		return d.readSession(ctx, id, token)
	}
	return d.readKey(ctx, id, token)
}

// readKey reads a key. With a token it is unknown: keys have none.
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
