package azuredevops

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
)

// maxPullRequests is how many are read at once.
const maxPullRequests = 100

// A pullRequest is a pull request in a response.
type pullRequest struct {
	PullRequestID         int64  `json:"pullRequestId"`
	Title                 string `json:"title"`
	SourceRefName         string `json:"sourceRefName"`
	TargetRefName         string `json:"targetRefName"`
	LastMergeSourceCommit struct {
		CommitID string `json:"commitId"`
	} `json:"lastMergeSourceCommit"`
	// ForkSource is null if the head is in the same repository.
	ForkSource *struct {
		Name string `json:"name"`
	} `json:"forkSource"`
}

// PullRequests returns the active pull requests into a branch, the last opened first: Azure does
// not say which were changed. One whose head Azure has not processed is left out until then.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	target := gitremote.BranchPrefix + base
	path := c.at.repositoryPath("pullrequests",
		"searchCriteria.status", "active",
		"searchCriteria.targetRefName", target,
		"$top", strconv.Itoa(maxPullRequests))

	var all list[pullRequest]
	if err := c.call(ctx, http.MethodGet, path, nil, &all); err != nil {
		return nil, err
	}

	var found []provider.PullRequest
	for _, pull := range all.Value[:min(len(all.Value), maxPullRequests)] {
		branch, isBranch := strings.CutPrefix(pull.SourceRefName, gitremote.BranchPrefix)
		head, err := object.ParseID(pull.LastMergeSourceCommit.CommitID)
		if err != nil || !isBranch || pull.TargetRefName != target || pull.PullRequestID <= 0 {
			continue
		}

		found = append(found, provider.PullRequest{
			Number:     pull.PullRequestID,
			Title:      pull.Title,
			Base:       base,
			HeadBranch: branch,
			Head:       lockstep.SHA(head.String()),
			Fork:       pull.ForkSource != nil,
			URL:        c.pageURL(pull.PullRequestID),
		})
	}

	return found, nil
}

// pageURL returns the page of a pull request.
func (c *client) pageURL(number int64) string {
	return c.at.web() + "/pullrequest/" + strconv.FormatInt(number, 10)
}
