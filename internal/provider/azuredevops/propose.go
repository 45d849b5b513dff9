package azuredevops

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/gitwire/object"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/provider/gitremote"
	"github.com/lockstephq/lockstep/internal/provider/rest"
)

const (
	// noCommit is the commit of a branch that does not exist.
	noCommit = "0000000000000000000000000000000000000000"

	maxTitle       = 400   // characters of a pull request's title
	maxDescription = 4_000 // of its description
)

// A refUpdate moves a branch, if it is still at the old commit.
type refUpdate struct {
	Name        string `json:"name"`
	OldObjectID string `json:"oldObjectId"`
	NewObjectID string `json:"newObjectId,omitempty"`
}

// A push adds commits to a branch.
type push struct {
	RefUpdates []refUpdate  `json:"refUpdates"`
	Commits    []pushCommit `json:"commits,omitempty"`
}

type pushCommit struct {
	Comment string   `json:"comment"`
	Changes []change `json:"changes"`
}

type change struct {
	ChangeType string     `json:"changeType"`
	Item       item       `json:"item"`
	NewContent newContent `json:"newContent"`
}

type item struct {
	Path string `json:"path"`
}

type newContent struct {
	Content     string `json:"content"`
	ContentType string `json:"contentType"`
}

// Propose creates the branch, which fails if it exists, pushes one commit to it and opens a pull
// request. If one of the last two fails, it deletes the branch, unless it has moved.
func (c *client) Propose(ctx context.Context, proposal provider.Proposal) (provider.PullRequest, error) {
	if err := c.requireCredential(); err != nil {
		return provider.PullRequest{}, err
	}
	if err := c.RequireNew(ctx, proposal); err != nil {
		return provider.PullRequest{}, err
	}

	name := gitremote.BranchPrefix + proposal.Branch
	if err := c.updateRef(ctx, refUpdate{name, noCommit, string(proposal.BaseSHA)}); err != nil {
		return provider.PullRequest{}, err
	}

	head, err := c.createCommit(ctx, proposal)
	if err != nil {
		c.deleteBranch(ctx, name, string(proposal.BaseSHA))
		return provider.PullRequest{}, err
	}

	number, err := c.createPullRequest(ctx, proposal)
	if err != nil {
		c.deleteBranch(ctx, name, head)
		return provider.PullRequest{}, err
	}

	return provider.PullRequest{
		Number:     number,
		Title:      proposal.Title,
		Base:       proposal.Base,
		HeadBranch: proposal.Branch,
		Head:       lockstep.SHA(head),
		URL:        c.pageURL(number),
	}, nil
}

// deleteBranch deletes a branch unless it has moved. It reports no error, because the one that
// led here is more useful, and a second proposal says that the branch exists.
func (c *client) deleteBranch(ctx context.Context, name, head string) {
	ctx, cancel := rest.CleanupContext(ctx)
	defer cancel()

	_ = c.updateRef(ctx, refUpdate{name, head, noCommit})
}

// createCommit commits the files to the branch, and returns the commit.
func (c *client) createCommit(ctx context.Context, proposal provider.Proposal) (string, error) {
	commit := pushCommit{Comment: proposal.Message}
	for _, file := range proposal.Files {
		commit.Changes = append(commit.Changes, change{
			ChangeType: "add",
			Item:       item{Path: "/" + file.Path},
			NewContent: newContent{
				Content:     base64.StdEncoding.EncodeToString(file.Content),
				ContentType: "base64Encoded", // so that line endings stay as they are
			},
		})
	}

	request := push{
		RefUpdates: []refUpdate{{Name: gitremote.BranchPrefix + proposal.Branch,
			OldObjectID: string(proposal.BaseSHA)}},
		Commits: []pushCommit{commit},
	}
	var pushed push
	if err := c.call(ctx, http.MethodPost, c.at.repositoryPath("pushes"), request, &pushed); err != nil {
		return "", err
	}

	if len(pushed.RefUpdates) == 1 {
		if head, err := object.ParseID(pushed.RefUpdates[0].NewObjectID); err == nil {
			return head.String(), nil
		}
	}

	return "", lockstep.Errorf(lockstep.Unavailable, "%s did not return the ID of the commit that it created.",
		c.at.web())
}

// createPullRequest opens the pull request.
func (c *client) createPullRequest(ctx context.Context, proposal provider.Proposal) (int64, error) {
	var created pullRequest
	err := c.call(ctx, http.MethodPost, c.at.repositoryPath("pullrequests"), map[string]string{
		"sourceRefName": gitremote.BranchPrefix + proposal.Branch,
		"targetRefName": gitremote.BranchPrefix + proposal.Base,
		"title":         lockstep.Truncate(proposal.Title, maxTitle),
		"description":   lockstep.Truncate(proposal.Body, maxDescription),
	}, &created)
	if err == nil && created.PullRequestID <= 0 {
		err = lockstep.Errorf(lockstep.Unavailable,
			"%s did not return the number of the pull request that it opened.", c.at.web())
	}
	return created.PullRequestID, err
}

// updateRef creates, moves or deletes a branch. Azure answers 200 even if it refuses.
func (c *client) updateRef(ctx context.Context, update refUpdate) error {
	branch := strings.TrimPrefix(update.Name, gitremote.BranchPrefix)
	var results list[struct {
		Success      bool   `json:"success"`
		UpdateStatus string `json:"updateStatus"`
	}]
	if err := c.call(ctx, http.MethodPost, c.at.repositoryPath("refs"), []refUpdate{update}, &results); err != nil {
		return err
	}
	if len(results.Value) != 1 {
		return lockstep.Errorf(lockstep.Unavailable, "%s did not return the result for branch %s.", c.at.web(), branch)
	}

	result := results.Value[0]
	if result.Success {
		return nil
	}

	kind, ok := refusals[result.UpdateStatus]
	if !ok { // it may repeat anything
		return lockstep.Errorf(lockstep.Invalid, "%s refuses to change branch %s.", c.at.web(), branch)
	}

	return lockstep.Errorf(kind, "%s refuses to change branch %s: %s.", c.at.web(), branch, result.UpdateStatus)
}

// refusals are the statuses of refused updates, with the kind of error.
var refusals = map[string]lockstep.Kind{
	"staleOldObjectId":               lockstep.Exists, // it exists, or has moved
	"refNameConflict":                lockstep.Exists, // a part of its name is a branch
	"unresolvableToCommit":           lockstep.NotFound,
	"writePermissionRequired":        lockstep.Denied,
	"createBranchPermissionRequired": lockstep.Denied,
	"rejectedByPlugin":               lockstep.Denied,
	"rejectedByPolicy":               lockstep.Denied,
	"locked":                         lockstep.Denied,
	"invalidRefName":                 lockstep.Invalid,
}
