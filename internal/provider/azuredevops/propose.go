package azuredevops

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/provider"
)

const (
	// noCommit stands for a branch that is not there.
	noCommit = "0000000000000000000000000000000000000000"

	maxTitle       = 400   // characters of a pull request's title
	maxDescription = 4_000 // of its description

	// cleanUp is how long taking a branch back may take, when the time for
	// proposing is over.
	cleanUp = 30 * time.Second
)

// A refUpdate moves a branch, if it still is where it was.
type refUpdate struct {
	Name        string `json:"name"`
	OldObjectID string `json:"oldObjectId"`
	NewObjectID string `json:"newObjectId,omitempty"`
}

// A push is commits for a branch.
type push struct {
	RefUpdates []refUpdate  `json:"refUpdates"`
	Commits    []pushCommit `json:"commits,omitempty"`
}

type pushCommit struct {
	Comment string   `json:"comment"`
	Changes []change `json:"changes"`
}

type change struct {
	ChangeType string `json:"changeType"`
	Item       struct {
		Path string `json:"path"`
	} `json:"item"`
	NewContent struct {
		Content     string `json:"content"`
		ContentType string `json:"contentType"`
	} `json:"newContent"`
}

// Propose makes the branch, which fails where there is one, pushes one commit to
// it and opens a pull request. Where one of the last two fails, it takes the
// branch back, unless somebody else has moved it.
func (c *Client) Propose(ctx context.Context, p provider.Proposal) (provider.PullRequest, error) {
	if err := c.free(ctx, p); err != nil {
		return provider.PullRequest{}, err
	}

	branch := refUpdate{heads + p.Branch, noCommit, string(p.BaseSHA)}
	if err := c.move(ctx, branch); err != nil {
		return provider.PullRequest{}, err
	}

	head, err := c.push(ctx, p)
	if err == nil {
		var number int64
		if number, err = c.open(ctx, p); err == nil {
			return provider.PullRequest{
				Number: number, Title: p.Title, Base: p.Base, HeadBranch: p.Branch, Head: lockstep.SHA(head), URL: c.page(number),
			}, nil
		}

		branch.NewObjectID = head
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()

	// What went wrong first is told: the branch harms nobody, and a second proposal
	// says that it is there.
	_ = c.move(ctx, refUpdate{branch.Name, branch.NewObjectID, noCommit})
	return provider.PullRequest{}, err
}

// free says Exists where the branch or a file is there. Git answers that: a commit
// does not change, and the branch is made only if it still is not there.
func (c *Client) free(ctx context.Context, p provider.Proposal) error {
	if err := c.known(); err != nil {
		return err
	}

	for _, f := range p.Files {
		if !fs.ValidPath(f.Path) || f.Path == "." {
			return lockstep.Errorf(lockstep.Invalid, "%q is not the path of a file.", f.Path)
		}
	}

	there, err := c.Heads(ctx, []string{p.Branch})
	if err != nil {
		return err
	}
	if _, taken := there[p.Branch]; taken {
		return lockstep.Errorf(lockstep.Exists, "Branch %s of %s is already there.", p.Branch, c.at.web())
	}

	files, err := c.Files(ctx, p.BaseSHA)
	if err != nil {
		return err
	}

	for _, f := range p.Files {
		_, err := fs.Stat(files, f.Path)
		switch {
		case err == nil:
			return lockstep.Errorf(lockstep.Exists, "%s is already there, in branch %s of %s.", f.Path, p.Base, c.at.web())
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}

	return nil
}

// push commits the files to the branch, and gives the commit.
func (c *Client) push(ctx context.Context, p provider.Proposal) (string, error) {
	commit := pushCommit{Comment: p.Message}
	for _, f := range p.Files {
		ch := change{ChangeType: "add"}
		ch.Item.Path = "/" + f.Path
		ch.NewContent.Content = base64.StdEncoding.EncodeToString(f.Content)
		ch.NewContent.ContentType = "base64encoded" // so that no line's end is changed
		commit.Changes = append(commit.Changes, ch)
	}

	sent := push{RefUpdates: []refUpdate{{Name: heads + p.Branch, OldObjectID: string(p.BaseSHA)}}, Commits: []pushCommit{commit}}
	var got push
	if err := c.call(ctx, http.MethodPost, c.at.ofRepository("pushes"), sent, &got); err != nil {
		return "", err
	}

	if len(got.RefUpdates) == 1 {
		if head, err := object.ParseID(got.RefUpdates[0].NewObjectID); err == nil {
			return head.String(), nil
		}
	}

	return "", lockstep.Errorf(lockstep.Unavailable, "%s does not say which commit it has made.", c.at.web())
}

// open makes the pull request.
func (c *Client) open(ctx context.Context, p provider.Proposal) (int64, error) {
	var got pullRequest
	err := c.call(ctx, http.MethodPost, c.at.ofRepository("pullrequests"), map[string]string{
		"sourceRefName": heads + p.Branch, "targetRefName": heads + p.Base,
		"title": lockstep.Truncate(p.Title, maxTitle), "description": lockstep.Truncate(p.Body, maxDescription),
	}, &got)
	if err == nil && got.PullRequestID <= 0 {
		err = lockstep.Errorf(lockstep.Unavailable, "%s does not say which pull request it has opened.", c.at.web())
	}
	return got.PullRequestID, err
}

// move makes, moves or deletes a branch. Azure answers 200 for what it refused.
func (c *Client) move(ctx context.Context, u refUpdate) error {
	var got list[struct {
		Success      bool   `json:"success"`
		UpdateStatus string `json:"updateStatus"`
	}]
	if err := c.call(ctx, http.MethodPost, c.at.ofRepository("refs"), []refUpdate{u}, &got); err != nil {
		return err
	}
	if len(got.Value) != 1 {
		return lockstep.Errorf(lockstep.Unavailable, "%s does not say what became of branch %s.", c.at.web(), strings.TrimPrefix(u.Name, heads))
	}

	if got.Value[0].Success {
		return nil
	}

	why := got.Value[0].UpdateStatus
	kind, ok := refusals()[why]
	if !ok {
		kind, why = lockstep.Invalid, "for a reason of its own" // which may repeat anything
	}

	return lockstep.Errorf(kind, "%s refuses to change branch %s: %s.", c.at.web(), strings.TrimPrefix(u.Name, heads), why)
}

// refusals are why a branch is not changed, with who has to act.
func refusals() map[string]lockstep.Kind {
	return map[string]lockstep.Kind{
		"staleOldObjectId":               lockstep.Exists, // it is not where it was, or not nowhere
		"refNameConflict":                lockstep.Exists, // a part of its name is a branch
		"unresolvableToCommit":           lockstep.NotFound,
		"writePermissionRequired":        lockstep.Denied,
		"createBranchPermissionRequired": lockstep.Denied,
		"rejectedByPlugin":               lockstep.Denied,
		"rejectedByPolicy":               lockstep.Denied,
		"locked":                         lockstep.Denied,
		"invalidRefName":                 lockstep.Invalid,
	}
}
