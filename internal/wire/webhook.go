package wire

// The kinds of a webhook: how a delivery proves its origin.
const (
	WebhookGitHub        = "GITHUB"         // GitHub and GitHub Enterprise Server: a signature
	WebhookGitLab        = "GITLAB"         // GitLab: a secret token
	WebhookGitLabSigning = "GITLAB_SIGNING" // GitLab: a signature with a signing token
	WebhookBitbucket     = "BITBUCKET"      // Bitbucket: a signature
	WebhookAzureDevOps   = "AZURE_DEVOPS"   // Azure DevOps: the secret as a password or in X-Lockstep-Token
	WebhookGitea         = "GITEA"          // Gitea and Forgejo: a signature
	WebhookGeneric       = "GENERIC"        // any other sender: a signature, or the secret as a bearer token
)

// PutRepositoryWebhookInput is the request of PutRepositoryWebhook. A replaced
// secret stops working within seconds.
type PutRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	Kind             string `shape:"WebhookKind"`
	// The secret of the webhook. By default the server generates one. For
	// GITLAB_SIGNING it is whsec_ followed by base64.
	Secret string `json:",omitzero" shape:"WebhookSecret"`
}

// PutRepositoryWebhookOutput is the response of PutRepositoryWebhook. The secret is
// returned only once.
type PutRepositoryWebhookOutput struct {
	// The path of the URL that the Git host must call.
	Path   string `shape:"WebhookPath"`
	Secret string `shape:"WebhookSecret"`
}

// GetRepositoryWebhookInput is the request of GetRepositoryWebhook.
type GetRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// GetRepositoryWebhookOutput is the response of GetRepositoryWebhook.
type GetRepositoryWebhookOutput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	Kind             string `shape:"WebhookKind"`
	Path             string `shape:"WebhookPath"`
	// When the webhook was created.
	CreatedAt Time `shape:"Timestamp"`
	// When the last delivery was accepted.
	LastDeliveredAt Time `json:",omitzero" shape:"Timestamp"`
}

// DeleteRepositoryWebhookInput is the request of DeleteRepositoryWebhook.
type DeleteRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// DeleteRepositoryWebhookOutput is the response of DeleteRepositoryWebhook.
type DeleteRepositoryWebhookOutput struct {
	// The reason why the webhook could not be removed from the Git host. It is
	// absent if it was removed, or if the server did not register it.
	StillRegistered string `json:",omitzero" shape:"ChangeText"`
}

// RegisterRepositoryWebhookInput is the request of RegisterRepositoryWebhook.
type RegisterRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	// The URL at which the Git host reaches the server, without the path of the
	// webhook. The default is the server's setting public-url.
	Url string `json:",omitzero" shape:"PublicUrl"`
}

// RegisterRepositoryWebhookOutput is the response of RegisterRepositoryWebhook. The
// secret is known to the server and the Git host only.
type RegisterRepositoryWebhookOutput struct {
	Kind string `shape:"WebhookKind"`
	// The URL that the Git host calls.
	Url string `shape:"PublicUrl"`
}
