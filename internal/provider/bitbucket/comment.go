package bitbucket

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A comment is a comment in the API. Deleted ones stay in lists.
type comment struct {
	ID      int64   `json:"id,omitempty"`
	Content content `json:"content"`
	Deleted bool    `json:"deleted,omitempty"`
	User    account `json:"user,omitzero"`
}

type content struct {
	Raw string `json:"raw"`
}

const (
	maxComment = 32768
	// maxComments is how many comments of a pull request are searched.
	maxComments = 2000
	// maxTries is how many comments of unknown authors are tried.
	maxTries = 5
)

// MaxComment returns Bitbucket's limit in characters, used as one in bytes.
func (c *client) MaxComment() int { return maxComment }

// PutComment edits the comment, or one with its marker, or creates one.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, put provider.Comment) (string, error) {
	comments := c.repo + "/pullrequests/" + strconv.FormatInt(pr.Number, 10) + "/comments"
	if id, err := strconv.ParseInt(put.ID, 10, 64); err == nil {
		if edited, err := c.editComment(ctx, comments, id, put.Body); err != nil || edited {
			return put.ID, err
		}
	}

	if id, err := c.editOwnComment(ctx, comments, put); err != nil || id != "" {
		return id, err
	}

	var created comment
	if _, err := c.rest.Do(ctx, http.MethodPost, comments, comment{Content: content{put.Body}}, &created); err != nil {
		return "", err
	}

	return strconv.FormatInt(created.ID, 10), nil
}

// editComment changes the text of a comment, and reports whether the comment exists. For a
// deleted one Bitbucket's error varies, so the comment is read then.
func (c *client) editComment(ctx context.Context, comments string, id int64, text string) (bool, error) {
	path := comments + "/" + strconv.FormatInt(id, 10)
	var current comment
	_, err := c.rest.Do(ctx, http.MethodPut, path, comment{Content: content{text}}, &current)
	switch lockstep.KindOf(err) {
	case lockstep.NotFound:
		return false, nil
	case lockstep.Denied, lockstep.Invalid:
		_, readErr := c.rest.Do(ctx, http.MethodGet, path, nil, &current)
		if current.Deleted || readErr != nil && lockstep.KindOf(readErr) == lockstep.NotFound {
			return false, nil
		}
	}

	return err == nil && !current.Deleted, err
}

// editOwnComment edits the credential's own comment with the marker, and returns its ID; "" if
// there is none. If Bitbucket does not say who the credential is, an edit shows whether a
// comment is its own; those of users are not an access token's.
func (c *client) editOwnComment(ctx context.Context, comments string, put provider.Comment) (string, error) {
	self, err := c.self(ctx)
	if err != nil {
		return "", err
	}

	all, err := list[comment](ctx, c.rest, comments+"?pagelen=100", maxComments)
	if err != nil {
		return "", err
	}

	tries := 0
	for _, found := range all {
		if found.Deleted || !c.mayBeOwn(found, self) || !strings.Contains(found.Content.Raw, put.Marker) {
			continue
		}
		if tries++; tries > maxTries {
			break
		}

		edited, err := c.editComment(ctx, comments, found.ID, put.Body)
		switch {
		case edited:
			return strconv.FormatInt(found.ID, 10), nil
		case err != nil && (self != "" || lockstep.KindOf(err) != lockstep.Denied):
			return "", err
		}
	}

	return "", nil
}

// mayBeOwn reports whether the credential may be the author of a comment.
func (c *client) mayBeOwn(found comment, self string) bool {
	if self != "" {
		return found.User.UUID == self
	}
	return c.kind != lockstep.TokenCredential || found.User.Type != "user"
}
