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
	// maxCommentDelay is how long a comment waits for previews that are not planned yet:
	// most are within seconds, and one edit is better than many.
	maxCommentDelay = time.Minute
	// editInterval is the least time between two edits while some are not.
	editInterval = 30 * time.Second
)

// A draft is what a comment is to say, and what it said.
type draft struct {
	row   syncstate.PullRequest
	pr    provider.PullRequest
	page  Comment
	ready time.Time // not to be put before; zero where all is planned
	lease time.Time
}

// comment puts the comment on a pull request, if that has something to say that
// it did not.
func (p *Controller) comment(ctx context.Context, job *queue.Job, w commentWork) error {
	var draft draft
	open := false
	err := p.db.Update(ctx, func(tx *db.Tx) (err error) {
		draft, open, err = p.draft(tx, w)
		switch {
		case err != nil:
			return err
		case !open:
			return job.Complete(tx)
		case draft.ready.After(tx.Now):
			open = false
			draft.row.DueAt = draft.ready
			if err := syncstate.SaveComment(tx, draft.row.ID, draft.row.Comment); err != nil {
				return err
			}

			return job.RescheduleAt(tx, draft.ready)
		}

		return syncstate.SaveComment(tx, draft.row.ID, draft.row.Comment)
	})
	if err != nil || !open {
		return err
	}

	comment, cause := draft.row.Comment, error(nil)
	if len(draft.page.Stacks) > 0 || comment.ID != "" {
		putting, cancel := context.WithTimeout(ctx, commentTimeout)
		comment, cause = p.putComment(putting, draft)
		cancel()
	}

	if ctx.Err() != nil {
		return ctx.Err()
	}

	return p.db.Update(ctx, func(tx *db.Tx) error { return p.recordComment(tx, job, draft, comment, cause) })
}

// draft reads what a comment is to say. It takes the comment on for a while: who
// makes it due meanwhile makes it due sooner than that.
func (p *Controller) draft(tx *db.Tx, w commentWork) (draft draft, open bool, err error) {
	if draft.row, open, err = syncstate.LockPullRequest(tx, w.PullRequestID); err != nil || !open {
		return draft, false, err
	}
	if err := json.Unmarshal(draft.row.Document, &draft.pr); err != nil {
		return draft, false, fmt.Errorf("decode pull request %d: %w", draft.row.Number, err)
	}
	if draft.pr.Fork && !p.forks { // it was let before; the next look forgets it
		return draft, false, nil
	}

	previews, err := syncstate.PreviewsOf(tx, draft.row.ID)
	if err != nil {
		return draft, false, err
	}

	draft.page = Comment{LinkID: draft.row.LinkID, Branch: draft.row.Branch, Head: draft.row.Head, Fork: draft.pr.Fork}
	for _, preview := range previews {
		stack := Stack{Resource: preview.Configuration.Resource(), Pending: preview.Result == nil}
		if stack.Pending {
			if at := preview.StartedAt.Add(maxCommentDelay); at.After(draft.ready) {
				draft.ready = at
			}
			if at := draft.row.UpdatedAt.Add(editInterval); at.After(draft.ready) {
				draft.ready = at
			}
		} else if err := json.Unmarshal(preview.Result, &stack.Result); err != nil {
			return draft, false, fmt.Errorf("decode the result of %s: %w", preview.ID, err)
		}

		draft.page.Stacks = append(draft.page.Stacks, stack)
	}

	draft.lease = tx.Now.Add(2 * (commentTimeout + worker.StepTimeout))
	draft.row.DueAt = draft.lease
	return draft, true, nil
}

// putComment writes the comment, unless it says the same already.
func (p *Controller) putComment(ctx context.Context, draft draft) (syncstate.Comment, error) {
	comment := draft.row.Comment
	repo, commenter, err := p.commenter(ctx, draft.row.LinkID)
	if err != nil {
		return comment, err
	}
	defer repo.Release()

	body := draft.page.Markdown(commenter.MaxComment())
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if hash == comment.Hash && comment.ID != "" {
		return comment, nil
	}

	err = worker.Guard(func() error {
		id, err := commenter.PutComment(ctx, draft.pr, provider.Comment{ID: comment.ID, Marker: draft.page.Marker(), Body: body})
		if err == nil {
			comment.ID, comment.Hash, comment.UpdatedAt = id, hash, time.Now().UTC()
		}
		return err
	})

	return comment, err
}

// recordComment records what came of a comment, and says when it is looked at again.
func (p *Controller) recordComment(tx *db.Tx, job *queue.Job, draft draft, comment syncstate.Comment, cause error) error {
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
		if !draft.ready.IsZero() {
			again = tx.Now.Add(editInterval)
		}
	case decision.Retry:
		again = tx.Now.Add(max(decision.After, min(provider.RetryAfter(cause), blockedInterval)))
	default: // until there is something else to say
		comment.Tries = 0
	}

	if now.DueAt.Before(draft.lease) { // it became due meanwhile
		again = tx.Now.Add(max(0, again.Sub(tx.Now)))
	}

	p.log.LogAttrs(tx.Context(), logLevel(cause), "comment", slog.String("link", draft.row.LinkID), slog.Int64("number", draft.row.Number),
		slog.Int("stacks", len(draft.page.Stacks)), slog.Int64("try", comment.Tries), slog.Any("err", cause))
	comment.DueAt = again
	if err := syncstate.SaveComment(tx, draft.row.ID, comment); err != nil {
		return err
	}

	if again.IsZero() {
		return job.Complete(tx)
	}

	return job.RescheduleAt(tx, again)
}
