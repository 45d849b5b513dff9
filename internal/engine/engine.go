package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Options configure an Engine. All fields but OnProbe are required.
type Options struct {
	DB           *db.DB
	Queue        *queue.Queue
	Repositories *repository.Repositories
	Targets      []target.Driver
	Reporter     *commitstatus.Reporter
	// EncodeStatus encodes the response to a status request, which is stored with
	// the resource.
	EncodeStatus func(lockstep.ResourceSync) ([]byte, error)
	// OnProbe is called with the result of each probe of a link's repository that
	// failed, and of the first one that succeeds after it, with a nil cause. It is the
	// last statement of the transaction that records the probe.
	OnProbe func(tx *db.Tx, linkID string, cause error) error
	// AllowRewinds syncs a head that does not descend from the commit that was applied
	// last, though the resource has a signature policy.
	AllowRewinds bool
	// Retention is which ended attempts are kept. The zero value keeps all.
	Retention Retention
	Log       *slog.Logger
}

// An Engine carries out syncs. It is safe for concurrent use; any number of them may
// work on one PostgreSQL database.
type Engine struct {
	db           *db.DB
	queue        *queue.Queue
	repositories *repository.Repositories
	targets      map[lockstep.SyncType]target.Driver
	reporter     *commitstatus.Reporter
	encodeStatus func(lockstep.ResourceSync) ([]byte, error)
	onProbe      func(tx *db.Tx, linkID string, cause error) error
	allowRewinds bool
	retention    Retention
	log          *slog.Logger
}

// repositoryTimeout bounds one repository sync: reading a head and the files of
// every configuration.
const repositoryTimeout = 5 * time.Minute

// repositoryJob wakes the worker of a branch.
type repositoryJob struct {
	LinkID string `json:"link"`
	Branch string `json:"branch"`
}

// Kind returns the kind of the job.
func (repositoryJob) Kind() string { return "repository_sync" }

// resourceJob wakes the worker of a resource.
type resourceJob struct {
	ResourceID int64 `json:"resource"`
}

// Kind returns the kind of the job.
func (resourceJob) Kind() string { return "resource_sync" }

// New returns an Engine and registers its jobs with the queue, which must not have
// been started.
func New(options Options) *Engine {
	engine := &Engine{
		db:           options.DB,
		queue:        options.Queue,
		repositories: options.Repositories,
		targets:      make(map[lockstep.SyncType]target.Driver, len(options.Targets)),
		reporter:     options.Reporter,
		encodeStatus: options.EncodeStatus,
		onProbe:      options.OnProbe,
		allowRewinds: options.AllowRewinds,
		retention:    options.Retention,
		log:          options.Log.With(slog.String("component", "engine")),
	}
	if engine.onProbe == nil {
		engine.onProbe = func(*db.Tx, string, error) error { return nil }
	}
	for _, driver := range options.Targets {
		engine.targets[driver.Type()] = driver
	}

	queue.Handle(options.Queue, repositoryTimeout, engine.syncRepository)
	queue.Handle(options.Queue, worker.TurnTimeout, engine.syncResource)

	return engine
}

// TargetDriver returns the driver of a sync type. If the server has none, the error
// is Invalid.
func (e *Engine) TargetDriver(syncType lockstep.SyncType) (target.Driver, error) {
	driver, ok := e.targets[syncType]
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid, "This server has no target for sync type %s.", syncType)
	}
	return driver, nil
}

// Sweep wakes, every minute, the syncs that are overdue, so that a lost job costs a
// minute and not the sync. Every hour it also deletes the attempts that the retention
// does not keep. It returns when ctx ends.
func (e *Engine) Sweep(ctx context.Context) {
	var pruned time.Time
	queue.Sweep(ctx, e.log, func(ctx context.Context) error {
		if err := e.db.Update(ctx, e.sweep); err != nil {
			return err
		}
		if err := e.db.TruncateLog(ctx); err != nil || time.Since(pruned) < pruneInterval {
			return err
		}

		pruned = time.Now()
		return e.prune(ctx)
	})
}

func (e *Engine) sweep(tx *db.Tx) error {
	branches, err := syncstate.OverdueRepositorySyncs(tx, worker.SweepBatch)
	if err != nil {
		return err
	}

	toRepositoryJob := func(key syncstate.BranchKey) repositoryJob { return repositoryJob(key) }
	if err := queue.WakeAll(e.queue, tx, branches, toRepositoryJob); err != nil {
		return err
	}

	resources, err := syncstate.OverdueResources(tx, worker.SweepBatch)
	if err != nil {
		return err
	}
	return queue.WakeAll(e.queue, tx, resources, func(id int64) resourceJob { return resourceJob{ResourceID: id} })
}
