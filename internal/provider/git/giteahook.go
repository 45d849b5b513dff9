package git

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// A giteaHook is a webhook of a repository. Its secret is never in an answer.
type giteaHook struct {
	ID     int64             `json:"id,omitempty"`
	Type   string            `json:"type"`
	Config map[string]string `json:"config"`
	Events []string          `json:"events"`
	Active bool              `json:"active"`
}

// WebhookKind is Gitea's own: signed with the secret.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.GiteaWebhook }

// RegisterWebhook makes the webhook, and then removes those that had its URL: old
// servers cannot change a secret.
func (c *client) RegisterWebhook(ctx context.Context, address, secret string) error {
	g, err := c.api(ctx)
	if err != nil {
		return err
	}

	before, err := g.hooks(ctx, address)
	if err != nil {
		return err
	}

	// pull_request would be all that can happen to one, comments of ours included.
	want := giteaHook{
		Type: "gitea", Active: true, Events: []string{"push", "create", "delete", "pull_request_only", "pull_request_sync"},
		Config: map[string]string{"url": address, "content_type": "json", "secret": secret},
	}
	if _, err := g.rest.Do(ctx, http.MethodPost, g.repo+"/hooks", want, nil); err != nil {
		return rest.Without(err, secret)
	}

	return g.remove(ctx, before)
}

// RemoveWebhook removes all with the URL.
func (c *client) RemoveWebhook(ctx context.Context, address string) error {
	g, err := c.api(ctx)
	if err != nil {
		return err
	}
	there, err := g.hooks(ctx, address)
	if err != nil {
		return err
	}
	return g.remove(ctx, there)
}

// hooks gives the ids of the webhooks with a URL.
func (g *gitea) hooks(ctx context.Context, address string) ([]int64, error) {
	all, err := giteaList[giteaHook](ctx, g, g.repo+"/hooks", url.Values{})
	var ids []int64
	for _, h := range all {
		if h.Config["url"] == address {
			ids = append(ids, h.ID)
		}
	}
	return ids, err
}

func (g *gitea) remove(ctx context.Context, ids []int64) error {
	for _, id := range ids {
		_, err := g.rest.Do(ctx, http.MethodDelete, g.repo+"/hooks/"+strconv.FormatInt(id, 10), nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}
