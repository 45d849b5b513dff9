package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	// sessionPrefix begins the key ids of sessions, like ASIA at AWS.
	sessionPrefix = "LSSK"
	// maxToken is longer than any issued token.
	maxToken = 2048
	// tokenVersion changes when earlier tokens can no longer be read. Their
	// sessions are then unknown and must be started again.
	tokenVersion = 1
)

// A Session is a set of credentials that expires at Principal.Expires. It is not
// stored: the sealed token contains all of it.
type Session struct {
	Principal
	Secret seal.Secret
	Token  seal.Secret
}

// A sessionToken is the content of a token. Rules is the hash of the role's row
// when the session began.
type sessionToken struct {
	Version int    `json:"v"`
	ID      string `json:"i"`
	Secret  string `json:"k"`
	Account string `json:"a"`
	Assumed string `json:"r"`
	Name    string `json:"n"`
	Role    Role   `json:"g"`
	Rules   []byte `json:"f"`
	Issued  int64  `json:"b"`
	Expires int64  `json:"e"`
}

func tokenSealContext() []byte { return []byte("session") }

// newSession creates credentials for a principal that has assumed a role whose row
// contains rules.
func newSession(key *seal.Key, principal Principal, rules seal.Box, now time.Time) (Session, error) {
	principal.AccessKeyID = newID(sessionPrefix)
	session := Session{Principal: principal, Secret: newSecret()}
	text, err := json.Marshal(sessionToken{
		Version: tokenVersion,
		ID:      principal.AccessKeyID,
		Secret:  session.Secret.Reveal(),
		Account: principal.Account,
		Assumed: principal.AssumedRole,
		Name:    principal.Name,
		Role:    principal.Role,
		Rules:   fingerprint(rules),
		Issued:  db.Millis(now),
		Expires: db.Millis(principal.Expires),
	})
	if err != nil {
		return Session{}, fmt.Errorf("make a session: %w", err)
	}

	box, err := key.Seal(text, tokenSealContext())
	if err != nil {
		return Session{}, fmt.Errorf("make a session: %w", err)
	}

	session.Token = seal.NewSecret(base64.RawURLEncoding.EncodeToString(box))
	return session, nil
}

// fingerprint identifies a version of a role. A row that is written again is sealed
// again and so has another fingerprint.
func fingerprint(rules seal.Box) []byte {
	sum := sha256.Sum256(rules)
	return sum[:16]
}

// openToken opens a token. It reports false if the token is not ours, has another
// version or was modified.
func openToken(key *seal.Key, token string) (sessionToken, bool) {
	if token == "" || len(token) > maxToken {
		return sessionToken{}, false
	}

	box, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return sessionToken{}, false
	}

	text, err := key.Open(box, tokenSealContext())
	if err != nil {
		return sessionToken{}, false
	}

	var t sessionToken
	if err := json.Unmarshal(text, &t); err != nil || t.Version != tokenVersion {
		return sessionToken{}, false
	}

	return t, true
}

// readSession opens a session's token and compares its role with the database. An
// unknown session costs the same: one read and one box.
func (d *Directory) readSession(ctx context.Context, id, token string) (openedKey, error) {
	dummy := openedKey{secret: d.dummy}
	if !isWellFormedID(id, sessionPrefix) {
		return dummy, ErrUnknownKey
	}

	t, known := openToken(d.key, token)
	if !known {
		if _, err := d.key.Open(d.dummyBox, Principal{}.sealContext(nil)); err != nil {
			return openedKey{}, fmt.Errorf("open the dummy: %w", err)
		}
	}

	now := time.Now()
	var rules []byte
	err := d.db.ViewOnce(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT sealed FROM web_identity_role WHERE account = $1 AND name = $2`, t.Account,
			t.Assumed).Scan(&rules)
	})
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return openedKey{}, fmt.Errorf("read the role of a session: %w", err)
	}

	same := subtle.ConstantTimeCompare(fingerprint(rules), t.Rules) == 1
	if !known || err != nil || !same || t.ID != id {
		return dummy, ErrUnknownKey
	}

	opened := openedKey{
		principal: Principal{
			AccessKeyID: t.ID,
			Account:     t.Account,
			Name:        t.Name,
			Role:        t.Role,
			AssumedRole: t.Assumed,
			Expires:     db.Time(t.Expires),
		},
		secret: seal.NewSecret(t.Secret),
		token:  hashToken(token),
		until:  earliest(now.Add(CacheFor), db.Time(t.Expires)),
	}
	if !now.Before(opened.principal.Expires) {
		return opened, ErrExpiredToken
	}

	return opened, nil
}
