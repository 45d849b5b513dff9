package gitlab

import (
	"context"
	"net/http"
	"strconv"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// WebhookKind returns GITLAB, whose proof is the secret token.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.GitLabWebhook }

// A hook is a project's webhook.
type hook struct {
	ID            int64  `json:"id,omitempty"`
	URL           string `json:"url"`
	Token         string `json:"token,omitempty"` // never in a response
	PushEvents    bool   `json:"push_events"`
	TagPushEvents bool   `json:"tag_push_events"`
	MergeRequests bool   `json:"merge_requests_events"`
	VerifyTLS     bool   `json:"enable_ssl_verification"`
}

// RegisterWebhook edits the project's webhook with a URL, or creates it. Others with the
// same URL are removed.
func (c *client) RegisterWebhook(ctx context.Context, url, secret string) error {
	ids, err := c.webhooks(ctx, url)
	if err != nil {
		return err
	}

	want := hook{URL: url, Token: secret, PushEvents: true, MergeRequests: true, VerifyTLS: true}
	if len(ids) == 0 {
		return rest.RedactSecret(c.call(ctx, http.MethodPost, "/hooks", want, nil), secret)
	}
	if err := c.call(ctx, http.MethodPut, "/hooks/"+ids[0], want, nil); err != nil {
		return rest.RedactSecret(err, secret)
	}

	return c.removeWebhooks(ctx, ids[1:])
}

// RemoveWebhook removes the project's webhooks with a URL.
func (c *client) RemoveWebhook(ctx context.Context, url string) error {
	ids, err := c.webhooks(ctx, url)
	if err != nil {
		return err
	}
	return c.removeWebhooks(ctx, ids)
}

// webhooks returns the IDs of the project's webhooks with a URL.
func (c *client) webhooks(ctx context.Context, url string) ([]string, error) {
	if err := c.requireCredential(); err != nil {
		return nil, err
	}

	var ids []string
	for number := 1; number <= maxPages; number++ {
		var all []hook
		if err := c.call(ctx, http.MethodGet, "/hooks"+page(number), nil, &all); err != nil {
			return nil, err
		}

		for _, found := range all {
			if found.URL == url {
				ids = append(ids, strconv.FormatInt(found.ID, 10))
			}
		}

		if len(all) < pageSize {
			break
		}
	}

	return ids, nil
}

func (c *client) removeWebhooks(ctx context.Context, ids []string) error {
	for _, id := range ids {
		err := c.call(ctx, http.MethodDelete, "/hooks/"+id, nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}
