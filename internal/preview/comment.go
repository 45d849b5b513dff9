package preview

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

const (
	// maxCommentDelay is how long a comment waits for unfinished previews: most
	// take seconds, and one edit is better than many.
	maxCommentDelay = time.Minute
	// editInterval is the minimum time between two edits while some previews are
	// unfinished.
	editInterval = 30 * time.Second
)

// A commentDraft is the next version of a comment, with the current one.
type commentDraft struct {
	row         syncstate.PullRequest
	pullRequest provider.PullRequest
	content     Comment
	notBefore   time.Time // not before; zero if every preview is finished
	lease       time.Time
}

// comment creates or edits the comment on a pull request if it has changed.
func (c *Controller) comment(ctx context.Context, job *queue.Job, args commentArgs) error {
	var draft commentDraft
	open := false
	err := c.db.Update(ctx, func(tx *db.Tx) (err error) {
		draft, open, err = c.draft(tx, args)
		switch {
		case err != nil:
			return err
		case !open:
			return job.Complete(tx)
		case draft.notBefore.After(tx.Now):
			open = false
			draft.row.DueAt = draft.notBefore
			if err := syncstate.SaveComment(tx, draft.row.ID, draft.row.Comment); err != nil {
				return err
			}

			return job.RescheduleAt(tx, draft.notBefore)
		}

		return syncstate.SaveComment(tx, draft.row.ID, draft.row.Comment)
	})
	if err != nil || !open {
		return err
	}

	comment, cause := draft.row.Comment, error(nil)
	if len(draft.content.Stacks) > 0 || comment.ID != "" {
		putCtx, cancel := context.WithTimeout(ctx, commentTimeout)
		comment, cause = c.putComment(putCtx, draft)
		cancel()
	}

	if ctx.Err() != nil {
		return ctx.Err()
	}

	return c.db.Update(ctx, func(tx *db.Tx) error { return c.recordComment(tx, job, draft, comment, cause) })
}

// draft reads what a comment should say and postpones its next update. A request
// for an update meanwhile makes it due sooner.
func (c *Controller) draft(tx *db.Tx, args commentArgs) (draft commentDraft, open bool, err error) {
	if draft.row, open, err = syncstate.LockPullRequest(tx, args.PullRequestID); err != nil || !open {
		return draft, false, err
	}
	if err := json.Unmarshal(draft.row.Document, &draft.pullRequest); err != nil {
		return draft, false, fmt.Errorf("decode pull request %d: %w", draft.row.Number, err)
	}
	if draft.pullRequest.Fork && !c.forks { // it was allowed before; the next listing closes it
		return draft, false, nil
	}

	previews, err := syncstate.PreviewsOf(tx, draft.row.ID)
	if err != nil {
		return draft, false, err
	}

	draft.content = Comment{
		LinkID: draft.row.LinkID,
		Branch: draft.row.Branch,
		Head:   draft.row.Head,
		Fork:   draft.pullRequest.Fork,
	}
	for _, preview := range previews {
		stack := Stack{Resource: preview.Configuration.Resource(), Pending: preview.Result == nil}
		if stack.Pending {
			if at := preview.StartedAt.Add(maxCommentDelay); at.After(draft.notBefore) {
				draft.notBefore = at
			}
			if at := draft.row.UpdatedAt.Add(editInterval); at.After(draft.notBefore) {
				draft.notBefore = at
			}
		} else if err := json.Unmarshal(preview.Result, &stack.Result); err != nil {
			return draft, false, fmt.Errorf("decode the result of %s: %w", preview.ID, err)
		}

		draft.content.Stacks = append(draft.content.Stacks, stack)
	}

	draft.lease = tx.Now.Add(2 * (commentTimeout + worker.StepTimeout))
	draft.row.DueAt = draft.lease
	return draft, true, nil
}

// putComment creates or edits the comment unless it is unchanged.
func (c *Controller) putComment(ctx context.Context, draft commentDraft) (syncstate.Comment, error) {
	comment := draft.row.Comment
	repo, commenter, err := c.commenter(ctx, draft.row.LinkID)
	if err != nil {
		return comment, err
	}
	defer repo.Release()

	draft.content.HTML = repo.Metadata.CommentHTML
	body := draft.content.Markdown(commenter.MaxComment())
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if hash == comment.Hash && comment.ID != "" {
		return comment, nil
	}

	err = worker.Guard(func() error {
		id, err := commenter.PutComment(ctx, draft.pullRequest,
			provider.Comment{ID: comment.ID, Marker: draft.content.Marker(), Body: body})
		if err == nil {
			comment.ID, comment.Hash, comment.UpdatedAt = id, hash, time.Now().UTC()
		}
		return err
	})

	return comment, err
}

// recordComment records the result and schedules the next update.
func (c *Controller) recordComment(
	tx *db.Tx,
	job *queue.Job,
	draft commentDraft,
	comment syncstate.Comment,
	cause error,
) error {
	now, open, err := syncstate.LockPullRequest(tx, draft.row.ID)
	if err != nil {
		return err
	}
	if !open {
		return job.Complete(tx)
	}

	comment.Tries++
	decision := worker.Decide(cause, comment.Tries)
	again := time.Time{}
	switch {
	case cause == nil:
		comment.Tries = 0
		if !draft.notBefore.IsZero() {
			again = tx.Now.Add(editInterval)
		}
	case decision.Retry:
		again = tx.Now.Add(max(decision.After, min(provider.RetryAfter(cause), blockedInterval)))
	default: // until the comment changes
		comment.Tries = 0
	}

	if now.DueAt.Before(draft.lease) { // an update was requested meanwhile
		again = tx.Now.Add(max(0, again.Sub(tx.Now)))
	}

	c.log.LogAttrs(tx.Context(), logLevel(cause), "pull request comment", slog.String("link", draft.row.LinkID),
		slog.Int64("number", draft.row.Number),
		slog.Int("stacks", len(draft.content.Stacks)), slog.Int64("try", comment.Tries), slog.Any("err", cause))
	comment.DueAt = again
	if err := syncstate.SaveComment(tx, draft.row.ID, comment); err != nil {
		return err
	}

	if again.IsZero() {
		err = job.Complete(tx)
	} else {
		err = job.RescheduleAt(tx, again)
	}
	if err != nil || cause == nil {
		return err
	}

	return c.onFailure(tx, draft.row.LinkID, cause)
}
