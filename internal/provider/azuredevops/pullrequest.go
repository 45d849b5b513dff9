package azuredevops

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/provider"
)

const (
	heads = "refs/heads/"
	// maxPullRequests is how many are read at once.
	maxPullRequests = 100
)

// A pullRequest is one as Azure gives it.
type pullRequest struct {
	PullRequestID         int64  `json:"pullRequestId"`
	Title                 string `json:"title"`
	SourceRefName         string `json:"sourceRefName"`
	TargetRefName         string `json:"targetRefName"`
	LastMergeSourceCommit struct {
		CommitID string `json:"commitId"`
	} `json:"lastMergeSourceCommit"`
	// ForkSource is null where the head is in the same repository.
	ForkSource *struct {
		Name string `json:"name"`
	} `json:"forkSource"`
}

// PullRequests gives the active pull requests into a branch, those opened last
// first: Azure does not say which were changed. One whose head Azure has not
// looked at yet is left out until it has.
func (c *Client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	var all list[pullRequest]
	err := c.call(ctx, http.MethodGet, c.at.ofRepository("pullrequests", "searchCriteria.status", "active",
		"searchCriteria.targetRefName", heads+base, "$top", strconv.Itoa(maxPullRequests)), nil, &all)
	if err != nil {
		return nil, err
	}

	var found []provider.PullRequest
	for _, p := range all.Value[:min(len(all.Value), maxPullRequests)] {
		branch, isBranch := strings.CutPrefix(p.SourceRefName, heads)
		head, err := object.ParseID(p.LastMergeSourceCommit.CommitID)
		if err != nil || !isBranch || p.TargetRefName != heads+base || p.PullRequestID <= 0 {
			continue
		}

		found = append(found, provider.PullRequest{
			Number: p.PullRequestID, Title: p.Title, Base: base, HeadBranch: branch, Head: lockstep.SHA(head.String()),
			Fork: p.ForkSource != nil, URL: c.page(p.PullRequestID),
		})
	}

	return found, nil
}

// page is where people read a pull request.
func (c *Client) page(number int64) string {
	return c.at.web() + "/pullrequest/" + strconv.FormatInt(number, 10)
}
