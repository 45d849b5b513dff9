package gitlab

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/provider"
)

// MaxComment returns a quarter of the characters that GitLab allows: the HTML that it
// makes of a table is several times as long, and is bounded too.
func (c *client) MaxComment() int { return 250_000 }

// A note is a comment in a response.
type note struct {
	ID     int64  `json:"id"`
	Body   string `json:"body"`
	System bool   `json:"system"` // written by GitLab
	Author user   `json:"author"`
}

// PutComment edits a note on a merge request, or creates one. A note that may no longer be
// edited is another user's, such as that of a token before it was rotated.
func (c *client) PutComment(ctx context.Context, pr provider.PullRequest, comment provider.Comment) (string, error) {
	if err := c.requireCredential(); err != nil {
		return "", err
	}

	notes := "/merge_requests/" + strconv.FormatInt(pr.Number, 10) + "/notes"
	body := map[string]string{"body": comment.Body}
	edit := func(id string) (isGone bool, err error) {
		err = c.call(ctx, http.MethodPut, notes+"/"+id, body, nil)
		kind := lockstep.KindOf(err)
		return err != nil && (kind == lockstep.NotFound || kind == lockstep.Denied), err
	}

	if _, err := strconv.ParseUint(comment.ID, 10, 63); err == nil {
		if isGone, err := edit(comment.ID); !isGone {
			return comment.ID, err
		}
	}

	id, err := c.findNote(ctx, notes, comment.Marker)
	if err != nil {
		return "", err
	}

	if id != "" {
		if isGone, err := edit(id); !isGone {
			return id, err
		}
	}

	var made note
	if err := c.call(ctx, http.MethodPost, notes, body, &made); err != nil {
		return "", err
	}

	return strconv.FormatInt(made.ID, 10), nil
}

// findNote returns the ID of the credential's own note with a marker, among the first of
// a merge request; "" if there is none, or if the credential may not ask for its user: the
// author matters, because others may copy the marker.
func (c *client) findNote(ctx context.Context, path, marker string) (string, error) {
	for number := 1; number <= maxPages; number++ {
		var all []note
		if err := c.call(ctx, http.MethodGet, path+page(number, "order_by", "created_at", "sort", "asc"), nil,
			&all); err != nil {
			return "", err
		}

		for _, found := range all {
			if found.System || !strings.Contains(found.Body, marker) {
				continue
			}

			self, err := c.api.self(ctx)
			if lockstep.KindOf(err) == lockstep.Denied {
				return "", nil
			}
			if err != nil {
				return "", err
			}

			if found.Author.ID == self {
				return strconv.FormatInt(found.ID, 10), nil
			}
		}

		if len(all) < pageSize {
			break
		}
	}

	return "", nil
}
