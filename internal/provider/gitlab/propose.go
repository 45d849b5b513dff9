package gitlab

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Propose creates branch and commit in one request, which GitLab refuses if either would
// overwrite something, then the merge request. Merging it removes the branch.
func (c *client) Propose(ctx context.Context, proposal provider.Proposal) (provider.PullRequest, error) {
	if err := c.requireCredential(); err != nil {
		return provider.PullRequest{}, err
	}

	sha, err := c.createCommit(ctx, proposal)
	if err != nil {
		return provider.PullRequest{}, err
	}

	var made mergeRequest
	err = c.call(ctx, http.MethodPost, "/merge_requests", map[string]any{
		"title":                proposal.Title,
		"description":          proposal.Body,
		"source_branch":        proposal.Branch,
		"target_branch":        proposal.Base,
		"remove_source_branch": true,
	}, &made)
	if err != nil {
		c.deleteBranch(ctx, proposal.Branch)
		return provider.PullRequest{}, err
	}

	pr := made.pullRequest()
	pr.Head, pr.Fork = sha, false // GitLab may not know them yet
	return pr, nil
}

// A commitRequest commits files to a new branch.
type commitRequest struct {
	Branch   string         `json:"branch"`
	StartSHA string         `json:"start_sha"`
	Message  string         `json:"commit_message"`
	Actions  []commitAction `json:"actions"`
}

// A commitAction creates one file.
type commitAction struct {
	Action   string `json:"action"`
	Path     string `json:"file_path"`
	Content  []byte `json:"content"` // base64 in JSON, so that no byte changes on the way
	Encoding string `json:"encoding"`
}

// createCommit commits the files to the new branch.
func (c *client) createCommit(ctx context.Context, proposal provider.Proposal) (lockstep.SHA, error) {
	request := commitRequest{Branch: proposal.Branch, StartSHA: string(proposal.BaseSHA), Message: proposal.Message}
	for _, file := range proposal.Files {
		request.Actions = append(request.Actions, commitAction{
			Action:   "create",
			Path:     file.Path,
			Content:  file.Content,
			Encoding: "base64",
		})
	}

	var made struct {
		ID lockstep.SHA `json:"id"`
	}
	err := c.call(ctx, http.MethodPost, "/repository/commits", request, &made)
	if lockstep.KindOf(err) == lockstep.Invalid {
		if existsErr := c.RequireNew(ctx, proposal); lockstep.KindOf(existsErr) == lockstep.Exists {
			return "", existsErr
		}
	}

	return made.ID, err
}

// deleteBranch deletes the branch that was just created. It reports no error, because the
// one that led here is more useful.
func (c *client) deleteBranch(ctx context.Context, branch string) {
	ctx, cancel := rest.CleanupContext(ctx)
	defer cancel()

	_ = c.call(ctx, http.MethodDelete, "/repository/branches/"+escape(branch), nil, nil)
}
