package wire

// Whose webhooks a repository's are: how a delivery proves where it comes from.
// GITLAB shows a secret token, GITLAB_SIGNING signs with a signing token; GITEA is
// Forgejo's too.
const (
	WebhookGitHub        = "GITHUB"
	WebhookGitLab        = "GITLAB"
	WebhookGitLabSigning = "GITLAB_SIGNING"
	WebhookBitbucket     = "BITBUCKET"
	WebhookAzureDevOps   = "AZURE_DEVOPS"
	WebhookGitea         = "GITEA"
	WebhookGeneric       = "GENERIC"
)

// PutRepositoryWebhookInput makes the webhook of a repository link, or gives the
// one it has another kind and secret, which ends the former secret within
// seconds. Without Secret the server makes one. The secret of GITLAB_SIGNING is
// whsec_ and base64.
type PutRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	Kind             string `shape:"WebhookKind"`
	Secret           string `json:",omitzero" shape:"WebhookSecret"`
}

// PutRepositoryWebhookOutput holds the path of the URL that the Git host is to
// call, and the secret, which is never shown again.
type PutRepositoryWebhookOutput struct {
	Path   string `shape:"WebhookPath"`
	Secret string `shape:"WebhookSecret"`
}

// GetRepositoryWebhookInput names the repository link.
type GetRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// GetRepositoryWebhookOutput is a webhook without its secret. LastDeliveredAt is
// there once a delivery was accepted.
type GetRepositoryWebhookOutput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	Kind             string `shape:"WebhookKind"`
	Path             string `shape:"WebhookPath"`
	CreatedAt        Time   `shape:"Timestamp"`
	LastDeliveredAt  Time   `json:",omitzero" shape:"Timestamp"`
}

// DeleteRepositoryWebhookInput names the repository link whose webhook is
// deleted. It takes effect at once.
type DeleteRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// DeleteRepositoryWebhookOutput is empty, unless the server has told the Git host
// of the webhook and could not take that back: StillRegistered says why.
type DeleteRepositoryWebhookOutput struct {
	StillRegistered string `json:",omitzero" shape:"ChangeText"`
}

// RegisterRepositoryWebhookInput has the server make the webhook of a repository
// link and register it with the Git host over the link's connection. Url is where
// the host reaches the server, without a path of a webhook; by default the
// server's own setting.
type RegisterRepositoryWebhookInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	Url              string `json:",omitzero" shape:"PublicUrl"`
}

// RegisterRepositoryWebhookOutput is what the host was told. The secret is the
// server's and the host's alone.
type RegisterRepositoryWebhookOutput struct {
	Kind string `shape:"WebhookKind"`
	Url  string `shape:"PublicUrl"`
}
