package bitbucket

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"path"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

// Propose uploads the files as one commit that creates the branch, and opens the pull request.
// The API would overwrite a file, and a branch at the same commit, so both are looked up first.
func (c *client) Propose(ctx context.Context, proposal provider.Proposal) (provider.PullRequest, error) {
	if err := c.RequireNew(ctx, proposal); err != nil {
		return provider.PullRequest{}, err
	}

	head, err := c.upload(ctx, proposal)
	if err != nil {
		return provider.PullRequest{}, err
	}

	created, err := c.createPullRequest(ctx, proposal)
	if err != nil {
		c.deleteBranch(ctx, proposal.Branch, head)
		return provider.PullRequest{}, err
	}

	pr := c.pullRequest(created, head)
	pr.Base, pr.HeadBranch, pr.Fork = proposal.Base, proposal.Branch, false
	return pr, nil
}

// upload creates the branch and returns its head.
func (c *client) upload(ctx context.Context, proposal provider.Proposal) (lockstep.SHA, error) {
	body, contentType, err := form(proposal)
	if err != nil {
		return "", err
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.rest.URL(c.repo+"/src"), body)
	if err != nil {
		return "", err
	}

	req.Header.Set("Content-Type", contentType)
	header, err := c.rest.Send(req, nil)
	if err != nil {
		return "", err
	}

	if head := lockstep.SHA(path.Base(header.Get("Location"))); head.Valid() { // of the commit
		return head, nil
	}

	heads, err := c.Heads(ctx, []string{proposal.Branch})
	if err != nil {
		return "", err
	}
	if heads[proposal.Branch] == "" {
		return "", lockstep.Errorf(lockstep.Unavailable, "Bitbucket accepted the files, but has no branch %s.",
			proposal.Branch)
	}

	return heads[proposal.Branch], nil
}

// form returns a proposal as the API accepts files, and the form's content type. A part with a
// file name is a file, whatever its field's name.
func form(proposal provider.Proposal) (*bytes.Buffer, string, error) {
	body := &bytes.Buffer{}
	w := multipart.NewWriter(body)
	var failed error
	for _, field := range [][2]string{
		{"message", proposal.Message},
		{"branch", proposal.Branch},
		{"parents", string(proposal.BaseSHA)},
	} {
		failed = errors.Join(failed, w.WriteField(field[0], field[1]))
	}

	for _, file := range proposal.Files {
		part, err := w.CreateFormFile("/"+file.Path, path.Base(file.Path))
		if err == nil {
			_, err = part.Write(file.Content)
		}

		failed = errors.Join(failed, err)
	}

	failed = errors.Join(failed, w.Close())
	return body, w.FormDataContentType(), failed
}

// createPullRequest opens the pull request.
func (c *client) createPullRequest(ctx context.Context, proposal provider.Proposal) (pullRequest, error) {
	onBranch := func(name string) any {
		return map[string]any{"branch": map[string]string{"name": name}}
	}

	var created pullRequest
	_, err := c.rest.Do(ctx, http.MethodPost, c.repo+"/pullrequests", map[string]any{
		"title":       proposal.Title,
		"description": proposal.Body,
		"source":      onBranch(proposal.Branch),
		"destination": onBranch(proposal.Base),
	}, &created)
	return created, err
}

// deleteBranch deletes the branch unless it has moved. It reports no error, because the one that
// led here is more useful.
func (c *client) deleteBranch(ctx context.Context, branch string, head lockstep.SHA) {
	ctx, cancel := rest.CleanupContext(ctx)
	defer cancel()

	if heads, err := c.Heads(ctx, []string{branch}); err != nil || heads[branch] != head {
		return
	}

	_, _ = c.rest.Do(ctx, http.MethodDelete, c.repo+"/refs/branches/"+rest.EscapePath(branch), nil, nil)
}
