package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
)

const (
	idPrefix    = "LSAK"
	idBytes     = 10 // 16 characters of base32
	secretBytes = 30 // 40 characters of base64
)

// An AccessKey is a key as it may be listed. Secret is set by Create alone,
// which is the one time that it is shown.
type AccessKey struct {
	Principal
	Disabled  bool
	CreatedAt time.Time
	Secret    seal.Secret
}

// NewKey says whose key to make.
type NewKey struct {
	Account   string // twelve digits
	Principal string // a name: 1 to 64 letters, digits and +=,.@_-
	Role      Role
}

func (n NewKey) validate() error {
	if !matches(`[0-9]{12}`, n.Account) {
		return lockstep.Errorf(lockstep.Invalid, "Account %q is not a number of twelve digits.", n.Account)
	}
	if !matches(`[A-Za-z0-9+=,.@_-]{1,64}`, n.Principal) {
		return lockstep.Errorf(lockstep.Invalid,
			"Principal %q is not a name of 1 to 64 letters, digits and +=,.@_- characters.", n.Principal)
	}
	if n.Role != Admin && n.Role != Reader {
		return lockstep.Errorf(lockstep.Invalid, "Role %q is not one of admin, reader.", string(n.Role))
	}
	return nil
}

func matches(pattern, text string) bool {
	return regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(text)
}

// Create makes an access key; its id and secret are drawn at random. The error
// is Invalid where n is not as its fields demand.
func Create(tx *db.Tx, key *seal.Key, n NewKey) (AccessKey, error) {
	if err := n.validate(); err != nil {
		return AccessKey{}, err
	}
	k := AccessKey{
		Principal: Principal{AccessKeyID: newID(), Account: n.Account, Name: n.Principal, Role: n.Role},
		CreatedAt: tx.Now,
		Secret:    newSecret(),
	}
	box, err := key.Seal([]byte(k.Secret.Reveal()), k.sealContext())
	if err != nil {
		return AccessKey{}, fmt.Errorf("create access key: %w", err)
	}
	_, err = tx.Exec(`INSERT INTO access_key (id, account, principal, role, sealed, status, created_at)
		VALUES ($1, $2, $3, $4, $5, 'active', $6)`,
		k.AccessKeyID, k.Account, k.Name, string(k.Role), []byte(box), db.Millis(tx.Now))
	if err != nil {
		return AccessKey{}, fmt.Errorf("create access key: %w", err)
	}
	return k, nil
}

// sealContext binds a secret to all that gives its key power.
func (p Principal) sealContext() []byte {
	return fmt.Appendf(nil, "access_key %q %q %q %q", p.AccessKeyID, p.Account, p.Name, string(p.Role))
}

// Keys lists all keys of all accounts, oldest first, disabled ones included. It
// is for whoever administers the installation, not for a caller of the API.
func Keys(tx *db.Tx) ([]AccessKey, error) {
	rows, err := tx.Query(`SELECT id, account, principal, role, status, created_at
		FROM access_key ORDER BY created_at, id`)
	if err != nil {
		return nil, fmt.Errorf("list access keys: %w", err)
	}
	defer rows.Close()
	var keys []AccessKey
	for rows.Next() {
		var k AccessKey
		var role, status string
		var created int64
		if err := rows.Scan(&k.AccessKeyID, &k.Account, &k.Name, &role, &status, &created); err != nil {
			return nil, fmt.Errorf("list access keys: %w", err)
		}
		k.Role, k.Disabled, k.CreatedAt = Role(role), status != "active", db.Time(created)
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// Disable ends a key for good. Servers that have just used it take notice
// within CacheFor. A key that is disabled already stays so; the error is
// NotFound where there is none.
func Disable(tx *db.Tx, id string) error {
	notFound := lockstep.Errorf(lockstep.NotFound, "There is no access key %q.", id)
	if !wellFormed(id) {
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

// activeKey gives an active key and its sealed secret, or ErrUnknownKey.
func activeKey(tx *db.Tx, id string) (Principal, seal.Box, error) {
	p := Principal{AccessKeyID: id}
	var role string
	var box []byte
	err := tx.QueryRow(`SELECT account, principal, role, sealed FROM access_key
		WHERE id = $1 AND status = 'active'`, id).Scan(&p.Account, &p.Name, &role, &box)
	if errors.Is(err, db.ErrNoRows) {
		return Principal{}, nil, ErrUnknownKey
	}
	if err != nil {
		return Principal{}, nil, fmt.Errorf("read access key: %w", err)
	}
	p.Role = Role(role)
	return p, box, nil
}

// LooksLikeAWS says whether an access key id is one of AWS's own, which has no
// business here: neither may our client sign with it nor our server take it.
func LooksLikeAWS(id string) bool {
	return strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA")
}

// wellFormed says whether id could be one of ours. What is not never reaches
// the database, which would choke on some bytes.
func wellFormed(id string) bool {
	random, found := strings.CutPrefix(id, idPrefix)
	if !found || len(random) != base32.StdEncoding.EncodedLen(idBytes) {
		return false
	}
	_, err := base32.StdEncoding.DecodeString(random)
	return err == nil
}

func newID() string { return idPrefix + base32.StdEncoding.EncodeToString(random(idBytes)) }

func newSecret() seal.Secret {
	return seal.NewSecret(base64.StdEncoding.EncodeToString(random(secretBytes)))
}

// random gives n bytes. The system's source does not fail (crypto/rand.Read).
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
