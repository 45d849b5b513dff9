package git

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A comment is a comment in the API.
type comment struct {
	ID   int64  `json:"id,omitempty"`
	Body string `json:"body"`
	User user   `json:"user,omitzero"`
}

type user struct {
	ID int64 `json:"id"`
}

// MaxComment returns the size of a column in MySQL, the smallest of Gitea's databases.
func (c *client) MaxComment() int { return 65535 }

// PutComment edits the comment, or the credential's own with its marker, or creates one.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, put provider.Comment) (string, error) {
	api, err := c.requireAPI(ctx)
	if err != nil {
		return "", err
	}

	if _, err := strconv.ParseInt(put.ID, 10, 64); err == nil {
		if edited, err := api.editComment(ctx, put.ID, put.Body); err != nil || edited {
			return put.ID, err
		}
	}

	comments := api.repo + "/issues/" + strconv.FormatInt(pr.Number, 10) + "/comments"
	ids, err := api.ownComments(ctx, comments, put.Marker)
	if err != nil {
		return "", err
	}

	for _, id := range ids {
		if edited, err := api.editComment(ctx, id, put.Body); err != nil || edited {
			return id, err
		}
	}

	var created comment
	if _, err := api.rest.Do(ctx, http.MethodPost, comments, comment{Body: put.Body}, &created); err != nil {
		return "", err
	}

	return strconv.FormatInt(created.ID, 10), nil
}

// editComment changes the text of a comment, and reports whether the comment exists.
func (g *gitea) editComment(ctx context.Context, id, text string) (bool, error) {
	_, err := g.rest.Do(ctx, http.MethodPatch, g.repo+"/issues/comments/"+id, comment{Body: text}, nil)
	if err != nil && lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}
	return err == nil, err
}

// ownComments returns the IDs of the comments with a marker by the credential's user. The author
// matters, because Gitea lets everyone with write access edit all comments.
func (g *gitea) ownComments(ctx context.Context, comments, marker string) ([]string, error) {
	var all []comment
	if _, err := g.rest.Do(ctx, http.MethodGet, comments, nil, &all); err != nil { // not paginated
		return nil, err
	}

	var ids []string
	var self user
	for _, found := range all {
		if !strings.Contains(found.Body, marker) {
			continue
		}

		if self.ID == 0 {
			if _, err := g.rest.Do(ctx, http.MethodGet, "/user", nil, &self); err != nil {
				return nil, err
			}
		}

		if self.ID != 0 && found.User.ID == self.ID {
			ids = append(ids, strconv.FormatInt(found.ID, 10))
		}
	}

	return ids, nil
}
