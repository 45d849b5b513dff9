package gitlab

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A mergeRequest is one as GitLab has it.
type mergeRequest struct {
	IID             int64  `json:"iid"`
	Title           string `json:"title"`
	SourceBranch    string `json:"source_branch"`
	TargetBranch    string `json:"target_branch"`
	SourceProjectID int64  `json:"source_project_id"` // 0 where the fork was removed
	TargetProjectID int64  `json:"target_project_id"`
	SHA             string `json:"sha"`
	WebURL          string `json:"web_url"`
}

// maxTitle is how much of a title is kept, in bytes: GitLab's have at most 255
// characters.
const maxTitle = 1 << 10

// pullRequest gives it in our words.
func (m mergeRequest) pullRequest() provider.PullRequest {
	return provider.PullRequest{
		Number: m.IID, Title: lockstep.Truncate(m.Title, maxTitle), Base: m.TargetBranch, HeadBranch: m.SourceBranch, Head: lockstep.SHA(m.SHA),
		Fork: m.SourceProjectID == 0 || m.SourceProjectID != m.TargetProjectID, URL: m.WebURL,
	}
}

// PullRequests lists the open merge requests into a branch. One without a commit
// is left out.
func (c *Client) PullRequests(ctx context.Context, base string) ([]provider.PullRequest, error) {
	if err := c.able(); err != nil {
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

// MaxComment is a quarter of the characters that GitLab lets a note have: the HTML
// that it makes of a table is several times as long, and is bounded too.
func (c *Client) MaxComment() int { return 250_000 }

// A note is a comment as GitLab has it.
type note struct {
	ID     int64  `json:"id"`
	Body   string `json:"body"`
	System bool   `json:"system"` // GitLab's own
	Author user   `json:"author"`
}

// PutComment edits a note on a merge request, or makes it. One that may not be
// edited any more is somebody else's, as is that of a token before it was rotated.
func (c *Client) PutComment(ctx context.Context, pr provider.PullRequest, comment provider.Comment) (string, error) {
	if err := c.able(); err != nil {
		return "", err
	}

	notes := "/merge_requests/" + strconv.FormatInt(pr.Number, 10) + "/notes"
	body := map[string]string{"body": comment.Body}
	edit := func(id string) (gone bool, err error) {
		err = c.call(ctx, http.MethodPut, notes+"/"+id, body, nil)
		k := lockstep.KindOf(err)
		return err != nil && (k == lockstep.NotFound || k == lockstep.Denied), err
	}
	if _, err := strconv.ParseUint(comment.ID, 10, 63); err == nil {
		if gone, err := edit(comment.ID); !gone {
			return comment.ID, err
		}
	}

	id, err := c.findNote(ctx, notes, comment.Marker)
	if err != nil {
		return "", err
	}

	if id != "" {
		if gone, err := edit(id); !gone {
			return id, err
		}
	}

	var made note
	if err := c.call(ctx, http.MethodPost, notes, body, &made); err != nil {
		return "", err
	}

	return strconv.FormatInt(made.ID, 10), nil
}

// findNote looks for a note of this credential's user with a marker, among the
// first of a merge request. "" is none.
func (c *Client) findNote(ctx context.Context, path, marker string) (string, error) {
	me, err := c.api.self(ctx)
	if err != nil {
		return "", err
	}

	for n := 1; n <= maxPages; n++ {
		var all []note
		if err := c.call(ctx, http.MethodGet, path+page(n, "order_by", "created_at", "sort", "asc"), nil, &all); err != nil {
			return "", err
		}

		for _, one := range all {
			if !one.System && one.Author.ID == me && strings.Contains(one.Body, marker) {
				return strconv.FormatInt(one.ID, 10), nil
			}
		}

		if len(all) < pageSize {
			break
		}
	}

	return "", nil
}
