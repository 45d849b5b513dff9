package wire

// How a connection's credential is sent to the Git host, or how it is come by:
// OAUTH_CODE is a code that a host gave a person for StartConnectionHandshake.
const (
	CredentialNone      = "NONE"
	CredentialBasic     = "BASIC"
	CredentialToken     = "TOKEN"
	CredentialSSHKey    = "SSH_KEY"
	CredentialApp       = "APP"
	CredentialOAuthCode = "OAUTH_CODE"
)

// CredentialOAuth is what a connection holds after OAUTH_CODE: an access token,
// and what renews it.
const CredentialOAuth = "OAUTH"

// Credential is what a connection shows to the Git host. NONE needs nothing
// else, TOKEN needs Secret, BASIC Username and Secret. SSH_KEY needs a private key
// in PEM for Secret, and Username if that is not git. APP needs AppId,
// InstallationId and the application's private key in PEM for Secret. OAUTH_CODE
// needs the code for Secret, and the State that came with it. Secret and State are
// shown in no message.
type Credential struct {
	Kind           string `shape:"CredentialKind"`
	Username       string `json:",omitzero" shape:"CredentialUsername"`
	Secret         string `json:",omitzero" shape:"CredentialSecret"`
	AppId          string `json:",omitzero" shape:"AppId"`
	InstallationId string `json:",omitzero" shape:"InstallationId"`
	State          string `json:",omitzero" shape:"HandshakeState"`
}

// CompleteConnectionInput gives a connection its credential.
type CompleteConnectionInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
	Credential    Credential
}

// CompleteConnectionOutput answers CompleteConnection.
type CompleteConnectionOutput struct {
	ConnectionStatus string `shape:"ConnectionStatus"`
}

// StartConnectionHandshakeInput sends a person to a Git host, to let an
// application in that is registered there. RedirectUri is of https, or of http on
// the person's own machine; it is the one that the application is registered with.
// ClientSecret is shown in no message.
type StartConnectionHandshakeInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
	ClientId      string `shape:"OAuthClientId"`
	ClientSecret  string `json:",omitzero" shape:"OAuthClientSecret"`
	RedirectUri   string `shape:"RedirectUri"`
}

// StartConnectionHandshakeOutput holds the URL for the person's browser. The host
// sends the person back to RedirectUri with a code and the State; CompleteConnection
// wants both, once, before ExpiresAt.
type StartConnectionHandshakeOutput struct {
	AuthorizationUrl string `shape:"AuthorizationUrl"`
	State            string `shape:"HandshakeState"`
	ExpiresAt        Time   `shape:"Timestamp"`
}

// GetConnectionHandshakeInput names the connection.
type GetConnectionHandshakeInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
}

// GetConnectionHandshakeOutput says where the handshake of a connection stands:
// why it is not AVAILABLE, which kind of credential it holds, and when an access
// token ends; Renewed says that it is renewed before that. CheckedAt is when the
// Git host last said whether the credential works, NextCheckAt when it is asked
// again. The credential itself is never shown.
type GetConnectionHandshakeOutput struct {
	ConnectionArn    string `shape:"ConnectionArn"`
	ConnectionStatus string `shape:"ConnectionStatus"`
	Reason           string `json:",omitzero" shape:"StatusReason"`
	CredentialKind   string `json:",omitzero" shape:"HeldCredentialKind"`
	ExpiresAt        Time   `json:",omitzero" shape:"Timestamp"`
	Renewed          bool   `json:",omitzero" shape:"Flag"`
	CheckedAt        Time   `json:",omitzero" shape:"Timestamp"`
	NextCheckAt      Time   `json:",omitzero" shape:"Timestamp"`
}

// PutHostCertificateInput says which certificate a host is known by, beside the
// authorities that are trusted anyway: its own, or that of whoever issued it; one
// or several, in PEM. Without TlsCertificate the one before is forgotten.
type PutHostCertificateInput struct {
	HostArn        string `shape:"HostArn"`
	TlsCertificate string `json:",omitzero" shape:"TlsCertificate"`
}

// PutHostCertificateOutput is empty.
type PutHostCertificateOutput struct{}
