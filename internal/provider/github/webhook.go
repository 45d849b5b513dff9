package github

import (
	"context"
	"net/http"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
)

// WebhookKind gives GITHUB.
func (c *client) WebhookKind() lockstep.WebhookKind { return lockstep.GitHubWebhook }

// RegisterWebhook makes a webhook, or edits the one with the same URL, whose
// secret cannot be read.
func (c *client) RegisterWebhook(ctx context.Context, url, secret string) error {
	same, err := c.webhooks(ctx, url)
	if err != nil {
		return err
	}

	hook := &gh.Hook{
		Active: new(true), Events: []string{"push", "create", "delete", "pull_request"},
		Config: &gh.HookConfig{URL: new(url), Secret: new(secret), ContentType: new("json"), InsecureSSL: new("0")},
	}
	if len(same) == 0 {
		_, resp, err := c.api.Repositories.CreateHook(ctx, c.owner, c.repo, hook)
		return c.denied(resp, err, secret)
	}

	if _, resp, err := c.api.Repositories.EditHook(ctx, c.owner, c.repo, same[0], hook); err != nil {
		return c.denied(resp, err, secret)
	}

	return c.removeWebhooks(ctx, same[1:])
}

// RemoveWebhook deletes what has the URL.
func (c *client) RemoveWebhook(ctx context.Context, url string) error {
	same, err := c.webhooks(ctx, url)
	if err != nil {
		return err
	}
	return c.removeWebhooks(ctx, same)
}

func (c *client) removeWebhooks(ctx context.Context, ids []int64) error {
	for _, id := range ids {
		if resp, err := c.api.Repositories.DeleteHook(ctx, c.owner, c.repo, id); err != nil && !missing(resp) {
			return c.denied(resp, err)
		}
	}
	return nil
}

// webhooks gives the ids of those with a URL.
func (c *client) webhooks(ctx context.Context, url string) ([]int64, error) {
	if err := c.allowed(); err != nil {
		return nil, err
	}

	var same []int64
	o := &gh.ListOptions{PerPage: perPage}
	for range maxPages {
		page, resp, err := c.api.Repositories.ListHooks(ctx, c.owner, c.repo, o)
		if err != nil {
			return nil, c.denied(resp, err)
		}

		for _, h := range page {
			if h.GetConfig().GetURL() == url {
				same = append(same, h.GetID())
			}
		}

		if resp.NextPage == 0 {
			break
		}

		o.Page = resp.NextPage
	}

	return same, nil
}

// denied gives the error of a call about webhooks. To whoever may not see them
// GitHub says that they are not there.
func (c *client) denied(resp *gh.Response, err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	fault := c.failed(resp, err, secrets...)
	if resp != nil && resp.StatusCode == http.StatusNotFound {
		return lockstep.Errorf(lockstep.Denied, "%s Webhooks of %s/%s are seen by who may administer them:"+
			" scope admin:repo_hook, or the permission Webhooks.", lockstep.Shown(fault), c.owner, c.repo)
	}
	return fault
}
