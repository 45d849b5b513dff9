package lockstep

import (
	"strings"
	"time"
)

// A WebhookKind says whose webhooks a repository's are, and so how they prove
// where they come from. It is independent of a connection's provider type: a Git
// connection to a Gitea server has Gitea's webhooks.
type WebhookKind string

// The kinds of webhooks.
const (
	GitHubWebhook        WebhookKind = "GITHUB"
	GitLabWebhook        WebhookKind = "GITLAB"         // the secret token
	GitLabSigningWebhook WebhookKind = "GITLAB_SIGNING" // the signing token
	BitbucketWebhook     WebhookKind = "BITBUCKET"
	AzureDevOpsWebhook   WebhookKind = "AZURE_DEVOPS"
	GiteaWebhook         WebhookKind = "GITEA" // Forgejo's too
	GenericWebhook       WebhookKind = "GENERIC"
)

// WebhookKinds gives all kinds.
func WebhookKinds() []WebhookKind {
	return []WebhookKind{GitHubWebhook, GitLabWebhook, GitLabSigningWebhook, BitbucketWebhook, AzureDevOpsWebhook,
		GiteaWebhook, GenericWebhook}
}

// Slug is the kind as it stands in a URL and on the command line.
func (k WebhookKind) Slug() string { return strings.ReplaceAll(strings.ToLower(string(k)), "_", "-") }

// A Webhook is where a Git host may say that one repository has moved. Its
// secret is kept apart.
type Webhook struct {
	ID        string // random: whoever does not know it cannot call
	LinkID    string
	Kind      WebhookKind
	CreatedAt time.Time
	// DeliveredAt is when the last delivery was accepted, zero before the first.
	DeliveredAt time.Time
	// RegisteredURL is what the Git host was told to call, "" where a person told
	// it.
	RegisteredURL string
}

// Path is the path of the URL that the Git host calls.
func (w Webhook) Path() string { return "/webhooks/" + w.Kind.Slug() + "/" + w.ID }
