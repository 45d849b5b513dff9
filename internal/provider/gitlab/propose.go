package gitlab

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// Propose makes branch and commit in one request, which GitLab refuses where
// either would overwrite something, then the merge request. Merging it removes the
// branch.
func (c *Client) Propose(ctx context.Context, p provider.Proposal) (provider.PullRequest, error) {
	if err := c.able(); err != nil {
		return provider.PullRequest{}, err
	}

	sha, err := c.commit(ctx, p)
	if err != nil {
		return provider.PullRequest{}, err
	}

	var made mergeRequest
	err = c.call(ctx, http.MethodPost, "/merge_requests", map[string]any{
		"title": p.Title, "description": p.Body, "source_branch": p.Branch, "target_branch": p.Base, "remove_source_branch": true,
	}, &made)
	if err != nil {
		c.dropBranch(ctx, p.Branch)
		return provider.PullRequest{}, err
	}

	pr := made.pullRequest()
	pr.Head, pr.Fork = sha, false // GitLab may be yet to look
	return pr, nil
}

// A commitRequest puts files on a branch that is made of a commit.
type commitRequest struct {
	Branch   string         `json:"branch"`
	StartSHA string         `json:"start_sha"`
	Message  string         `json:"commit_message"`
	Actions  []commitAction `json:"actions"`
}

// A commitAction is what becomes of one file.
type commitAction struct {
	Action   string `json:"action"`
	Path     string `json:"file_path"`
	Content  []byte `json:"content"` // as JSON in base64, so that no byte is changed on the way
	Encoding string `json:"encoding"`
}

// commit puts the files on the new branch.
func (c *Client) commit(ctx context.Context, p provider.Proposal) (lockstep.SHA, error) {
	in := commitRequest{Branch: p.Branch, StartSHA: string(p.BaseSHA), Message: p.Message}
	for _, f := range p.Files {
		in.Actions = append(in.Actions, commitAction{Action: "create", Path: f.Path, Content: f.Content, Encoding: "base64"})
	}

	var made struct {
		ID lockstep.SHA `json:"id"`
	}
	err := c.call(ctx, http.MethodPost, "/repository/commits", in, &made)
	if lockstep.KindOf(err) == lockstep.Invalid {
		if taken := c.taken(ctx, p); taken != nil {
			return "", taken
		}
	}

	return made.ID, err
}

// taken is Exists where the branch or one of the files is there, and nil where
// none is.
func (c *Client) taken(ctx context.Context, p provider.Proposal) error {
	err := c.call(ctx, http.MethodGet, "/repository/branches/"+escape(p.Branch), nil, nil)
	if err == nil {
		return lockstep.Errorf(lockstep.Exists, "Branch %s of %s at %s is already there.", p.Branch, c.project, c.api.address)
	}
	if lockstep.KindOf(err) != lockstep.NotFound {
		return err
	}

	for _, f := range p.Files {
		err := c.call(ctx, http.MethodHead, "/repository/files/"+escape(f.Path)+"?ref="+url.QueryEscape(string(p.BaseSHA)), nil, nil)
		if err == nil {
			return lockstep.Errorf(lockstep.Exists, "File %s of %s at %s is already there in commit %s.", f.Path, c.project, c.api.address, p.BaseSHA)
		}
		if lockstep.KindOf(err) != lockstep.NotFound {
			return err
		}
	}

	return nil
}

// dropTime is how long the removal of a branch may take, also for a caller who has
// given up waiting.
const dropTime = 10 * time.Second

// dropBranch removes the branch that was just made. Where it cannot be removed the
// error that led here is the one to tell.
func (c *Client) dropBranch(ctx context.Context, branch string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTime)
	defer cancel()
	_ = c.call(ctx, http.MethodDelete, "/repository/branches/"+escape(branch), nil, nil)
}
