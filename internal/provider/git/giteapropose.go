package git

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// Propose makes the branch at the commit, then one commit with the files on it,
// then the pull request. The API could do the first two at once, but only above
// whatever the base branch's head is by then.
func (c *client) Propose(ctx context.Context, p provider.Proposal) (provider.PullRequest, error) {
	g, err := c.api(ctx)
	if err != nil {
		return provider.PullRequest{}, err
	}
	if err := c.Absent(ctx, p); err != nil {
		return provider.PullRequest{}, err
	}

	in := map[string]string{"new_branch_name": p.Branch, "old_ref_name": string(p.BaseSHA)}
	if _, err := g.rest.Do(ctx, http.MethodPost, g.repo+"/branches", in, nil); err != nil {
		return provider.PullRequest{}, err
	}

	head, err := g.commit(ctx, p)
	var made giteaPull
	if err == nil {
		in := map[string]string{"base": p.Base, "head": p.Branch, "title": p.Title, "body": p.Body}
		_, err = g.rest.Do(ctx, http.MethodPost, g.repo+"/pulls", in, &made)
	}

	if err != nil {
		c.withdraw(ctx, p, head)
		return provider.PullRequest{}, err
	}

	shown := c.shown(made)
	shown.Base, shown.HeadBranch, shown.Head, shown.Fork = p.Base, p.Branch, head, false
	return shown, nil
}

// commit puts the files on the branch, in one commit, and gives its id.
func (g *gitea) commit(ctx context.Context, p provider.Proposal) (lockstep.SHA, error) {
	type change struct {
		Operation string `json:"operation"`
		Path      string `json:"path"`
		Content   string `json:"content"`
	}
	in := struct {
		Branch  string   `json:"branch"`
		Message string   `json:"message"`
		Files   []change `json:"files"`
	}{Branch: p.Branch, Message: p.Message}
	for _, f := range p.Files {
		in.Files = append(in.Files, change{"create", f.Path, base64.StdEncoding.EncodeToString(f.Content)})
	}

	var out struct {
		Commit struct {
			SHA lockstep.SHA `json:"sha"`
		} `json:"commit"`
	}
	if _, err := g.rest.Do(ctx, http.MethodPost, g.repo+"/contents", in, &out); err != nil {
		return "", err
	}
	if !out.Commit.SHA.Valid() {
		return "", lockstep.Errorf(lockstep.Unavailable, "The server took the files for branch %s, and did not name the commit.", p.Branch)
	}

	return out.Commit.SHA, nil
}

// withdraw takes the branch back, unless somebody has moved it since. That fails
// in silence: what made the proposal fail is the error to tell. head is "" where
// the files may have been put on it.
func (c *client) withdraw(ctx context.Context, p provider.Proposal, head lockstep.SHA) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	heads, err := c.Heads(ctx, []string{p.Branch})
	if err != nil || head != "" && heads[p.Branch] != head {
		return
	}
	parts := strings.Split(p.Branch, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	_, _ = c.forge.rest.Do(ctx, http.MethodDelete, c.forge.repo+"/branches/"+strings.Join(parts, "/"), nil, nil)
}
