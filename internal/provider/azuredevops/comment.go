package azuredevops

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// maxComment is Azure's limit in characters, used as one in bytes.
const maxComment = 150_000

// A thread is a list of comments.
type thread struct {
	ID        int64     `json:"id,omitempty"`
	Status    string    `json:"status,omitempty"`
	IsDeleted bool      `json:"isDeleted,omitempty"`
	Comments  []comment `json:"comments"`
}

type comment struct {
	ID              int64    `json:"id,omitempty"`
	ParentCommentID int64    `json:"parentCommentId"`
	CommentType     string   `json:"commentType,omitempty"`
	Content         string   `json:"content"`
	IsDeleted       bool     `json:"isDeleted,omitempty"`
	Author          identity `json:"author,omitzero"`
}

// MaxComment returns how many bytes a comment may have.
func (c *client) MaxComment() int { return maxComment }

// PutComment keeps a comment in a thread of its own. The thread is closed, because an active one
// would block the pull request where a policy wants all comments resolved. The comment's ID is
// THREAD/COMMENT.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, put provider.Comment) (string, error) {
	threads := "pullRequests/" + strconv.FormatInt(pr.Number, 10) + "/threads"
	id, text, err := c.findComment(ctx, threads, put)
	switch {
	case err != nil:
		return "", err
	case id == (commentID{}):
		return c.createThread(ctx, threads, put)
	case text == put.Body:
		return id.String(), nil
	}

	path := c.at.repositoryPath(threads + "/" + strconv.FormatInt(id.thread,
		10) + "/comments/" + strconv.FormatInt(id.comment, 10))
	if err := c.call(ctx, http.MethodPatch, path, map[string]string{"content": put.Body}, nil); err != nil {
		return "", err
	}

	return id.String(), nil
}

// createThread creates a thread with a comment.
func (c *client) createThread(ctx context.Context, threads string, put provider.Comment) (string, error) {
	request := thread{Status: "closed", Comments: []comment{{Content: put.Body, CommentType: "text"}}}
	var created thread
	if err := c.call(ctx, http.MethodPost, c.at.repositoryPath(threads), request, &created); err != nil {
		return "", err
	}
	if created.ID <= 0 || len(created.Comments) == 0 || created.Comments[0].ID <= 0 {
		return "", lockstep.Errorf(lockstep.Unavailable,
			"%s did not return the ID of the comment that it created.", c.at.web())
	}
	return commentID{created.ID, created.Comments[0].ID}.String(), nil
}

// findComment returns the comment with the ID, or else one with the marker, and its text; the
// zero commentID if there is none. Only the credential's own comments count: others
// cannot be edited.
func (c *client) findComment(ctx context.Context, threads string, put provider.Comment) (commentID, string, error) {
	self, err := c.self(ctx)
	if err != nil {
		return commentID{}, "", err
	}

	if id, ok := parseCommentID(put.ID); ok {
		var found thread
		err := c.call(ctx, http.MethodGet, c.at.repositoryPath(threads+"/"+strconv.FormatInt(id.thread, 10)),
			nil, &found)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return commentID{}, "", err
		}

		for _, comment := range found.commentsBy(self) {
			if comment.ID == id.comment {
				return id, comment.Content, nil
			}
		}
	}

	var all list[thread]
	if err := c.call(ctx, http.MethodGet, c.at.repositoryPath(threads), nil, &all); err != nil {
		return commentID{}, "", err
	}

	for _, found := range all.Value {
		for _, comment := range found.commentsBy(self) {
			if found.ID > 0 && strings.Contains(comment.Content, put.Marker) {
				return commentID{found.ID, comment.ID}, comment.Content, nil
			}
		}
	}

	return commentID{}, "", nil
}

// commentsBy returns the comments of an author, without deleted ones, which Azure still lists.
func (t thread) commentsBy(author string) []comment {
	var all []comment
	for _, found := range t.Comments {
		if !t.IsDeleted && !found.IsDeleted && found.ID > 0 && strings.EqualFold(found.Author.ID, author) {
			all = append(all, found)
		}
	}
	return all
}

// A commentID identifies a comment of a pull request.
type commentID struct{ thread, comment int64 }

// String returns the ID as THREAD/COMMENT.
func (id commentID) String() string {
	return strconv.FormatInt(id.thread, 10) + "/" + strconv.FormatInt(id.comment, 10)
}

func parseCommentID(id string) (commentID, bool) {
	left, right, _ := strings.Cut(id, "/")
	thread, threadErr := strconv.ParseInt(left, 10, 64)
	comment, commentErr := strconv.ParseInt(right, 10, 64)
	return commentID{thread, comment}, threadErr == nil && commentErr == nil && thread > 0 && comment > 0
}
