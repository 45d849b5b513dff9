package lockstep

import (
	"strings"
	"time"
)

// A WebhookKind is the format of a webhook's requests, and so the way in which they
// are verified. It is independent of the connection's provider type: a Git
// connection to a Gitea server has webhooks of kind GITEA.
type WebhookKind string

// The kinds of webhooks.
const (
	GitHubWebhook        WebhookKind = "GITHUB"
	GitLabWebhook        WebhookKind = "GITLAB"         // with a secret token
	GitLabSigningWebhook WebhookKind = "GITLAB_SIGNING" // with a signing token
	BitbucketWebhook     WebhookKind = "BITBUCKET"
	AzureDevOpsWebhook   WebhookKind = "AZURE_DEVOPS"
	GiteaWebhook         WebhookKind = "GITEA" // also Forgejo
	GenericWebhook       WebhookKind = "GENERIC"
)

// WebhookKinds returns all kinds.
func WebhookKinds() []WebhookKind {
	return []WebhookKind{
		GitHubWebhook,
		GitLabWebhook,
		GitLabSigningWebhook,
		BitbucketWebhook,
		AzureDevOpsWebhook,
		GiteaWebhook,
		GenericWebhook,
	}
}

// Slug returns the kind as it is written in URLs and on the command line.
func (k WebhookKind) Slug() string { return strings.ReplaceAll(strings.ToLower(string(k)), "_", "-") }

// A Webhook lets a Git host report pushes to one repository. Its secret is stored
// separately.
type Webhook struct {
	ID        string // random and not guessable
	LinkID    string
	Kind      WebhookKind
	CreatedAt time.Time
	// DeliveredAt is the time of the last accepted delivery, zero before the first.
	DeliveredAt time.Time
	// RegisteredURL is the URL that Lockstep registered at the Git host, or "" if a
	// person registered it.
	RegisteredURL string
}

// Path returns the path of the URL that the Git host calls.
func (w Webhook) Path() string { return "/webhooks/" + w.Kind.Slug() + "/" + w.ID }
