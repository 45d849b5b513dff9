package git

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A hook is a webhook of a repository. Its secret is never in a response.
type hook struct {
	ID     int64             `json:"id,omitempty"`
	Type   string            `json:"type"`
	Config map[string]string `json:"config"`
	Events []string          `json:"events"`
	Active bool              `json:"active"`
}

// WebhookKind returns GITEA, signed with the secret.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.GiteaWebhook }

// RegisterWebhook creates the webhook, and then removes those that had its URL: old servers cannot
// change a secret.
func (c *client) RegisterWebhook(ctx context.Context, address, secret string) error {
	api, err := c.requireAPI(ctx)
	if err != nil {
		return err
	}

	before, err := api.webhooks(ctx, address)
	if err != nil {
		return err
	}

	want := hook{
		Type:   "gitea",
		Config: map[string]string{"url": address, "content_type": "json", "secret": secret},
		// pull_request would include comments, also those of Lockstep.
		Events: []string{"push", "create", "delete", "pull_request_only", "pull_request_sync"},
		Active: true,
	}
	if _, err := api.rest.Do(ctx, http.MethodPost, api.repo+"/hooks", want, nil); err != nil {
		return rest.RedactSecret(err, secret)
	}

	return api.removeWebhooks(ctx, before)
}

// RemoveWebhook removes the webhooks with a URL.
func (c *client) RemoveWebhook(ctx context.Context, address string) error {
	api, err := c.requireAPI(ctx)
	if err != nil {
		return err
	}

	ids, err := api.webhooks(ctx, address)
	if err != nil {
		return err
	}

	return api.removeWebhooks(ctx, ids)
}

// webhooks returns the IDs of the webhooks with a URL.
func (g *gitea) webhooks(ctx context.Context, address string) ([]string, error) {
	all, err := list[hook](ctx, g, g.repo+"/hooks", url.Values{})
	var ids []string
	for _, found := range all {
		if found.Config["url"] == address {
			ids = append(ids, strconv.FormatInt(found.ID, 10))
		}
	}
	return ids, err
}

func (g *gitea) removeWebhooks(ctx context.Context, ids []string) error {
	for _, id := range ids {
		_, err := g.rest.Do(ctx, http.MethodDelete, g.repo+"/hooks/"+id, nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}
