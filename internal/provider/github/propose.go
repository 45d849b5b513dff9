package github

import (
	"context"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Propose creates tree, commit, branch and pull request, in this order. Before the branch
// exists nothing is visible; if a later step fails, the branch is deleted.
func (c *client) Propose(ctx context.Context, proposal provider.Proposal) (provider.PullRequest, error) {
	if err := c.requireCredential(); err != nil {
		return provider.PullRequest{}, err
	}
	if err := c.RequireNew(ctx, proposal); err != nil {
		return provider.PullRequest{}, err
	}

	head, err := c.createCommit(ctx, proposal)
	if err != nil {
		return provider.PullRequest{}, err
	}

	_, resp, err := c.api.Git.CreateRef(ctx, c.owner, c.repo,
		gh.CreateRef{Ref: gitremote.BranchPrefix + proposal.Branch, SHA: head})
	if err != nil {
		return provider.PullRequest{}, c.deleteBranch(ctx, proposal.Branch, head, c.callError(resp, err))
	}

	pr, resp, err := c.api.PullRequests.Create(ctx, c.owner, c.repo, &gh.NewPullRequest{
		Title: new(proposal.Title),
		Head:  new(proposal.Branch),
		Base:  new(proposal.Base),
		Body:  new(proposal.Body),
	})
	if err != nil {
		return provider.PullRequest{}, c.deleteBranch(ctx, proposal.Branch, head, c.callError(resp, err))
	}

	created := pullRequest(pr)
	created.Head = lockstep.SHA(head)
	return created, nil
}

// createCommit creates a commit that is on no branch.
func (c *client) createCommit(ctx context.Context, proposal provider.Proposal) (string, error) {
	base, resp, err := c.api.Git.GetCommit(ctx, c.owner, c.repo, string(proposal.BaseSHA))
	if err != nil {
		return "", c.callError(resp, err)
	}

	entries := make([]*gh.TreeEntry, 0, len(proposal.Files))
	for _, file := range proposal.Files {
		entries = append(entries, &gh.TreeEntry{
			Path:    new(file.Path),
			Mode:    new("100644"),
			Type:    new("blob"),
			Content: new(string(file.Content)),
		})
	}

	tree, resp, err := c.api.Git.CreateTree(ctx, c.owner, c.repo, base.GetTree().GetSHA(), entries)
	if err != nil {
		return "", c.callError(resp, err)
	}

	created, resp, err := c.api.Git.CreateCommit(ctx, c.owner, c.repo, gh.Commit{
		Message: new(proposal.Message),
		Tree:    &gh.Tree{SHA: tree.SHA},
		Parents: []*gh.Commit{{SHA: new(string(proposal.BaseSHA))}},
	}, nil)
	if err != nil {
		return "", c.callError(resp, err)
	}

	return created.GetSHA(), nil
}

// deleteBranch deletes a branch that is at the proposed commit, and returns the error of
// the proposal: cause, or Exists if another caller created the branch first.
func (c *client) deleteBranch(ctx context.Context, branch, sha string, cause error) error {
	ctx, cancel := rest.CleanupContext(ctx)
	defer cancel()

	name := gitremote.BranchPrefix + branch
	ref, _, err := c.api.Git.GetRef(ctx, c.owner, c.repo, name)
	if err != nil {
		return cause
	}
	if ref.GetObject().GetSHA() != sha {
		return c.BranchExists(branch)
	}

	if resp, err := c.api.Git.DeleteRef(ctx, c.owner, c.repo, name); err != nil {
		return lockstep.Wrapf(lockstep.KindOf(cause), c.callError(resp, err),
			"%s Branch %s was created and could not be deleted.", lockstep.Shown(cause), branch)
	}

	return cause
}
