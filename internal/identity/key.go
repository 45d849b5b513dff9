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
	idBytes     = 10 // 16 base32 characters
	secretBytes = 30 // 40 base64 characters
)

// An AccessKey describes a key. Secret is set only by CreateKey and RotateKey.
type AccessKey struct {
	Principal
	Disabled  bool
	CreatedAt time.Time
	// ExpiresAt is when a rotated key stops working; zero for a key that does not
	// expire.
	ExpiresAt time.Time
	Secret    seal.Secret
}

// A CreateKeyInput describes a key to be created.
type CreateKeyInput struct {
	Account   string // twelve digits
	Principal string // 1 to 64 letters, digits and +=,.@_-
	Role      Role
	// ServerOwned is set for the server's own principals, whose names begin with
	// "lockstep.". No other principal may have such a name.
	ServerOwned bool
}

func (n CreateKeyInput) validate() error {
	if !matchesPattern(accountPattern, n.Account) {
		return lockstep.Errorf(lockstep.Invalid, "Account %q is not a twelve-digit number.", n.Account)
	}
	if !matchesPattern(namePattern, n.Principal) {
		return lockstep.Errorf(lockstep.Invalid,
			"Principal %q is not a name of 1 to 64 letters, digits and +=,.@_- characters.", n.Principal)
	}
	if isReservedName(n.Principal) != n.ServerOwned {
		return lockstep.Errorf(lockstep.Invalid, "Principal %q: names that begin with %q are the server's own.",
			n.Principal, reservedPrefix)
	}

	if !n.Role.valid() {
		return lockstep.Errorf(lockstep.Invalid, "Role %q is not one of admin, operator, reader, none.",
			string(n.Role))
	}

	return nil
}

const (
	accountPattern = `[0-9]{12}`
	namePattern    = `[A-Za-z0-9+=,.@_-]{1,64}`
)

func matchesPattern(pattern, text string) bool {
	return regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(text)
}

// CreateKey creates an access key with a random id and secret. The error is Invalid
// if input is not as its fields require.
func CreateKey(tx *db.Tx, key *seal.Key, input CreateKeyInput) (AccessKey, error) {
	if err := input.validate(); err != nil {
		return AccessKey{}, err
	}

	accessKey := AccessKey{
		Principal: Principal{
			AccessKeyID: newID(idPrefix),
			Account:     input.Account,
			Name:        input.Principal,
			Role:        input.Role,
		},
		CreatedAt: tx.Now,
		Secret:    newSecret(),
	}

	box, err := key.Seal([]byte(accessKey.Secret.Reveal()), accessKey.sealContext(nil))
	if err != nil {
		return AccessKey{}, fmt.Errorf("create access key: %w", err)
	}

	_, err = tx.Exec(`INSERT INTO access_key (id, account, principal, role, sealed, status, created_at)
		VALUES ($1, $2, $3, $4, $5, 'active', $6)`,
		accessKey.AccessKeyID, accessKey.Account, accessKey.Name, string(accessKey.Role), []byte(box),
		db.Millis(tx.Now))
	if err != nil {
		return AccessKey{}, fmt.Errorf("create access key: %w", err)
	}

	return accessKey, nil
}

// sealContext binds a secret to everything that determines its permissions, and to
// its expiry if it has one. Changing either requires the seal key.
func (p Principal) sealContext(expires *int64) []byte {
	b := fmt.Appendf(nil, "access_key %q %q %q %q", p.AccessKeyID, p.Account, p.Name, string(p.Role))
	if expires != nil {
		b = fmt.Appendf(b, " until %d", *expires)
	}
	return b
}

// A storedKey is a row of the table access_key.
type storedKey struct {
	Principal
	box     seal.Box
	expires *int64
}

// readActiveKey returns an active key, or ErrUnknownKey. An expired key is unknown.
func readActiveKey(tx *db.Tx, id string) (storedKey, error) {
	stored := storedKey{Principal: Principal{AccessKeyID: id}}
	var role string
	var box []byte
	err := tx.QueryRow(`SELECT account, principal, role, sealed, expires_at FROM access_key
		WHERE id = $1 AND status = 'active'`, id).Scan(&stored.Account, &stored.Name, &role, &box, &stored.expires)
	if errors.Is(err, db.ErrNoRows) || err == nil && stored.expires != nil && *stored.expires <= db.Millis(tx.Now) {
		return storedKey{}, ErrUnknownKey
	}

	if err != nil {
		return storedKey{}, fmt.Errorf("read access key: %w", err)
	}

	stored.Role, stored.box = Role(role), box
	return stored, nil
}

// IsAWSKeyID reports whether an access key id is one of AWS's own, which neither
// client nor server may use.
func IsAWSKeyID(id string) bool {
	return strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA")
}

// isWellFormedID reports whether id can be one of ours. Others must not reach the
// database, which rejects some bytes.
func isWellFormedID(id, prefix string) bool {
	random, found := strings.CutPrefix(id, prefix)
	if !found || len(random) != base32.StdEncoding.EncodedLen(idBytes) {
		return false
	}
	_, err := base32.StdEncoding.DecodeString(random)
	return err == nil
}

func newID(prefix string) string {
	return prefix + base32.StdEncoding.EncodeToString(randomBytes(idBytes))
}

func newSecret() seal.Secret {
	return seal.NewSecret(base64.StdEncoding.EncodeToString(randomBytes(secretBytes)))
}

// randomBytes returns n random bytes; crypto/rand.Read does not fail.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}
