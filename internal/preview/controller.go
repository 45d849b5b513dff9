package preview

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Options configure a Controller. All but AllowForks are required.
type Options struct {
	DB           *db.DB
	Queue        *queue.Queue
	Engine       *engine.Engine
	Repositories *repository.Repositories
	Log          *slog.Logger
	// AllowForks previews pull requests from forks. Anyone who can open one then
	// makes CloudFormation create change sets from their templates: it reads what
	// these refer to and runs the macros that they name. Defaults to false.
	AllowForks bool
	// OnFailure is called in the transaction that records that a Git host has not
	// accepted a comment. Defaults to nothing.
	OnFailure func(tx *db.Tx, linkID string, cause error) error
}

// A Controller keeps the previews and comments of pull requests up to date. It is
// safe for concurrent use; several nodes may share one PostgreSQL database.
type Controller struct {
	db           *db.DB
	queue        *queue.Queue
	engine       *engine.Engine
	repositories *repository.Repositories
	forks        bool
	onFailure    func(tx *db.Tx, linkID string, cause error) error
	log          *slog.Logger
}

// The arguments of the jobs, which only name a row.
type (
	listingArgs struct {
		LinkID string `json:"link"`
		Branch string `json:"branch"`
	}
	previewArgs struct {
		ResourceID int64 `json:"resource"`
	}
	commentArgs struct {
		PullRequestID int64 `json:"pull_request"`
	}
)

// Kind names the job.
func (listingArgs) Kind() string { return "pull_requests" }

// Kind names the job.
func (previewArgs) Kind() string { return "preview" }

// Kind names the job.
func (commentArgs) Kind() string { return "preview_comment" }

// LowPriority keeps syncs from waiting for it.
func (listingArgs) LowPriority() {}

// LowPriority keeps syncs from waiting for it.
func (previewArgs) LowPriority() {}

// LowPriority keeps syncs from waiting for it.
func (commentArgs) LowPriority() {}

const (
	// listTimeout bounds one listing of a branch's pull requests, including the
	// reading of their heads.
	listTimeout = 5 * time.Minute
	// commentTimeout bounds one request that creates or edits a comment.
	commentTimeout = time.Minute
)

// New returns a controller and registers its jobs with the queue, which must not
// have been started.
func New(options Options) *Controller {
	controller := &Controller{
		db:           options.DB,
		queue:        options.Queue,
		engine:       options.Engine,
		repositories: options.Repositories,
		forks:        options.AllowForks,
		onFailure:    options.OnFailure,
		log:          options.Log.With(slog.String("component", "preview")),
	}
	if controller.onFailure == nil {
		controller.onFailure = func(*db.Tx, string, error) error { return nil }
	}
	queue.Handle(options.Queue, listTimeout, controller.list)
	queue.Handle(options.Queue, worker.TurnTimeout, controller.runTurn)
	queue.Handle(options.Queue, commentTimeout+worker.StepTimeout, controller.comment)
	return controller
}

// Refresh lists the pull requests of a link's branches with configurations that
// request comments.
func (c *Controller) Refresh(tx *db.Tx, linkID string) error {
	branches, err := syncstate.PreviewedBranches(tx, linkID)
	if err != nil {
		return err
	}

	for _, branch := range branches {
		if err := syncstate.ScheduleListing(tx, linkID, branch, tx.Now); err != nil {
			return err
		}
		if err := c.queue.Wake(tx, listingArgs{linkID, branch}, tx.Now); err != nil {
			return err
		}
	}

	return nil
}

// Sweep wakes overdue work every minute, in case its jobs were lost, and finds
// configurations that now request comments. It returns when ctx ends.
func (c *Controller) Sweep(ctx context.Context) {
	queue.Sweep(ctx, c.log, func(ctx context.Context) error { return c.db.Update(ctx, c.sweep) })
}

func (c *Controller) sweep(tx *db.Tx) error {
	if err := syncstate.DeleteFinishedPreviews(tx); err != nil {
		return err
	}

	branches, err := syncstate.BranchesDueForListing(tx, worker.SweepBatch)
	if err != nil {
		return err
	}

	resources, err := syncstate.OverduePreviews(tx, worker.SweepBatch)
	if err != nil {
		return err
	}

	comments, err := syncstate.DueComments(tx, worker.SweepBatch)
	if err != nil {
		return err
	}

	var due []queue.Args
	for _, b := range branches {
		due = append(due, listingArgs(b))
	}

	for _, id := range resources {
		due = append(due, previewArgs{id})
	}

	for _, id := range comments {
		due = append(due, commentArgs{id})
	}

	for _, args := range due {
		if err := c.queue.Wake(tx, args, tx.Now); err != nil {
			return err
		}
	}

	return nil
}
