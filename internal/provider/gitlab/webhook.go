package gitlab

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
)

// WebhookKind is GitLab's secret token.
func (c *Client) WebhookKind() lockstep.WebhookKind { return lockstep.GitLabWebhook }

// A hook is a project's webhook.
type hook struct {
	ID            int64  `json:"id,omitempty"`
	URL           string `json:"url"`
	Token         string `json:"token,omitempty"` // never answered
	PushEvents    bool   `json:"push_events"`
	TagPushEvents bool   `json:"tag_push_events"`
	MergeRequests bool   `json:"merge_requests_events"`
	VerifyTLS     bool   `json:"enable_ssl_verification"`
}

// RegisterWebhook edits the project's webhook with this URL, or adds it. Others
// with the same URL are removed.
func (c *Client) RegisterWebhook(ctx context.Context, url, secret string) error {
	ids, err := c.hooks(ctx, url)
	if err != nil {
		return err
	}

	wanted := hook{URL: url, Token: secret, PushEvents: true, MergeRequests: true, VerifyTLS: true}
	if len(ids) == 0 {
		return without(secret, c.call(ctx, http.MethodPost, "/hooks", wanted, nil))
	}
	if err := c.call(ctx, http.MethodPut, "/hooks/"+ids[0], wanted, nil); err != nil {
		return without(secret, err)
	}

	return c.removeHooks(ctx, ids[1:])
}

// RemoveWebhook removes the project's webhooks with this URL.
func (c *Client) RemoveWebhook(ctx context.Context, url string) error {
	ids, err := c.hooks(ctx, url)
	if err != nil {
		return err
	}
	return c.removeHooks(ctx, ids)
}

// hooks gives the ids of the project's webhooks with a URL.
func (c *Client) hooks(ctx context.Context, url string) ([]string, error) {
	if err := c.able(); err != nil {
		return nil, err
	}

	var ids []string
	for n := 1; n <= maxPages; n++ {
		var all []hook
		if err := c.call(ctx, http.MethodGet, "/hooks"+page(n), nil, &all); err != nil {
			return nil, err
		}

		for _, one := range all {
			if one.URL == url {
				ids = append(ids, strconv.FormatInt(one.ID, 10))
			}
		}

		if len(all) < pageSize {
			break
		}
	}

	return ids, nil
}

func (c *Client) removeHooks(ctx context.Context, ids []string) error {
	for _, id := range ids {
		err := c.call(ctx, http.MethodDelete, "/hooks/"+id, nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}

// minSecret is the shortest beginning of a secret that is hidden where a host's
// words were cut.
const minSecret = 8

// without takes a webhook's secret out of what a host says about it, as rest does
// with the credential.
func without(secret string, err error) error {
	fault, ok := errors.AsType[*lockstep.Error](err)
	if !ok || len(secret) < minSecret {
		return err
	}
	shown := strings.ReplaceAll(fault.Message, secret, "****")
	for n := len(secret) - 1; n >= minSecret; n-- {
		shown = strings.ReplaceAll(shown, secret[:n]+"…", "****…")
	}
	hidden := *fault
	hidden.Message = shown
	return &hidden
}
