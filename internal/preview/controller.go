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

// Options are what previews need.
type Options struct {
	DB           *db.DB
	Queue        *queue.Queue
	Engine       *engine.Engine
	Repositories *repository.Repositories
	Log          *slog.Logger
	// AllowForks lets pull requests from forks be previewed. Whoever can open one then
	// has change sets planned of templates of theirs: CloudFormation reads what
	// these refer to, and runs the macros that they name. Defaults to no.
	AllowForks bool
}

// Controller carries previews out. It is safe for concurrent use; any number of
// them may work on one PostgreSQL.
type Controller struct {
	db           *db.DB
	queue        *queue.Queue
	engine       *engine.Engine
	repositories *repository.Repositories
	forks        bool
	log          *slog.Logger
}

// The jobs. Their arguments name the thing alone.
type (
	pullRequestsWork struct {
		LinkID string `json:"link"`
		Branch string `json:"branch"`
	}
	previewWork struct {
		ResourceID int64 `json:"resource"`
	}
	commentWork struct {
		PullRequestID int64 `json:"pull_request"`
	}
)

// Kind names the job.
func (pullRequestsWork) Kind() string { return "pull_requests" }

// Kind names the job.
func (previewWork) Kind() string { return "preview" }

// Kind names the job.
func (commentWork) Kind() string { return "preview_comment" }

// LowPriority keeps syncs from waiting for it.
func (pullRequestsWork) LowPriority() {}

// LowPriority keeps syncs from waiting for it.
func (previewWork) LowPriority() {}

// LowPriority keeps syncs from waiting for it.
func (commentWork) LowPriority() {}

const (
	// listTimeout bounds one listing of a branch's pull requests and the reading of
	// their heads.
	listTimeout = 5 * time.Minute
	// commentTimeout bounds the putting of one comment.
	commentTimeout = time.Minute
)

// New makes previews and registers their work with the queue, which must not
// have been started.
func New(options Options) *Controller {
	controller := &Controller{db: options.DB, queue: options.Queue, engine: options.Engine, repositories: options.Repositories, forks: options.AllowForks, log: options.Log.With(slog.String("component", "preview"))}
	queue.Handle(options.Queue, listTimeout, controller.list)
	queue.Handle(options.Queue, worker.TurnTimeout, controller.runTurn)
	queue.Handle(options.Queue, commentTimeout+worker.StepTimeout, controller.comment)
	return controller
}

// Refresh has the pull requests of a link listed, where some configuration
// asks for comments on them.
func (p *Controller) Refresh(tx *db.Tx, linkID string) error {
	branches, err := syncstate.PreviewedBranches(tx, linkID)
	if err != nil {
		return err
	}

	for _, branch := range branches {
		if err := syncstate.ScheduleListing(tx, linkID, branch, tx.Now); err != nil {
			return err
		}
		if err := p.queue.Wake(tx, pullRequestsWork{linkID, branch}, tx.Now); err != nil {
			return err
		}
	}

	return nil
}

// Sweep wakes, each minute, whatever has open work whose time has come, and
// finds configurations that have come to ask for comments. It returns when ctx
// ends.
func (p *Controller) Sweep(ctx context.Context) {
	queue.Sweep(ctx, p.log, func(ctx context.Context) error { return p.db.Update(ctx, p.sweep) })
}

func (p *Controller) sweep(tx *db.Tx) error {
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
		due = append(due, pullRequestsWork(b))
	}

	for _, id := range resources {
		due = append(due, previewWork{id})
	}

	for _, id := range comments {
		due = append(due, commentWork{id})
	}

	for _, args := range due {
		if err := p.queue.Wake(tx, args, tx.Now); err != nil {
			return err
		}
	}

	return nil
}
