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

// A pullRequest is a pull request in a response.
type pullRequest struct {
	ID          int64       `json:"id"`
	Title       string      `json:"title"`
	State       string      `json:"state"`
	Source      branchPoint `json:"source"`
	Destination branchPoint `json:"destination"`
}

// A branchPoint is a branch at a commit. Its repository is null if it was deleted. The
// commit's ID is abbreviated.
type branchPoint struct {
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

// isFork reports whether the source is in another repository, or in an unknown one.
func (p pullRequest) isFork() bool {
	return p.Source.Repository.UUID == "" || p.Source.Repository.UUID != p.Destination.Repository.UUID
}

const (
	maxPullRequests = 100
	// maxResolved is how many abbreviated IDs are kept.
	maxResolved = 1000
)

// PullRequests returns the open pull requests into a branch, without those whose head no
// longer exists. It reads the full ID of each head that it has not seen.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	query := url.Values{
		"q":       {`state="OPEN" AND destination.branch.name=` + strconv.Quote(base)},
		"state":   {"OPEN"},
		"sort":    {"-updated_on"},
		"pagelen": {"50"},
	}
	all, err := list[pullRequest](ctx, c.rest, c.repo+"/pullrequests?"+query.Encode(), maxPullRequests)
	if err != nil {
		return nil, err
	}

	var branches []string
	for _, pull := range all {
		if !pull.isFork() {
			branches = append(branches, pull.Source.Branch.Name)
		}
	}

	heads := map[string]lockstep.SHA{}
	if len(branches) > 0 {
		if heads, err = c.Heads(ctx, branches); err != nil {
			return nil, err
		}
	}

	var found []provider.PullRequest
	for _, pull := range all {
		if pull.State != "OPEN" || pull.Destination.Branch.Name != base {
			continue
		}

		head, err := c.head(ctx, pull, heads)
		if err != nil {
			return nil, err
		}

		if head != "" {
			found = append(found, c.pullRequest(pull, head))
		}
	}

	return found, nil
}

// pullRequest converts a pull request. Its page is at Bitbucket's address, whatever the
// response says.
func (c *client) pullRequest(pull pullRequest, head lockstep.SHA) provider.PullRequest {
	return provider.PullRequest{
		Number:     pull.ID,
		Title:      pull.Title,
		Base:       pull.Destination.Branch.Name,
		HeadBranch: pull.Source.Branch.Name,
		Head:       head,
		Fork:       pull.isFork(),
		URL:        c.page + "/pull-requests/" + strconv.FormatInt(pull.ID, 10),
	}
}

var abbreviated = regexp.MustCompile(`^[0-9a-f]{7,40}$`)

// head returns the full ID of a pull request's head: that of its branch if the branch still
// exists, else as this repository knows it, or the fork. It is "" if neither does, or if the
// fork cannot be read.
func (c *client) head(ctx context.Context, pull pullRequest, heads map[string]lockstep.SHA) (lockstep.SHA, error) {
	short := pull.Source.Commit.Hash
	if !abbreviated.MatchString(short) {
		return "", nil
	}
	if head := heads[pull.Source.Branch.Name]; !pull.isFork() && strings.HasPrefix(string(head), short) {
		return head, nil
	}

	head, err := c.resolve(ctx, c.repo, short)
	if err != nil || head != "" {
		return head, err
	}

	workspace, slug, ok := strings.Cut(pull.Source.Repository.FullName, "/")
	if !pull.isFork() || !ok {
		return "", nil
	}

	return c.resolve(ctx, "/repositories/"+url.PathEscape(workspace)+"/"+url.PathEscape(slug), short)
}

// resolve returns the full ID of a commit of a repository; "" if it is unknown there.
func (c *client) resolve(ctx context.Context, repo, short string) (lockstep.SHA, error) {
	if whole := lockstep.SHA(short); whole.Valid() {
		return whole, nil
	}

	key := repo + "@" + short
	c.mu.Lock()
	head := c.full[key]
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

	c.full[key] = commit.Hash
	return commit.Hash, nil
}
