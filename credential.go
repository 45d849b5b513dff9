package lockstep

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
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
)

// A Credential is what a connection holds, opened. It hides its secret from
// every formatted output.
type Credential struct {
	Kind     CredentialKind
	Username string
	Secret   string
}

type storedCredential struct {
	Kind     CredentialKind `json:"kind"`
	Username string         `json:"username,omitempty"`
	Secret   string         `json:"secret,omitempty"`
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
		return validatePrivateKey(c.Secret)
	default:
		return Errorf(Invalid, "Credential kind %q is not one of NONE, BASIC, TOKEN, SSH_KEY.", string(c.Kind))
	}
	return nil
}

// validatePrivateKey sees what is no private key at all, and what would need a
// passphrase that nobody could enter. Whether a host's driver can use the key is
// that driver's to say.
func validatePrivateKey(text string) error {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return Errorf(Invalid, "A credential of kind SSH_KEY needs a private key in PEM in Secret.")
	case len(bytes.TrimSpace(rest)) > 0:
		return Errorf(Invalid, "The Secret of a credential of kind SSH_KEY holds more than one private key.")
	case lockedKey(block):
		return Errorf(Invalid, "The private key has a passphrase. Give one without, made for this connection alone.")
	}
	return nil
}

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
