package bitbucket

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A pullRequest is one as the API gives it.
type pullRequest struct {
	ID          int64  `json:"id"`
	Title       string `json:"title"`
	State       string `json:"state"`
	Source      side   `json:"source"`
	Destination side   `json:"destination"`
}

// A side is where commits come from, or go to. Its repository is null where it
// was deleted; its commit's id is abbreviated.
type side struct {
	Branch struct {
		Name string `json:"name"`
	} `json:"branch"`
	Commit struct {
		Hash string `json:"hash"`
	} `json:"commit"`
	Repository struct {
		UUID     string `json:"uuid"`
		FullName string `json:"full_name"`
	} `json:"repository"`
}

// fork says whether the source is known to be in the repository itself.
func (p pullRequest) fork() bool {
	return p.Source.Repository.UUID == "" || p.Source.Repository.UUID != p.Destination.Repository.UUID
}

const (
	maxPullRequests = 100
	// maxResolved is how many abbreviated ids are remembered.
	maxResolved = 1000
)

// PullRequests lists the open ones, and asks for the whole id of each head that
// it has not seen. One whose head nobody knows any more is left out.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	query := url.Values{
		"q":     {`state="OPEN" AND destination.branch.name=` + strconv.Quote(base)},
		"state": {"OPEN"}, "sort": {"-updated_on"}, "pagelen": {"50"},
	}
	all, err := list[pullRequest](ctx, c.rest, c.repo+"/pullrequests?"+query.Encode(), maxPullRequests)
	if err != nil {
		return nil, err
	}

	var branches []string
	for _, p := range all {
		if !p.fork() {
			branches = append(branches, p.Source.Branch.Name)
		}
	}

	heads := map[string]lockstep.SHA{}
	if len(branches) > 0 {
		if heads, err = c.Heads(ctx, branches); err != nil {
			return nil, err
		}
	}

	var found []provider.PullRequest
	for _, p := range all {
		if p.State != "OPEN" || p.Destination.Branch.Name != base {
			continue
		}

		head, err := c.head(ctx, p, heads)
		if err != nil {
			return nil, err
		}

		if head != "" {
			found = append(found, c.shown(p, head))
		}
	}

	return found, nil
}

// shown gives a pull request as the contract has it. Its page is where Bitbucket's
// pages are, whatever the answer says.
func (c *client) shown(p pullRequest, head lockstep.SHA) provider.PullRequest {
	return provider.PullRequest{
		Number: p.ID, Title: p.Title, Base: p.Destination.Branch.Name, HeadBranch: p.Source.Branch.Name,
		Head: head, Fork: p.fork(), URL: c.page + "/pull-requests/" + strconv.FormatInt(p.ID, 10),
	}
}

var abbreviated = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// head gives the whole id of a pull request's head: that of its branch, if the
// branch is still there; else this repository is asked, and then the fork. It is
// "" where neither knows, or the fork is not ours to read.
func (c *client) head(ctx context.Context, p pullRequest, heads map[string]lockstep.SHA) (lockstep.SHA, error) {
	short := p.Source.Commit.Hash
	if !abbreviated.MatchString(short) {
		return "", nil
	}
	if head := heads[p.Source.Branch.Name]; !p.fork() && strings.HasPrefix(string(head), short) {
		return head, nil
	}

	head, err := c.resolve(ctx, c.repo, short)
	if err != nil || head != "" {
		return head, err
	}

	workspace, slug, ok := strings.Cut(p.Source.Repository.FullName, "/")
	if !p.fork() || !ok {
		return "", nil
	}

	return c.resolve(ctx, "/repositories/"+url.PathEscape(workspace)+"/"+url.PathEscape(slug), short)
}

// resolve asks a repository for the whole id of a commit; "" where it does not
// tell.
func (c *client) resolve(ctx context.Context, repo, short string) (lockstep.SHA, error) {
	if whole := lockstep.SHA(short); whole.Valid() {
		return whole, nil
	}

	c.mu.Lock()
	head := c.full[repo+"@"+short]
	c.mu.Unlock()

	if head != "" {
		return head, nil
	}

	var commit struct {
		Hash lockstep.SHA `json:"hash"`
	}
	_, err := c.rest.Do(ctx, http.MethodGet, repo+"/commit/"+short, nil, &commit)
	switch kind := lockstep.KindOf(err); {
	case err != nil && (kind == lockstep.NotFound || kind == lockstep.Denied):
		return "", nil
	case err != nil:
		return "", err
	case !commit.Hash.Valid() || !strings.HasPrefix(string(commit.Hash), short):
		return "", nil
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	if len(c.full) >= maxResolved {
		clear(c.full)
	}

	c.full[repo+"@"+short] = commit.Hash
	return commit.Hash, nil
}
