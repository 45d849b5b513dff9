package bitbucket

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// Propose uploads the files as one commit that makes the branch, and opens the
// pull request. The API would write over a file, and onto a branch that stands at
// the same commit, so both are looked for first.
func (c *client) Propose(ctx context.Context, p provider.Proposal) (provider.PullRequest, error) {
	if err := c.free(ctx, p); err != nil {
		return provider.PullRequest{}, err
	}

	head, err := c.upload(ctx, p)
	if err != nil {
		return provider.PullRequest{}, err
	}

	pr, err := c.open(ctx, p)
	if err != nil {
		c.withdraw(ctx, p.Branch, head)
		return provider.PullRequest{}, err
	}

	shown := c.shown(pr, head)
	shown.Base, shown.HeadBranch, shown.Fork = p.Base, p.Branch, false
	return shown, nil
}

// free says what is in a proposal's way.
func (c *client) free(ctx context.Context, p provider.Proposal) error {
	heads, err := c.Heads(ctx, []string{p.Branch})
	if err != nil {
		return err
	}
	if heads[p.Branch] != "" {
		return lockstep.Errorf(lockstep.Exists, "Branch %s is already there.", p.Branch)
	}
	return c.Absent(ctx, p)
}

// upload makes the branch and gives its head.
func (c *client) upload(ctx context.Context, p provider.Proposal) (lockstep.SHA, error) {
	body, kind, err := form(p)
	if err != nil {
		return "", err
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+c.repo+"/src", body)
	if err != nil {
		return "", err
	}

	req.Header.Set("Content-Type", kind)
	answer, err := c.rest.Send(req, nil)
	if err != nil {
		return "", err
	}

	if head := lockstep.SHA(path.Base(answer.Get("Location"))); head.Valid() { // of the commit
		return head, nil
	}

	heads, err := c.Heads(ctx, []string{p.Branch})
	if err != nil {
		return "", err
	}
	if heads[p.Branch] == "" {
		return "", lockstep.Errorf(lockstep.Unavailable, "Bitbucket took the files, and has no branch %s.", p.Branch)
	}

	return heads[p.Branch], nil
}

// form gives a proposal as the API takes files, and the form's content type. What
// has a file name is a file, whatever its field's name is.
func form(p provider.Proposal) (*bytes.Buffer, string, error) {
	body := &bytes.Buffer{}
	w := multipart.NewWriter(body)
	var failed error
	for _, field := range [][2]string{{"message", p.Message}, {"branch", p.Branch}, {"parents", string(p.BaseSHA)}} {
		failed = errors.Join(failed, w.WriteField(field[0], field[1]))
	}

	for _, f := range p.Files {
		part, err := w.CreateFormFile("/"+f.Path, path.Base(f.Path))
		if err == nil {
			_, err = part.Write(f.Content)
		}

		failed = errors.Join(failed, err)
	}

	failed = errors.Join(failed, w.Close())
	return body, w.FormDataContentType(), failed
}

// open opens the pull request.
func (c *client) open(ctx context.Context, p provider.Proposal) (pullRequest, error) {
	type named struct {
		Name string `json:"name"`
	}
	type end struct {
		Branch named `json:"branch"`
	}
	in := struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Source      end    `json:"source"`
		Destination end    `json:"destination"`
	}{p.Title, p.Body, end{named{p.Branch}}, end{named{p.Base}}}

	var made pullRequest
	_, err := c.rest.Do(ctx, http.MethodPost, c.repo+"/pullrequests", in, &made)
	return made, err
}

// withdraw takes the branch back, unless somebody has moved it since. That fails
// in silence: what made the proposal fail is the error to tell.
func (c *client) withdraw(ctx context.Context, branch string, head lockstep.SHA) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if heads, err := c.Heads(ctx, []string{branch}); err != nil || heads[branch] != head {
		return
	}
	parts := strings.Split(branch, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	_, _ = c.rest.Do(ctx, http.MethodDelete, c.repo+"/refs/branches/"+strings.Join(parts, "/"), nil, nil)
}
