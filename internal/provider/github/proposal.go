package github

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	gh "github.com/google/go-github/v89/github"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

const (
	heads = "refs/heads/"
	// cleanup bounds how long taking back what was made may take.
	cleanup = 20 * time.Second
)

// Propose makes tree, commit, branch and pull request, in this order: until there
// is a branch nobody sees anything, and what then fails takes the branch back.
func (c *client) Propose(ctx context.Context, p provider.Proposal) (provider.PullRequest, error) {
	if err := c.allowed(); err != nil {
		return provider.PullRequest{}, err
	}
	if err := c.free(ctx, p); err != nil {
		return provider.PullRequest{}, err
	}

	sha, err := c.commit(ctx, p)
	if err != nil {
		return provider.PullRequest{}, err
	}

	_, resp, err := c.api.Git.CreateRef(ctx, c.owner, c.repo, gh.CreateRef{Ref: heads + p.Branch, SHA: sha})
	if err != nil {
		return provider.PullRequest{}, c.takeBack(ctx, p.Branch, sha, c.failed(resp, err))
	}

	pr, resp, err := c.api.PullRequests.Create(ctx, c.owner, c.repo, &gh.NewPullRequest{
		Title: new(p.Title), Head: new(p.Branch), Base: new(p.Base), Body: new(p.Body),
	})
	if err != nil {
		return provider.PullRequest{}, c.takeBack(ctx, p.Branch, sha, c.failed(resp, err))
	}

	made := pullRequest(pr)
	made.Head = lockstep.SHA(sha)
	return made, nil
}

// free sees that neither the branch nor a file is there.
func (c *client) free(ctx context.Context, p provider.Proposal) error {
	_, resp, err := c.api.Git.GetRef(ctx, c.owner, c.repo, heads+p.Branch)
	if err == nil {
		return c.taken(p.Branch)
	}
	if !missing(resp) {
		return c.failed(resp, err)
	}

	files, err := c.Files(ctx, p.BaseSHA)
	if err != nil {
		return err
	}

	for _, f := range p.Files {
		if _, err := files.ObjectID(f.Path); err == nil {
			return lockstep.Errorf(lockstep.Exists, "%s is already in %s/%s at %s.", f.Path, c.owner, c.repo, p.BaseSHA)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return lockstep.Wrapf(lockstep.Invalid, err, "%q cannot be the path of a file in %s/%s.", f.Path, c.owner, c.repo)
		}

		// A file in the place of a folder would be replaced by it.
		for folder := path.Dir(f.Path); folder != "."; folder = path.Dir(folder) {
			info, err := fs.Stat(files, folder)
			if err == nil && !info.IsDir() {
				return lockstep.Errorf(lockstep.Exists, "%s is a file in %s/%s at %s, so that it can hold no %s.", folder, c.owner, c.repo, p.BaseSHA, f.Path)
			} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}

	return nil
}

func (c *client) taken(branch string) error {
	return lockstep.Errorf(lockstep.Exists, "Branch %s is already in %s/%s.", branch, c.owner, c.repo)
}

// commit makes a commit that no branch leads to.
func (c *client) commit(ctx context.Context, p provider.Proposal) (string, error) {
	base, resp, err := c.api.Git.GetCommit(ctx, c.owner, c.repo, string(p.BaseSHA))
	if err != nil {
		return "", c.failed(resp, err)
	}

	entries := make([]*gh.TreeEntry, 0, len(p.Files))
	for _, f := range p.Files {
		entries = append(entries, &gh.TreeEntry{Path: new(f.Path), Mode: new("100644"), Type: new("blob"), Content: new(string(f.Content))})
	}

	tree, resp, err := c.api.Git.CreateTree(ctx, c.owner, c.repo, base.GetTree().GetSHA(), entries)
	if err != nil {
		return "", c.failed(resp, err)
	}

	made, resp, err := c.api.Git.CreateCommit(ctx, c.owner, c.repo, gh.Commit{
		Message: new(p.Message), Tree: &gh.Tree{SHA: tree.SHA}, Parents: []*gh.Commit{{SHA: new(string(p.BaseSHA))}},
	}, nil)
	if err != nil {
		return "", c.failed(resp, err)
	}

	return made.GetSHA(), nil
}

// takeBack deletes a branch that stands at our commit, and gives the error for
// which it is taken back: Exists where the branch is somebody else's, who was
// faster. Whoever waited may have gone, which is no reason to leave it.
func (c *client) takeBack(ctx context.Context, branch, sha string, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()

	ref, _, err := c.api.Git.GetRef(ctx, c.owner, c.repo, heads+branch)
	if err != nil {
		return why
	}
	if ref.GetObject().GetSHA() != sha {
		return c.taken(branch)
	}

	if resp, err := c.api.Git.DeleteRef(ctx, c.owner, c.repo, heads+branch); err != nil {
		return lockstep.Wrapf(lockstep.KindOf(why), c.failed(resp, err), "%s Branch %s was made and could not be deleted.", lockstep.Shown(why), branch)
	}

	return why
}
