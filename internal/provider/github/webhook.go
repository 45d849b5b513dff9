package github

import (
	"context"
	"net/http"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
)

// WebhookKind returns GITHUB.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.GitHubWebhook }

// RegisterWebhook creates a webhook, or edits the one with the same URL, whose secret
// cannot be read.
func (c *client) RegisterWebhook(ctx context.Context, url, secret string) error {
	ids, err := c.webhooks(ctx, url)
	if err != nil {
		return err
	}

	hook := &gh.Hook{
		Active: new(true),
		Events: []string{"push", "create", "delete", "pull_request"},
		Config: &gh.HookConfig{URL: new(url), Secret: new(secret), ContentType: new("json"), InsecureSSL: new("0")},
	}
	if len(ids) == 0 {
		_, resp, err := c.api.Repositories.CreateHook(ctx, c.owner, c.repo, hook)
		return c.webhookError(resp, err, secret)
	}

	if _, resp, err := c.api.Repositories.EditHook(ctx, c.owner, c.repo, ids[0], hook); err != nil {
		return c.webhookError(resp, err, secret)
	}

	return c.removeWebhooks(ctx, ids[1:])
}

// RemoveWebhook deletes the webhooks with a URL.
func (c *client) RemoveWebhook(ctx context.Context, url string) error {
	ids, err := c.webhooks(ctx, url)
	if err != nil {
		return err
	}
	return c.removeWebhooks(ctx, ids)
}

func (c *client) removeWebhooks(ctx context.Context, ids []int64) error {
	for _, id := range ids {
		if resp, err := c.api.Repositories.DeleteHook(ctx, c.owner, c.repo, id); err != nil && !isMissing(resp) {
			return c.webhookError(resp, err)
		}
	}
	return nil
}

// webhooks returns the IDs of the webhooks with a URL.
func (c *client) webhooks(ctx context.Context, url string) ([]int64, error) {
	if err := c.requireCredential(); err != nil {
		return nil, err
	}

	var ids []int64
	options := &gh.ListOptions{PerPage: perPage}
	for range maxPages {
		page, resp, err := c.api.Repositories.ListHooks(ctx, c.owner, c.repo, options)
		if err != nil {
			return nil, c.webhookError(resp, err)
		}

		for _, hook := range page {
			if hook.GetConfig().GetURL() == url {
				ids = append(ids, hook.GetID())
			}
		}

		if resp.NextPage == 0 {
			break
		}

		options.Page = resp.NextPage
	}

	return ids, nil
}

// webhookError returns the error of a call about webhooks. GitHub answers 404 to a
// credential that may not administer them.
func (c *client) webhookError(resp *gh.Response, err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	fault := c.callError(resp, err, secrets...)
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return lockstep.Errorf(lockstep.Denied, "%s To manage webhooks of %s/%s, the credential needs"+
			" the scope admin:repo_hook, or the permission Webhooks.", lockstep.Shown(fault), c.owner, c.repo)
	}
	return fault
}
