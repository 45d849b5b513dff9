package lockstep

import (
	"errors"
	"regexp"
	"time"
)

// A CredentialKind is the way in which a credential authenticates at a Git host.
type CredentialKind string

// The kinds of credentials.
const (
	NoCredential    CredentialKind = "NONE"
	BasicCredential CredentialKind = "BASIC" // user name and password
	TokenCredential CredentialKind = "TOKEN" // Authorization: Bearer
	// SSHKeyCredential is a private key in PEM without a passphrase. The user name
	// defaults to git.
	SSHKeyCredential CredentialKind = "SSH_KEY"
	// AppCredential is the private key of a GitHub App, in PEM. It is exchanged for
	// tokens of one installation.
	AppCredential CredentialKind = "APP"
	// OAuthCredential is an OAuth grant: an access token and what renews it.
	OAuthCredential CredentialKind = "OAUTH"
)

// A Credential is a token, an app key, an SSH key or an OAuth grant that a connection
// holds, unsealed. Formatted output does not show its secrets.
//
// Credentials are comparable with ==.
type Credential struct {
	Kind     CredentialKind
	Username string
	Secret   string // password, token, private key, access token

	// Of kind APP.
	AppID          string // digits, or the client id
	InstallationID string // digits

	// Of kind OAUTH.
	RefreshToken string // "" if the access token does not expire
	ClientID     string
	ClientSecret string // "" for a public client
	ExpiresAt    time.Time
}

var digits = regexp.MustCompile(`^[0-9]{1,20}$`)

// Validate returns an error of kind Invalid if a caller's credential is incomplete
// or contradictory. The message does not contain secrets.
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
			return Errorf(Invalid, "A credential of kind APP needs AppId, InstallationId in digits, Secret and no "+
				"Username.")
		}
		return validatePrivateKey(AppCredential, c.Secret)
	case OAuthCredential:
		if c.Secret == "" || c.RefreshToken != "" && (c.ClientID == "" || c.ExpiresAt.IsZero()) {
			return Errorf(Invalid, "A credential of kind OAUTH needs an access token and, to renew it, a client and "+
				"the token's expiry time.")
		}
	default:
		return Errorf(Invalid, "Credential kind %q is not one of NONE, BASIC, TOKEN, SSH_KEY, APP, OAUTH.",
			string(c.Kind))
	}

	return nil
}

// String returns a description without the secrets.
func (c Credential) String() string { return string(c.Kind) + " credential" }

// GoString returns a description without the secrets.
func (c Credential) GoString() string { return c.String() }

// MarshalJSON returns an error: a credential is only stored sealed, by
// [Credential.Encode].
func (c Credential) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a credential is never marshalled")
}
