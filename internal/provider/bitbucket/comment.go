package bitbucket

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// A comment is one as the API gives it. One that was deleted stays in the list.
type comment struct {
	ID      int64   `json:"id,omitempty"`
	Content content `json:"content"`
	Deleted bool    `json:"deleted,omitempty"`
	User    account `json:"user,omitzero"`
}

type content struct {
	Raw string `json:"raw"`
}

type account struct {
	UUID string `json:"uuid"`
	Type string `json:"type"`
}

const (
	maxComment = 32768
	// maxComments is how many of a pull request's are looked through.
	maxComments = 2000
	// maxTries is how many comments of unknown authors are tried.
	maxTries = 5
)

// MaxComment is Bitbucket's limit, in characters there.
func (c *client) MaxComment() int { return maxComment }

// PutComment edits the comment, or one with its marker, or makes one.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, cm provider.Comment) (string, error) {
	comments := c.repo + "/pullrequests/" + strconv.FormatInt(pr.Number, 10) + "/comments"
	if id, err := strconv.ParseInt(cm.ID, 10, 64); err == nil {
		if done, err := c.edit(ctx, comments, id, cm.Body); err != nil || done {
			return cm.ID, err
		}
	}

	if id, err := c.editOwn(ctx, comments, cm); err != nil || id != "" {
		return id, err
	}

	var made comment
	if _, err := c.rest.Do(ctx, http.MethodPost, comments, comment{Content: content{cm.Body}}, &made); err != nil {
		return "", err
	}

	return strconv.FormatInt(made.ID, 10), nil
}

// edit changes the text of a comment, and says whether it is there. Of one that
// was deleted Bitbucket may say anything, so it is looked at then.
func (c *client) edit(ctx context.Context, comments string, id int64, text string) (bool, error) {
	path := comments + "/" + strconv.FormatInt(id, 10)
	var now comment
	_, err := c.rest.Do(ctx, http.MethodPut, path, comment{Content: content{text}}, &now)
	switch lockstep.KindOf(err) {
	case lockstep.NotFound:
		return false, nil
	case lockstep.Denied, lockstep.Invalid:
		_, gone := c.rest.Do(ctx, http.MethodGet, path, nil, &now)
		if now.Deleted || gone != nil && lockstep.KindOf(gone) == lockstep.NotFound {
			return false, nil
		}
	}

	return err == nil && !now.Deleted, err
}

// editOwn edits the comment with the marker that the credential made, and gives
// its id; "" where there is none. Where Bitbucket does not tell who made it, it
// decides itself: nobody can edit a comment of somebody else. Then at least those
// of people are no access token's.
func (c *client) editOwn(ctx context.Context, comments string, cm provider.Comment) (string, error) {
	me, err := c.whoAmI(ctx)
	if err != nil {
		return "", err
	}

	all, err := list[comment](ctx, c.rest, comments+"?pagelen=100", maxComments)
	if err != nil {
		return "", err
	}

	tries := 0
	for _, found := range all {
		own := me != "" && me == found.User.UUID || me == "" && (c.kind != lockstep.TokenCredential || found.User.Type != "user")
		if found.Deleted || !own || !strings.Contains(found.Content.Raw, cm.Marker) {
			continue
		}
		if tries++; tries > maxTries {
			break
		}

		done, err := c.edit(ctx, comments, found.ID, cm.Body)
		switch {
		case err == nil && done:
			return strconv.FormatInt(found.ID, 10), nil
		case err != nil && (me != "" || lockstep.KindOf(err) != lockstep.Denied):
			return "", err
		}
	}

	return "", nil
}

// whoAmI gives the UUID of whoever the credential stands for; "" for one that
// stands for no person, or may not ask.
func (c *client) whoAmI(ctx context.Context) (string, error) {
	c.mu.Lock()
	me := c.me
	c.mu.Unlock()

	if me != nil {
		return *me, nil
	}

	var user account
	_, err := c.rest.Do(ctx, http.MethodGet, "/user", nil, &user)
	if kind := lockstep.KindOf(err); err != nil && kind != lockstep.Denied && kind != lockstep.NotFound {
		return "", err
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	c.me = &user.UUID
	return user.UUID, nil
}
