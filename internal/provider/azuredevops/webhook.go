package azuredevops

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// events are those of a webhook. Azure has a subscription for each.
var events = []string{"git.push", "git.pullrequest.created", "git.pullrequest.updated"}

// A subscription is a service hook in a request.
type subscription struct {
	PublisherID      string            `json:"publisherId"`
	EventType        string            `json:"eventType"`
	ResourceVersion  string            `json:"resourceVersion"`
	ConsumerID       string            `json:"consumerId"`
	ConsumerActionID string            `json:"consumerActionId"`
	PublisherInputs  map[string]string `json:"publisherInputs"`
	ConsumerInputs   map[string]string `json:"consumerInputs"`
}

// A registered subscription is one in a response, which never has the password.
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

// WebhookKind returns AZURE_DEVOPS, whose proof is the secret as a password.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.AzureDevOpsWebhook }

// RegisterWebhook creates new subscriptions before it deletes those with the same URL, so that no
// push is missed; meanwhile the old ones are refused by their secret. Azure sends a password only
// over https.
func (c *client) RegisterWebhook(ctx context.Context, address, secret string) error {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" {
		return lockstep.Errorf(lockstep.Invalid,
			"Azure DevOps authenticates its webhooks by a password, and sends it only to https:// URLs.")
	}

	repository, err := c.repositoryIDs(ctx)
	if err != nil {
		return err
	}

	before, err := c.webhooks(ctx, address)
	if err != nil {
		return err
	}

	var created []string
	for _, event := range events {
		id, err := c.subscribe(ctx, subscription{
			PublisherID:      publisher,
			EventType:        event,
			ResourceVersion:  "1.0",
			ConsumerID:       consumer,
			ConsumerActionID: consumerAction,
			PublisherInputs:  repository,
			ConsumerInputs: map[string]string{
				"url":               address,
				"basicAuthUsername": "lockstep",
				"basicAuthPassword": secret,
				// A webhook is only a sign of activity: what moved is read by Git.
				"resourceDetailsToSend":  "minimal",
				"messagesToSend":         "none",
				"detailedMessagesToSend": "none",
			},
		})
		if err != nil {
			c.cleanUp(ctx, created)
			return rest.RedactSecret(err, secret)
		}

		created = append(created, id)
	}

	return c.removeWebhooks(ctx, before)
}

// repositoryIDs names the repository for subscriptions.
func (c *client) repositoryIDs(ctx context.Context) (map[string]string, error) {
	var repository struct {
		ID      string `json:"id"`
		Project struct {
			ID string `json:"id"`
		} `json:"project"`
	}
	if err := c.call(ctx, http.MethodGet, c.at.repositoryPath(""), nil, &repository); err != nil {
		return nil, err
	}
	if repository.ID == "" || repository.Project.ID == "" {
		return nil, lockstep.Errorf(lockstep.Unavailable, "%s did not return its ID and its project's.", c.at.web())
	}

	return map[string]string{"projectId": repository.Project.ID, "repository": repository.ID}, nil
}

// RemoveWebhook deletes the subscriptions with a URL.
func (c *client) RemoveWebhook(ctx context.Context, address string) error {
	ids, err := c.webhooks(ctx, address)
	if err != nil {
		return err
	}
	return c.removeWebhooks(ctx, ids)
}

// cleanUp deletes the subscriptions of a webhook that could not be completed. What it cannot
// delete is replaced by the next registration, which finds it by its URL.
func (c *client) cleanUp(ctx context.Context, created []string) {
	ctx, cancel := rest.CleanupContext(ctx)
	defer cancel()

	_ = c.removeWebhooks(ctx, created)
}

func (c *client) subscribe(ctx context.Context, s subscription) (id string, err error) {
	var created registered
	if err := c.call(ctx, http.MethodPost, c.at.organizationPath("hooks/subscriptions"), s, &created); err != nil {
		return "", err
	}
	if created.ID == "" {
		return "", lockstep.Errorf(lockstep.Unavailable,
			"%s did not return the ID of the service hook that it created.", c.at.base)
	}
	return created.ID, nil
}

// webhooks returns the IDs of the subscriptions with a URL.
func (c *client) webhooks(ctx context.Context, address string) ([]string, error) {
	path := c.at.organizationPath("hooks/subscriptions",
		"publisherId", publisher,
		"consumerId", consumer,
		"consumerActionId", consumerAction)

	var all list[registered]
	if err := c.call(ctx, http.MethodGet, path, nil, &all); err != nil {
		return nil, err
	}

	var ids []string
	for _, found := range all.Value {
		// The ID becomes part of a path. Azure's have digits, letters and dashes.
		if found.ConsumerInputs.URL == address && found.ID != "" && !strings.ContainsAny(found.ID, "./") {
			ids = append(ids, found.ID)
		}
	}

	return ids, nil
}

// removeWebhooks deletes subscriptions. It is no error if one is gone.
func (c *client) removeWebhooks(ctx context.Context, ids []string) error {
	for _, id := range ids {
		err := c.call(ctx, http.MethodDelete, c.at.organizationPath("hooks/subscriptions/"+url.PathEscape(id)),
			nil, nil)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}
	return nil
}
