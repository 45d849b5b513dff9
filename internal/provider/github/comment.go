package github

import (
	"context"
	"strconv"
	"strings"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep/internal/provider"
)

// maxComment is GitHub's limit in characters, used as one in bytes.
const maxComment = 65536

// MaxComment returns how many bytes a comment may have.
func (c *client) MaxComment() int { return maxComment }

// PutComment edits a comment, or creates one if none is found.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, comment provider.Comment) (string, error) {
	if err := c.requireCredential(); err != nil {
		return "", err
	}

	body := &gh.IssueComment{Body: new(comment.Body)}
	if id, err := strconv.ParseInt(comment.ID, 10, 64); err == nil {
		_, resp, err := c.api.Issues.EditComment(ctx, c.owner, c.repo, id, body)
		if err == nil {
			return comment.ID, nil
		}
		if !isMissing(resp) {
			return "", c.callError(resp, err)
		}
	}

	id, err := c.findComment(ctx, int(pr.Number), comment.Marker)
	if err != nil {
		return "", err
	}

	if id != 0 {
		_, resp, err := c.api.Issues.EditComment(ctx, c.owner, c.repo, id, body)
		if err != nil {
			return "", c.callError(resp, err)
		}
		return strconv.FormatInt(id, 10), nil
	}

	created, resp, err := c.api.Issues.CreateComment(ctx, c.owner, c.repo, int(pr.Number), body)
	if err != nil {
		return "", c.callError(resp, err)
	}

	return strconv.FormatInt(created.GetID(), 10), nil
}

// findComment returns the credential's own comment with a marker, 0 if there is none.
// Others may copy the marker, so the author counts.
func (c *client) findComment(ctx context.Context, number int, marker string) (int64, error) {
	options := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: perPage}}
	for range maxPages {
		page, resp, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, number, options)
		if err != nil {
			return 0, c.callError(resp, err)
		}

		for _, comment := range page {
			if !strings.Contains(comment.GetBody(), marker) {
				continue
			}
			if own, err := c.isSelf(ctx, comment.GetUser()); err != nil || own {
				return comment.GetID(), err
			}
		}

		if resp.NextPage == 0 {
			break
		}

		options.Page = resp.NextPage
	}

	return 0, nil
}

// isSelf reports whether a user is the one that the credential writes as.
func (c *client) isSelf(ctx context.Context, user *gh.User) (bool, error) {
	if c.app != nil {
		login, err := c.app.botLogin(ctx)
		return user.GetType() == "Bot" && user.GetLogin() == login, err
	}

	c.mu.Lock()
	self := c.userID
	c.mu.Unlock()

	if self == 0 {
		found, resp, err := c.api.Users.Get(ctx, "")
		if err != nil {
			return false, c.callError(resp, err)
		}

		self = found.GetID()
		c.mu.Lock()
		c.userID = self
		c.mu.Unlock()
	}

	return self != 0 && user.GetID() == self, nil
}
