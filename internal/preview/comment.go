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
	// waitForAll is how long a comment waits for previews that are not planned yet:
	// most are within seconds, and one edit is better than many.
	waitForAll = time.Minute
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
	var d draft
	open := false
	err := p.db.Update(ctx, func(tx *db.Tx) (err error) {
		d, open, err = p.draft(tx, w)
		switch {
		case err != nil:
			return err
		case !open:
			return job.Complete(tx)
		case d.ready.After(tx.Now):
			open = false
			d.row.DueAt = d.ready
			if err := syncstate.SaveComment(tx, d.row.ID, d.row.Comment); err != nil {
				return err
			}

			return job.RescheduleAt(tx, d.ready)
		}

		return syncstate.SaveComment(tx, d.row.ID, d.row.Comment)
	})
	if err != nil || !open {
		return err
	}

	c, cause := d.row.Comment, error(nil)
	if len(d.page.Stacks) > 0 || c.ID != "" {
		putting, cancel := context.WithTimeout(ctx, commentTimeout)
		c, cause = p.put(putting, d)
		cancel()
	}

	if ctx.Err() != nil {
		return ctx.Err()
	}

	return p.db.Update(ctx, func(tx *db.Tx) error { return p.told(tx, job, d, c, cause) })
}

// draft reads what a comment is to say. It takes the comment on for a while: who
// makes it due meanwhile makes it due sooner than that.
func (p *Controller) draft(tx *db.Tx, w commentWork) (d draft, open bool, err error) {
	if d.row, open, err = syncstate.LockPullRequest(tx, w.PullRequestID); err != nil || !open {
		return d, false, err
	}
	if err := json.Unmarshal(d.row.Document, &d.pr); err != nil {
		return d, false, fmt.Errorf("decode pull request %d: %w", d.row.Number, err)
	}
	if d.pr.Fork && !p.forks { // it was let before; the next look forgets it
		return d, false, nil
	}

	previews, err := syncstate.PreviewsOf(tx, d.row.ID)
	if err != nil {
		return d, false, err
	}

	d.page = Comment{LinkID: d.row.LinkID, Branch: d.row.Branch, Head: d.row.Head, Fork: d.pr.Fork}
	for _, v := range previews {
		s := Stack{Resource: v.Configuration.Resource(), Pending: v.Result == nil}
		if s.Pending {
			if at := v.StartedAt.Add(waitForAll); at.After(d.ready) {
				d.ready = at
			}
			if at := d.row.UpdatedAt.Add(editInterval); at.After(d.ready) {
				d.ready = at
			}
		} else if err := json.Unmarshal(v.Result, &s.Result); err != nil {
			return d, false, fmt.Errorf("decode the result of %s: %w", v.ID, err)
		}

		d.page.Stacks = append(d.page.Stacks, s)
	}

	d.lease = tx.Now.Add(2 * (commentTimeout + worker.StepTimeout))
	d.row.DueAt = d.lease
	return d, true, nil
}

// put writes the comment, unless it says the same already.
func (p *Controller) put(ctx context.Context, d draft) (syncstate.Comment, error) {
	c := d.row.Comment
	repo, commenter, err := p.commenter(ctx, d.row.LinkID)
	if err != nil {
		return c, err
	}
	defer repo.Release()

	body := d.page.Markdown(commenter.MaxComment())
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	if hash == c.Hash && c.ID != "" {
		return c, nil
	}

	err = worker.Guard(func() error {
		id, err := commenter.PutComment(ctx, d.pr, provider.Comment{ID: c.ID, Marker: d.page.Marker(), Body: body})
		if err == nil {
			c.ID, c.Hash, c.UpdatedAt = id, hash, time.Now().UTC()
		}
		return err
	})

	return c, err
}

// told records what came of a comment, and says when it is looked at again.
func (p *Controller) told(tx *db.Tx, job *queue.Job, d draft, c syncstate.Comment, cause error) error {
	now, open, err := syncstate.LockPullRequest(tx, d.row.ID)
	if err != nil {
		return err
	}
	if !open {
		return job.Complete(tx)
	}

	c.Tries++
	decision := worker.Decide(cause, c.Tries)
	again := time.Time{}
	switch {
	case cause == nil:
		c.Tries = 0
		if !d.ready.IsZero() {
			again = tx.Now.Add(editInterval)
		}
	case decision.Retry:
		again = tx.Now.Add(max(decision.After, min(provider.Wait(cause), refusedInterval)))
	default: // until there is something else to say
		c.Tries = 0
	}

	if now.DueAt.Before(d.lease) { // it became due meanwhile
		again = tx.Now.Add(max(0, again.Sub(tx.Now)))
	}

	p.log.LogAttrs(tx.Context(), levelOf(cause), "comment", slog.String("link", d.row.LinkID), slog.Int64("number", d.row.Number),
		slog.Int("stacks", len(d.page.Stacks)), slog.Int64("try", c.Tries), slog.Any("err", cause))
	c.DueAt = again
	if err := syncstate.SaveComment(tx, d.row.ID, c); err != nil {
		return err
	}

	if again.IsZero() {
		return job.Complete(tx)
	}

	return job.RescheduleAt(tx, again)
}
