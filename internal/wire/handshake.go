package wire

// The kinds of a credential.
const (
	CredentialNone      = "NONE"       // no credential
	CredentialBasic     = "BASIC"      // a user name and a password
	CredentialToken     = "TOKEN"      // an access token
	CredentialSSHKey    = "SSH_KEY"    // an SSH private key
	CredentialApp       = "APP"        // an application and its private key
	CredentialOAuthCode = "OAUTH_CODE" // an authorization code from StartConnectionHandshake
)

// CredentialOAuth is the kind of credential that a connection holds after
// OAUTH_CODE: an access token and a refresh token.
const CredentialOAuth = "OAUTH" // an access token and a refresh token

// Credential is the credential of a connection. Each kind has members of its own:
// TOKEN has Secret. BASIC has Username and Secret. SSH_KEY has Secret, a private key
// in PEM format, and optionally Username, which defaults to git. APP has AppId,
// InstallationId and Secret, the private key of the application in PEM format.
// OAUTH_CODE has Secret, the authorization code, and State. NONE has no members.
// Secret and State never appear in messages.
type Credential struct {
	Kind           string `shape:"CredentialKind"`
	Username       string `json:",omitzero" shape:"CredentialUsername"`
	Secret         string `json:",omitzero" shape:"CredentialSecret"`
	AppId          string `json:",omitzero" shape:"AppId"`
	InstallationId string `json:",omitzero" shape:"InstallationId"`
	State          string `json:",omitzero" shape:"HandshakeState"`
}

// CompleteConnectionInput is the request of CompleteConnection.
type CompleteConnectionInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
	Credential    Credential
}

// CompleteConnectionOutput is the response of CompleteConnection.
type CompleteConnectionOutput struct {
	ConnectionStatus string `shape:"ConnectionStatus"`
}

// StartConnectionHandshakeInput is the request of StartConnectionHandshake.
// RedirectUri must be https, or http on a loopback address.
type StartConnectionHandshakeInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
	ClientId      string `shape:"OAuthClientId"`
	ClientSecret  string `json:",omitzero" shape:"OAuthClientSecret"`
	RedirectUri   string `shape:"RedirectUri"`
}

// StartConnectionHandshakeOutput is the response of StartConnectionHandshake. The
// Git host redirects the browser to RedirectUri with a code and State. Send both
// with CompleteConnection, once, before ExpiresAt.
type StartConnectionHandshakeOutput struct {
	AuthorizationUrl string `shape:"AuthorizationUrl"`
	State            string `shape:"HandshakeState"`
	// When the handshake expires.
	ExpiresAt Time `shape:"Timestamp"`
}

// GetConnectionHandshakeInput is the request of GetConnectionHandshake.
type GetConnectionHandshakeInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
}

// GetConnectionHandshakeOutput is the response of GetConnectionHandshake. The
// credential itself is never returned.
type GetConnectionHandshakeOutput struct {
	ConnectionArn    string `shape:"ConnectionArn"`
	ConnectionStatus string `shape:"ConnectionStatus"`
	// The reason why the connection is not AVAILABLE.
	Reason         string `json:",omitzero" shape:"StatusReason"`
	CredentialKind string `json:",omitzero" shape:"HeldCredentialKind"`
	// When the access token expires.
	ExpiresAt Time `json:",omitzero" shape:"Timestamp"`
	// Whether the access token is renewed before it expires.
	Renewed bool `json:",omitzero" shape:"Flag"`
	// When the Git host last accepted or refused the credential.
	CheckedAt Time `json:",omitzero" shape:"Timestamp"`
	// When the credential is checked next.
	NextCheckAt Time `json:",omitzero" shape:"Timestamp"`
}

// PutHostCertificateInput is the request of PutHostCertificate.
type PutHostCertificateInput struct {
	HostArn string `shape:"HostArn"`
	// The certificate of the host or of its issuer, or several, in PEM format. They
	// are trusted in addition to the system's. By default the certificate that was
	// set is removed.
	TlsCertificate string `json:",omitzero" shape:"TlsCertificate"`
}

// PutHostCertificateOutput is the response of PutHostCertificate.
type PutHostCertificateOutput struct{}
