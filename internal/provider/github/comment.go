package github

import (
	"context"
	"strconv"
	"strings"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// maxComment is GitHub's limit in characters, taken as one in bytes.
const maxComment = 65536

// MaxComment is how many bytes a comment may have.
func (c *client) MaxComment() int { return maxComment }

// PullRequests gives the open pull requests into a branch.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	if err := c.allowed(); err != nil {
		return nil, err
	}

	all, resp, err := c.api.PullRequests.List(ctx, c.owner, c.repo, &gh.PullRequestListOptions{
		State: "open", Base: base, Sort: "updated", Direction: "desc", ListOptions: gh.ListOptions{PerPage: perPage},
	})
	if err != nil {
		return nil, c.failed(resp, err)
	}

	found := make([]provider.PullRequest, 0, len(all))
	for _, pr := range all {
		if pr.GetBase().GetRef() == base && len(found) < perPage {
			found = append(found, pullRequest(pr))
		}
	}

	return found, nil
}

// pullRequest gives one of GitHub's as ours. The repository of the head is nil
// where it was deleted.
func pullRequest(pr *gh.PullRequest) provider.PullRequest {
	from, to := pr.GetHead().GetRepo(), pr.GetBase().GetRepo()
	return provider.PullRequest{
		Number: int64(pr.GetNumber()), Title: pr.GetTitle(), URL: page(pr.GetHTMLURL()),
		Base: pr.GetBase().GetRef(), HeadBranch: pr.GetHead().GetRef(), Head: lockstep.SHA(pr.GetHead().GetSHA()),
		Fork: from.GetID() == 0 || from.GetID() != to.GetID(),
	}
}

// PutComment edits a comment, or makes one after it looked for it.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, m provider.Comment) (string, error) {
	if err := c.allowed(); err != nil {
		return "", err
	}

	body := &gh.IssueComment{Body: new(m.Body)}
	if id, err := strconv.ParseInt(m.ID, 10, 64); err == nil {
		_, resp, err := c.api.Issues.EditComment(ctx, c.owner, c.repo, id, body)
		if err == nil {
			return m.ID, nil
		}
		if !missing(resp) {
			return "", c.failed(resp, err)
		}
	}

	id, err := c.findComment(ctx, int(pr.Number), m.Marker)
	if err != nil {
		return "", err
	}

	if id != 0 {
		_, resp, err := c.api.Issues.EditComment(ctx, c.owner, c.repo, id, body)
		if err != nil {
			return "", c.failed(resp, err)
		}
		return strconv.FormatInt(id, 10), nil
	}

	made, resp, err := c.api.Issues.CreateComment(ctx, c.owner, c.repo, int(pr.Number), body)
	if err != nil {
		return "", c.failed(resp, err)
	}

	return strconv.FormatInt(made.GetID(), 10), nil
}

// findComment looks for a comment of ours with a marker, which anybody can write
// into theirs; 0 is none.
func (c *client) findComment(ctx context.Context, number int, marker string) (int64, error) {
	o := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: perPage}}
	for range maxPages {
		page, resp, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, number, o)
		if err != nil {
			return 0, c.failed(resp, err)
		}

		for _, comment := range page {
			if !strings.Contains(comment.GetBody(), marker) {
				continue
			}
			if ours, err := c.wrote(ctx, comment.GetUser()); err != nil || ours {
				return comment.GetID(), err
			}
		}

		if resp.NextPage == 0 {
			break
		}

		o.Page = resp.NextPage
	}

	return 0, nil
}

// wrote says whether a user is who the credential writes as.
func (c *client) wrote(ctx context.Context, u *gh.User) (bool, error) {
	if c.app != nil {
		login, err := c.app.bot(ctx)
		return u.GetType() == "Bot" && u.GetLogin() == login, err
	}

	c.mu.Lock()
	me := c.me
	c.mu.Unlock()

	if me == 0 {
		user, resp, err := c.api.Users.Get(ctx, "")
		if err != nil {
			return false, c.failed(resp, err)
		}

		me = user.GetID()
		c.mu.Lock()
		c.me = me
		c.mu.Unlock()
	}

	return me != 0 && u.GetID() == me, nil
}
