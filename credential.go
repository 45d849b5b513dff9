package lockstep

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A CredentialKind says how a credential is shown to a host.
type CredentialKind string

// The kinds of credentials.
const (
	NoCredential    CredentialKind = "NONE"
	BasicCredential CredentialKind = "BASIC" // user name and password
	TokenCredential CredentialKind = "TOKEN" // Authorization: Bearer
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
	default:
		return Errorf(Invalid, "Credential kind %q is not one of NONE, BASIC, TOKEN.", string(c.Kind))
	}
	return nil
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
