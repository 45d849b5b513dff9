package github

import (
	"context"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// PullRequests returns the open pull requests into a branch.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	if err := c.requireCredential(); err != nil {
		return nil, err
	}

	all, resp, err := c.api.PullRequests.List(ctx, c.owner, c.repo, &gh.PullRequestListOptions{
		State:       "open",
		Base:        base,
		Sort:        "updated",
		Direction:   "desc",
		ListOptions: gh.ListOptions{PerPage: perPage},
	})
	if err != nil {
		return nil, c.callError(resp, err)
	}

	found := make([]provider.PullRequest, 0, len(all))
	for _, pr := range all {
		if pr.GetBase().GetRef() == base && len(found) < perPage {
			found = append(found, pullRequest(pr))
		}
	}

	return found, nil
}

// pullRequest converts a pull request. The repository of its head is nil if it was
// deleted.
func pullRequest(pr *gh.PullRequest) provider.PullRequest {
	head, base := pr.GetHead().GetRepo(), pr.GetBase().GetRepo()
	return provider.PullRequest{
		Number:     int64(pr.GetNumber()),
		Title:      pr.GetTitle(),
		URL:        pageURL(pr.GetHTMLURL()),
		Base:       pr.GetBase().GetRef(),
		HeadBranch: pr.GetHead().GetRef(),
		Head:       lockstep.SHA(pr.GetHead().GetSHA()),
		Fork:       head.GetID() == 0 || head.GetID() != base.GetID(),
	}
}
