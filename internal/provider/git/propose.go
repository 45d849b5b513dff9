package git

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Propose creates the branch at the commit, then one commit with the files on it, then the pull
// request. The API could create branch and commit at once, but only on top of the base branch's
// current head.
func (c *client) Propose(ctx context.Context, proposal provider.Proposal) (provider.PullRequest, error) {
	api, err := c.requireAPI(ctx)
	if err != nil {
		return provider.PullRequest{}, err
	}
	if err := c.RequireNew(ctx, proposal); err != nil {
		return provider.PullRequest{}, err
	}

	err = api.push(ctx, "/branches", map[string]string{
		"new_branch_name": proposal.Branch,
		"old_ref_name":    string(proposal.BaseSHA),
	}, nil)
	if err != nil {
		return provider.PullRequest{}, err
	}

	head, err := api.createCommit(ctx, proposal)
	var created pullRequest
	if err == nil {
		_, err = api.rest.Do(ctx, http.MethodPost, api.repo+"/pulls", map[string]string{
			"base":  proposal.Base,
			"head":  proposal.Branch,
			"title": proposal.Title,
			"body":  proposal.Body,
		}, &created)
	}

	if err != nil {
		c.deleteBranch(ctx, proposal.Branch, head)
		return provider.PullRequest{}, err
	}

	pr := c.pullRequest(created)
	pr.Base, pr.HeadBranch, pr.Head, pr.Fork = proposal.Base, proposal.Branch, head, false
	return pr, nil
}

// pushRejected begins Gitea's message if a rule of the repository forbids a push, such as the
// protection of a branch or a hook. The status is 500, as if the server had failed.
const pushRejected = "PushRejected"

// push sends a request that makes Gitea push to the repository.
func (g *gitea) push(ctx context.Context, path string, in, out any) error {
	_, err := g.rest.Do(ctx, http.MethodPost, g.repo+path, in, out)
	if lockstep.KindOf(err) == lockstep.Unavailable && strings.Contains(lockstep.Shown(err), pushRejected) {
		return lockstep.Errorf(lockstep.Denied, "%s", lockstep.Shown(err))
	}
	return err
}

type change struct {
	Operation string `json:"operation"`
	Path      string `json:"path"`
	Content   string `json:"content"`
}

// createCommit commits the files to the branch, and returns the commit.
func (g *gitea) createCommit(ctx context.Context, proposal provider.Proposal) (lockstep.SHA, error) {
	var changes []change
	for _, file := range proposal.Files {
		changes = append(changes, change{
			Operation: "create",
			Path:      file.Path,
			Content:   base64.StdEncoding.EncodeToString(file.Content),
		})
	}

	var created struct {
		Commit struct {
			SHA lockstep.SHA `json:"sha"`
		} `json:"commit"`
	}
	err := g.push(ctx, "/contents", map[string]any{
		"branch":  proposal.Branch,
		"message": proposal.Message,
		"files":   changes,
	}, &created)
	if err != nil {
		return "", err
	}
	if !created.Commit.SHA.Valid() {
		return "", lockstep.Errorf(lockstep.Unavailable,
			"The server accepted the files for branch %s, but did not return the commit.", proposal.Branch)
	}

	return created.Commit.SHA, nil
}

// deleteBranch deletes the branch unless it has moved. It reports no error, because the one that
// led here is more useful. head is "" if it is unknown whether the files were committed.
func (c *client) deleteBranch(ctx context.Context, branch string, head lockstep.SHA) {
	ctx, cancel := rest.CleanupContext(ctx)
	defer cancel()

	heads, err := c.Heads(ctx, []string{branch})
	if err != nil || head != "" && heads[branch] != head {
		return
	}

	_, _ = c.api.rest.Do(ctx, http.MethodDelete, c.api.repo+"/branches/"+rest.EscapePath(branch), nil, nil)
}
