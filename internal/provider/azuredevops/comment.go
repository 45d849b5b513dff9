package azuredevops

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// maxComment is how many characters a comment may have; ours are counted in bytes,
// which are never fewer.
const maxComment = 150_000

// A thread is where comments stand.
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

// MaxComment is 150,000.
func (c *Client) MaxComment() int { return maxComment }

// PutComment keeps a comment in a thread of its own. The thread is closed: an
// active one would keep the pull request from being completed where a policy wants
// all comments resolved. Its id is THREAD/COMMENT.
func (c *Client) PutComment(ctx context.Context, pr provider.PullRequest, put provider.Comment) (string, error) {
	path := "pullRequests/" + strconv.FormatInt(pr.Number, 10) + "/threads"
	at, text, err := c.find(ctx, path, put)
	switch {
	case err != nil:
		return "", err
	case at == (position{}):
		return c.begin(ctx, path, put)
	case text == put.Body:
		return at.String(), nil
	}

	edit := c.at.ofRepository(path + "/" + strconv.FormatInt(at.thread, 10) + "/comments/" + strconv.FormatInt(at.comment, 10))
	if err := c.call(ctx, http.MethodPatch, edit, map[string]string{"content": put.Body}, nil); err != nil {
		return "", err
	}

	return at.String(), nil
}

// begin makes a thread with a comment.
func (c *Client) begin(ctx context.Context, path string, put provider.Comment) (string, error) {
	made := thread{Status: "closed", Comments: []comment{{Content: put.Body, CommentType: "text"}}}
	var got thread
	if err := c.call(ctx, http.MethodPost, c.at.ofRepository(path), made, &got); err != nil {
		return "", err
	}
	if got.ID <= 0 || len(got.Comments) == 0 || got.Comments[0].ID <= 0 {
		return "", lockstep.Errorf(lockstep.Unavailable, "%s does not say which comment it has made.", c.at.web())
	}
	return position{got.ID, got.Comments[0].ID}.String(), nil
}

// find gives where the comment is, with its text: that of the id, or else one with
// the marker. There may be none. What another credential wrote does not count, since
// nobody else may edit it.
func (c *Client) find(ctx context.Context, path string, put provider.Comment) (position, string, error) {
	me, err := c.self(ctx)
	if err != nil {
		return position{}, "", err
	}

	if at, ok := parsePosition(put.ID); ok {
		var t thread
		err := c.call(ctx, http.MethodGet, c.at.ofRepository(path+"/"+strconv.FormatInt(at.thread, 10)), nil, &t)
		if err != nil && lockstep.KindOf(err) != lockstep.NotFound {
			return position{}, "", err
		}

		for _, found := range t.by(me) {
			if found.ID == at.comment {
				return at, found.Content, nil
			}
		}
	}

	var all list[thread]
	if err := c.call(ctx, http.MethodGet, c.at.ofRepository(path), nil, &all); err != nil {
		return position{}, "", err
	}

	for _, t := range all.Value {
		for _, found := range t.by(me) {
			if t.ID > 0 && strings.Contains(found.Content, put.Marker) {
				return position{t.ID, found.ID}, found.Content, nil
			}
		}
	}

	return position{}, "", nil
}

// by gives somebody's comments, without the deleted ones, of which Azure keeps the
// places.
func (t thread) by(author string) []comment {
	var all []comment
	for _, found := range t.Comments {
		if !t.IsDeleted && !found.IsDeleted && found.ID > 0 && strings.EqualFold(found.Author.ID, author) {
			all = append(all, found)
		}
	}
	return all
}

// A position is where a comment is in a pull request.
type position struct{ thread, comment int64 }

func (p position) String() string {
	return strconv.FormatInt(p.thread, 10) + "/" + strconv.FormatInt(p.comment, 10)
}

func parsePosition(id string) (position, bool) {
	left, right, _ := strings.Cut(id, "/")
	thread, err := strconv.ParseInt(left, 10, 64)
	comment, worse := strconv.ParseInt(right, 10, 64)
	return position{thread, comment}, err == nil && worse == nil && thread > 0 && comment > 0
}
