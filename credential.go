package lockstep

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// A CredentialKind says how a credential is shown to a host.
type CredentialKind string

// The kinds of credentials.
const (
	NoCredential    CredentialKind = "NONE"
	BasicCredential CredentialKind = "BASIC" // user name and password
	TokenCredential CredentialKind = "TOKEN" // Authorization: Bearer
	// SSHKeyCredential is a private key in PEM without a passphrase. Its user is
	// git where none is named.
	SSHKeyCredential CredentialKind = "SSH_KEY"
	// AppCredential is an application's own private key in PEM, with which it gets
	// tokens for one installation: GitHub's Apps.
	AppCredential CredentialKind = "APP"
	// OAuthCredential is what a person let an application have: an access token,
	// and what renews it before it ends.
	OAuthCredential CredentialKind = "OAUTH"
)

// A Credential is what a connection holds, opened. It hides its secret from
// every formatted output.
//
// Two are equal, by ==, when they do the same.
type Credential struct {
	Kind     CredentialKind
	Username string
	Secret   string // password, token, private key, access token

	// Of APP.
	AppID          string // digits, or the client id
	InstallationID string // digits

	// Of OAUTH.
	RefreshToken string // "" where the access token never ends
	ClientID     string
	ClientSecret string // "" of a public client
	ExpiresAt    time.Time
}

type storedCredential struct {
	Kind           CredentialKind `json:"kind"`
	Username       string         `json:"username,omitempty"`
	Secret         string         `json:"secret,omitempty"`
	AppID          string         `json:"app_id,omitempty"`
	InstallationID string         `json:"installation_id,omitempty"`
	RefreshToken   string         `json:"refresh_token,omitempty"`
	ClientID       string         `json:"client_id,omitempty"`
	ClientSecret   string         `json:"client_secret,omitempty"`
	ExpiresAt      time.Time      `json:"expires_at,omitzero"`
}

// Validate says what is wrong with a credential a caller sent.
func (c Credential) Validate() error {
	switch c.Kind {
	case NoCredential:
		if c.Username != "" || c.Secret != "" {
			return Errorf(Invalid, "A credential of kind NONE has neither Username nor Secret.")
		}
	case BasicCredential:
		if c.Username == "" || c.Secret == "" {
			return Errorf(Invalid, "A credential of kind BASIC needs Username and Secret.")
		}
	case TokenCredential:
		if c.Secret == "" || c.Username != "" {
			return Errorf(Invalid, "A credential of kind TOKEN needs Secret and no Username.")
		}
	case SSHKeyCredential:
		return validatePrivateKey(SSHKeyCredential, c.Secret)
	case AppCredential:
		if !digits.MatchString(c.InstallationID) || c.AppID == "" || c.Username != "" {
			return Errorf(Invalid, "A credential of kind APP needs AppId, InstallationId in digits, Secret and no Username.")
		}
		return validatePrivateKey(AppCredential, c.Secret)
	case OAuthCredential:
		if c.Secret == "" || c.RefreshToken != "" && (c.ClientID == "" || c.ExpiresAt.IsZero()) {
			return Errorf(Invalid, "A credential of kind OAUTH needs an access token and, to renew it, a client and the token's end.")
		}
	default:
		return Errorf(Invalid, "Credential kind %q is not one of NONE, BASIC, TOKEN, SSH_KEY, APP, OAUTH.", string(c.Kind))
	}

	return nil
}

// validatePrivateKey sees what is no private key at all, and what would need a
// passphrase that nobody could enter. Whether a host's driver can use the key is
// that driver's to say.
func validatePrivateKey(kind CredentialKind, text string) error {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return Errorf(Invalid, "A credential of kind %s needs a private key in PEM in Secret.", kind)
	case len(bytes.TrimSpace(rest)) > 0:
		return Errorf(Invalid, "The Secret of a credential of kind %s holds more than one private key.", kind)
	case lockedKey(block):
		return Errorf(Invalid, "The private key has a passphrase. Give one without, made for this connection alone.")
	}
	return nil
}

var digits = regexp.MustCompile(`^[0-9]{1,20}$`)

// lockedKey knows the three ways in which a key is encrypted: a header, a type of
// its own, and a cipher in OpenSSH's form (a mark, then the cipher's name with
// its length before it).
func lockedKey(block *pem.Block) bool {
	if block.Type != "OPENSSH PRIVATE KEY" {
		return block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
	}
	cipher, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	return ok && !bytes.HasPrefix(cipher, []byte("\x00\x00\x00\x04none"))
}

// Encode gives the bytes to seal. It is the only way a secret leaves a
// Credential as a whole.
func (c Credential) Encode() ([]byte, error) { return json.Marshal(storedCredential(c)) }

// DecodeCredential reads what Encode gave.
func DecodeCredential(b []byte) (Credential, error) {
	var s storedCredential
	if err := json.Unmarshal(b, &s); err != nil {
		return Credential{}, fmt.Errorf("decode credential: %w", err)
	}
	return Credential(s), nil
}

// String hides the secret.
func (c Credential) String() string { return string(c.Kind) + " credential" }

// GoString hides the secret.
func (c Credential) GoString() string { return c.String() }

// MarshalJSON refuses: a credential is sealed by Encode or goes nowhere.
func (c Credential) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a credential is never marshalled")
}
