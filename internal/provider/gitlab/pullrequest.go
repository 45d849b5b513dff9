package gitlab

import (
	"context"
	"net/http"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A mergeRequest is a merge request in a response.
type mergeRequest struct {
	IID             int64  `json:"iid"`
	Title           string `json:"title"`
	SourceBranch    string `json:"source_branch"`
	TargetBranch    string `json:"target_branch"`
	SourceProjectID int64  `json:"source_project_id"` // 0 if the fork was deleted
	TargetProjectID int64  `json:"target_project_id"`
	SHA             string `json:"sha"`
	WebURL          string `json:"web_url"`
}

// maxTitle is how much of a title is kept, in bytes: GitLab's have at most 255
// characters.
const maxTitle = 1 << 10

// pullRequest converts a merge request.
func (m mergeRequest) pullRequest() provider.PullRequest {
	return provider.PullRequest{
		Number:     m.IID,
		Title:      lockstep.Truncate(m.Title, maxTitle),
		Base:       m.TargetBranch,
		HeadBranch: m.SourceBranch,
		Head:       lockstep.SHA(m.SHA),
		Fork:       m.SourceProjectID == 0 || m.SourceProjectID != m.TargetProjectID,
		URL:        m.WebURL,
	}
}

// PullRequests returns the open merge requests into a branch, without those that have no
// commit.
func (c *client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	if err := c.requireCredential(); err != nil {
		return nil, err
	}

	var all []mergeRequest
	query := page(1, "state", "opened", "target_branch", base, "order_by", "updated_at", "sort", "desc")
	if err := c.call(ctx, http.MethodGet, "/merge_requests"+query, nil, &all); err != nil {
		return nil, err
	}

	found := make([]provider.PullRequest, 0, min(len(all), pageSize))
	for _, m := range all[:min(len(all), pageSize)] {
		if m.SHA != "" {
			found = append(found, m.pullRequest())
		}
	}

	return found, nil
}
