package bitbucket

import (
	"context"
	"net/http"
	"net/url"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A hook is a webhook of a repository. Its secret is never in an answer.
type hook struct {
	UUID        string   `json:"uuid,omitempty"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	Active      bool     `json:"active"`
	Secret      string   `json:"secret,omitempty"`
	Events      []string `json:"events"`
}

// maxHooks is how many of a repository's are looked through; Bitbucket lets it
// have 50.
const maxHooks = 500

// WebhookKind is Bitbucket's own: signed with the secret.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.BitbucketWebhook }

// RegisterWebhook makes the webhook, or gives the one with its URL the secret.
func (c *client) RegisterWebhook(ctx context.Context, address, secret string) error {
	there, err := c.hooks(ctx, address)
	if err != nil {
		return err
	}

	want := hook{
		Description: "Lockstep", URL: address, Active: true, Secret: secret,
		Events: []string{"repo:push", "pullrequest:created", "pullrequest:updated"},
	}
	if len(there) == 0 {
		_, err := c.rest.Do(ctx, http.MethodPost, c.repo+"/hooks", want, nil)
		return rest.Without(err, secret)
	}

	if _, err := c.rest.Do(ctx, http.MethodPut, c.hook(there[0]), want, nil); err != nil {
		return rest.Without(err, secret)
	}

	return c.remove(ctx, there[1:])
}

// RemoveWebhook removes all with the URL.
func (c *client) RemoveWebhook(ctx context.Context, address string) error {
	there, err := c.hooks(ctx, address)
	if err != nil {
		return err
	}
	return c.remove(ctx, there)
}

func (c *client) remove(ctx context.Context, hooks []hook) error {
	for _, h := range hooks {
		_, err := c.rest.Do(ctx, http.MethodDelete, c.hook(h), nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}

// hooks gives the webhooks with a URL.
func (c *client) hooks(ctx context.Context, address string) ([]hook, error) {
	all, err := list[hook](ctx, c.rest, c.repo+"/hooks?pagelen=100", maxHooks)
	var found []hook
	for _, h := range all {
		if h.URL == address {
			found = append(found, h)
		}
	}
	return found, err
}

func (c *client) hook(h hook) string { return c.repo + "/hooks/" + url.PathEscape(h.UUID) }
