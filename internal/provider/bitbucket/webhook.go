package bitbucket

import (
	"context"
	"net/http"
	"net/url"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A hook is a webhook of a repository. Its secret is never in a response.
type hook struct {
	UUID        string   `json:"uuid,omitempty"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	Active      bool     `json:"active"`
	Secret      string   `json:"secret,omitempty"`
	Events      []string `json:"events"`
}

// maxHooks is how many webhooks of a repository are searched. Bitbucket allows 50.
const maxHooks = 500

// WebhookKind returns BITBUCKET, signed with the secret.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.BitbucketWebhook }

// RegisterWebhook creates the webhook, or sets the secret of the one with its URL.
func (c *client) RegisterWebhook(ctx context.Context, address, secret string) error {
	ids, err := c.webhooks(ctx, address)
	if err != nil {
		return err
	}

	want := hook{
		Description: "Lockstep",
		URL:         address,
		Active:      true,
		Secret:      secret,
		Events:      []string{"repo:push", "pullrequest:created", "pullrequest:updated"},
	}
	if len(ids) == 0 {
		_, err := c.rest.Do(ctx, http.MethodPost, c.repo+"/hooks", want, nil)
		return rest.RedactSecret(err, secret)
	}

	if _, err := c.rest.Do(ctx, http.MethodPut, c.hookPath(ids[0]), want, nil); err != nil {
		return rest.RedactSecret(err, secret)
	}

	return c.removeWebhooks(ctx, ids[1:])
}

// RemoveWebhook removes the webhooks with a URL.
func (c *client) RemoveWebhook(ctx context.Context, address string) error {
	ids, err := c.webhooks(ctx, address)
	if err != nil {
		return err
	}
	return c.removeWebhooks(ctx, ids)
}

// webhooks returns the IDs of the webhooks with a URL.
func (c *client) webhooks(ctx context.Context, address string) ([]string, error) {
	all, err := list[hook](ctx, c.rest, c.repo+"/hooks?pagelen=100", maxHooks)
	var ids []string
	for _, found := range all {
		if found.URL == address {
			ids = append(ids, found.UUID)
		}
	}
	return ids, err
}

func (c *client) removeWebhooks(ctx context.Context, ids []string) error {
	for _, id := range ids {
		_, err := c.rest.Do(ctx, http.MethodDelete, c.hookPath(id), nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}

func (c *client) hookPath(id string) string { return c.repo + "/hooks/" + url.PathEscape(id) }
