package git

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A pullRequest is a pull request in a response.
type pullRequest struct {
	Number int64       `json:"number"`
	Title  string      `json:"title"`
	State  string      `json:"state"`
	Base   branchPoint `json:"base"`
	Head   branchPoint `json:"head"`
}

// A branchPoint is a branch at a commit. Label is the branch even if it no longer exists, when Ref
// is another name. The repository is null if it was deleted.
type branchPoint struct {
	Label string       `json:"label"`
	Ref   string       `json:"ref"`
	SHA   lockstep.SHA `json:"sha"`
	Repo  struct {
		ID int64 `json:"id"`
	} `json:"repo"`
}

const maxPullRequests = 100

// PullRequests returns the open pull requests into a branch.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	api, err := c.requireAPI(ctx)
	if err != nil {
		return nil, err
	}

	all, err := list[pullRequest](ctx, api, api.repo+"/pulls", url.Values{"state": {"open"}, "sort": {"recentupdate"}})
	if err != nil {
		return nil, err
	}

	var found []provider.PullRequest
	for _, p := range all {
		if p.State == "open" && p.Base.Ref == base && p.Head.SHA.Valid() && len(found) < maxPullRequests {
			found = append(found, c.pullRequest(p))
		}
	}

	return found, nil
}

// pullRequest converts a pull request. Its page is at the host's endpoint, whatever the response
// says.
//
// A pull request that was pushed to refs/for has no label. Gitea says that it comes from this
// repository, but anyone who may read can push there, so it counts as a fork.
func (c *client) pullRequest(pull pullRequest) provider.PullRequest {
	return provider.PullRequest{
		Number:     pull.Number,
		Title:      pull.Title,
		Base:       pull.Base.Ref,
		HeadBranch: cmp.Or(pull.Head.Label, pull.Head.Ref),
		Head:       pull.Head.SHA,
		Fork:       pull.Head.Repo.ID == 0 || pull.Head.Repo.ID != pull.Base.Repo.ID || pull.Head.Label == "",
		URL: c.endpoint + strings.TrimPrefix(c.api.repo,
			"/repos") + "/pulls/" + strconv.FormatInt(pull.Number, 10),
	}
}
