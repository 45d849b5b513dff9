package azuredevops

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
)

// events are what a webhook tells of. Azure has a subscription for each.
func events() []string {
	return []string{"git.push", "git.pullrequest.created", "git.pullrequest.updated"}
}

// A subscription is a service hook.
type subscription struct {
	PublisherID      string            `json:"publisherId"`
	EventType        string            `json:"eventType"`
	ResourceVersion  string            `json:"resourceVersion"`
	ConsumerID       string            `json:"consumerId"`
	ConsumerActionID string            `json:"consumerActionId"`
	PublisherInputs  map[string]string `json:"publisherInputs"`
	ConsumerInputs   map[string]string `json:"consumerInputs"`
}

// A registered subscription is one that is there, of which Azure does not tell the
// password.
type registered struct {
	ID             string `json:"id"`
	ConsumerInputs struct {
		URL string `json:"url"`
	} `json:"consumerInputs"`
}

// What publishes and what consumes.
const (
	publisher      = "tfs"
	consumer       = "webHooks"
	consumerAction = "httpRequest"
)

// WebhookKind is Azure DevOps's, with the secret for a password.
func (c *Client) WebhookKind() lockstep.WebhookKind { return lockstep.AzureDevOpsWebhook }

// RegisterWebhook makes the new subscriptions before it deletes those of the same
// URL, so that no push is missed; the ones before are refused by their secret
// meanwhile. Azure sends a password over https alone.
func (c *Client) RegisterWebhook(ctx context.Context, address, secret string) error {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" {
		return lockstep.Errorf(lockstep.Invalid, "Azure DevOps proves where its webhooks come from by a password, and sends it to https:// alone.")
	}

	from, err := c.source(ctx)
	if err != nil {
		return err
	}

	before, err := c.subscriptions(ctx, address)
	if err != nil {
		return err
	}

	var made []string
	for _, event := range events() {
		id, err := c.subscribe(ctx, subscription{
			PublisherID: publisher, EventType: event, ResourceVersion: "1.0", ConsumerID: consumer, ConsumerActionID: consumerAction,
			PublisherInputs: from,
			ConsumerInputs: map[string]string{
				"url": address, "basicAuthUsername": "lockstep", "basicAuthPassword": secret,
				// A webhook is a hint, and what moved is read by Git.
				"resourceDetailsToSend": "minimal", "messagesToSend": "none", "detailedMessagesToSend": "none",
			},
		})
		if err != nil {
			c.takeBack(ctx, made)
			return err
		}

		made = append(made, id)
	}

	return c.unsubscribe(ctx, before)
}

// source names the repository as subscriptions want it, by ids.
func (c *Client) source(ctx context.Context) (map[string]string, error) {
	var repository struct {
		ID      string `json:"id"`
		Project struct {
			ID string `json:"id"`
		} `json:"project"`
	}
	if err := c.call(ctx, http.MethodGet, c.at.ofRepository(""), nil, &repository); err != nil {
		return nil, err
	}
	if repository.ID == "" || repository.Project.ID == "" {
		return nil, lockstep.Errorf(lockstep.Unavailable, "%s does not say which ids it and its project have.", c.at.web())
	}

	return map[string]string{"projectId": repository.Project.ID, "repository": repository.ID}, nil
}

// RemoveWebhook deletes the subscriptions of a URL.
func (c *Client) RemoveWebhook(ctx context.Context, address string) error {
	there, err := c.subscriptions(ctx, address)
	if err != nil {
		return err
	}
	return c.unsubscribe(ctx, there)
}

// takeBack deletes what was made of a webhook that could not be made whole.
func (c *Client) takeBack(ctx context.Context, made []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_ = c.unsubscribe(ctx, made) // the next time they are replaced, by their URL
}

func (c *Client) subscribe(ctx context.Context, s subscription) (id string, err error) {
	var got registered
	if err := c.call(ctx, http.MethodPost, c.at.ofOrganization("hooks/subscriptions"), s, &got); err != nil {
		return "", err
	}
	if got.ID == "" {
		return "", lockstep.Errorf(lockstep.Unavailable, "%s does not say which service hook it has made.", c.at.base)
	}
	return got.ID, nil
}

// subscriptions gives the ids of those of a URL.
func (c *Client) subscriptions(ctx context.Context, address string) ([]string, error) {
	var all list[registered]
	err := c.call(ctx, http.MethodGet, c.at.ofOrganization("hooks/subscriptions", "publisherId", publisher,
		"consumerId", consumer, "consumerActionId", consumerAction), nil, &all)
	if err != nil {
		return nil, err
	}

	var ids []string
	for _, s := range all.Value {
		// The id is put into a path, where Azure's have digits, letters and dashes.
		if s.ConsumerInputs.URL == address && s.ID != "" && !strings.ContainsAny(s.ID, "./") {
			ids = append(ids, s.ID)
		}
	}

	return ids, nil
}

// unsubscribe deletes subscriptions. One that somebody else has deleted is gone as
// well.
func (c *Client) unsubscribe(ctx context.Context, ids []string) error {
	for _, id := range ids {
		err := c.call(ctx, http.MethodDelete, c.at.ofOrganization("hooks/subscriptions/"+url.PathEscape(id)), nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}
