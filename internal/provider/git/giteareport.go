package git

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// giteaState gives Gitea's word for a state: it has one for all that is not at
// its end.
func giteaState(s provider.CommitState) string {
	switch s {
	case provider.CommitSucceeded:
		return "success"
	case provider.CommitFailed:
		return "failure"
	}
	return "pending"
}

// ReportStatus adds a status of the environment's context, of which Gitea shows
// the last. The memory is what was sent: the same is not sent again. After an
// error there is none, since the server may have taken what it did not answer.
func (c *client) ReportStatus(ctx context.Context, s provider.CommitStatus, memory []byte) ([]byte, error) {
	g, err := c.api(ctx)
	if err != nil {
		return nil, err
	}

	told := struct {
		Context     string `json:"context"`
		State       string `json:"state"`
		TargetURL   string `json:"target_url"`
		Description string `json:"description"`
	}{s.Context(), giteaState(s.State), s.URL, s.Summary}

	body, err := json.Marshal(told)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(body, memory) {
		return memory, nil
	}

	sha := url.PathEscape(string(s.SHA))
	_, err = g.rest.Do(ctx, http.MethodPost, g.repo+"/statuses/"+sha, told, nil)
	if err == nil {
		return body, nil
	}

	if lockstep.KindOf(err) == lockstep.Unavailable {
		// Of a commit that is not there the server says that it is broken itself.
		_, gone := g.rest.Do(ctx, http.MethodGet, g.repo+"/git/commits/"+sha, nil, nil)
		if gone != nil && lockstep.KindOf(gone) == lockstep.NotFound {
			return nil, gone
		}
	}

	return nil, err
}

// A giteaPull is a pull request as the API gives it.
type giteaPull struct {
	Number int64     `json:"number"`
	Title  string    `json:"title"`
	State  string    `json:"state"`
	Base   giteaSide `json:"base"`
	Head   giteaSide `json:"head"`
}

// A giteaSide is where commits come from, or go to. Its label is the branch, also
// where that is gone and Ref names another place. The repository is null where it
// was deleted.
type giteaSide struct {
	Label string       `json:"label"`
	Ref   string       `json:"ref"`
	SHA   lockstep.SHA `json:"sha"`
	Repo  struct {
		ID int64 `json:"id"`
	} `json:"repo"`
}

const maxPullRequests = 100

// PullRequests lists the open ones. One that was pushed to refs/for by somebody
// without a branch here is said to come from this repository, and is a fork all
// the same: anybody who reads may do that. It has no label.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	g, err := c.api(ctx)
	if err != nil {
		return nil, err
	}

	all, err := giteaList[giteaPull](ctx, g, g.repo+"/pulls", url.Values{"state": {"open"}, "sort": {"recentupdate"}})
	if err != nil {
		return nil, err
	}

	var found []provider.PullRequest
	for _, p := range all {
		if p.State == "open" && p.Base.Ref == base && p.Head.SHA.Valid() && len(found) < maxPullRequests {
			found = append(found, c.shown(p))
		}
	}

	return found, nil
}

// shown gives a pull request as the contract has it. Its page is where Gitea's
// pages are, whatever the answer says.
func (c *client) shown(p giteaPull) provider.PullRequest {
	fork := p.Head.Repo.ID == 0 || p.Head.Repo.ID != p.Base.Repo.ID || p.Head.Label == ""
	branch := p.Head.Label
	if branch == "" {
		branch = p.Head.Ref
	}
	return provider.PullRequest{
		Number: p.Number, Title: p.Title, Base: p.Base.Ref, HeadBranch: branch, Head: p.Head.SHA, Fork: fork,
		URL: c.endpoint + strings.TrimPrefix(c.forge.repo, "/repos") + "/pulls/" + strconv.FormatInt(p.Number, 10),
	}
}

// A giteaComment is one as the API gives and takes it.
type giteaComment struct {
	ID   int64  `json:"id,omitempty"`
	Body string `json:"body"`
	User struct {
		ID int64 `json:"id"`
	} `json:"user,omitzero"`
}

// MaxComment is what a column of MySQL holds, the smallest of Gitea's databases.
func (c *client) MaxComment() int { return 65535 }

// PutComment edits the comment, or the credential's own with its marker, or makes
// one.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, cm provider.Comment) (string, error) {
	g, err := c.api(ctx)
	if err != nil {
		return "", err
	}

	if _, err := strconv.ParseInt(cm.ID, 10, 64); err == nil {
		if done, err := g.edit(ctx, cm.ID, cm.Body); err != nil || done {
			return cm.ID, err
		}
	}

	comments := g.repo + "/issues/" + strconv.FormatInt(pr.Number, 10) + "/comments"
	own, err := g.own(ctx, comments, cm.Marker)
	if err != nil {
		return "", err
	}

	for _, id := range own {
		if done, err := g.edit(ctx, id, cm.Body); err != nil || done {
			return id, err
		}
	}

	var made giteaComment
	if _, err := g.rest.Do(ctx, http.MethodPost, comments, giteaComment{Body: cm.Body}, &made); err != nil {
		return "", err
	}

	return strconv.FormatInt(made.ID, 10), nil
}

// edit changes the text of a comment, and says whether it is there.
func (g *gitea) edit(ctx context.Context, id, text string) (bool, error) {
	_, err := g.rest.Do(ctx, http.MethodPatch, g.repo+"/issues/comments/"+id, giteaComment{Body: text}, nil)
	if err != nil && lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}
	return err == nil, err
}

// own gives the ids of the comments with a marker that the credential's user
// made. Who that is must be known: Gitea lets whoever may write edit all.
func (g *gitea) own(ctx context.Context, comments, marker string) ([]string, error) {
	var all []giteaComment
	if _, err := g.rest.Do(ctx, http.MethodGet, comments, nil, &all); err != nil { // it has no pages
		return nil, err
	}

	var ids []string
	var me struct {
		ID int64 `json:"id"`
	}
	for _, found := range all {
		if !strings.Contains(found.Body, marker) {
			continue
		}

		if me.ID == 0 {
			if _, err := g.rest.Do(ctx, http.MethodGet, "/user", nil, &me); err != nil {
				return nil, err
			}
		}

		if me.ID != 0 && found.User.ID == me.ID {
			ids = append(ids, strconv.FormatInt(found.ID, 10))
		}
	}

	return ids, nil
}
