package engine

import (
	"log/slog"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/worker"
)

// Options are what an engine needs.
type Options struct {
	DB        *db.DB
	Queue     *queue.Queue
	Providers []provider.Driver
	Targets   []target.Driver
	// Credential opens what a connection holds.
	Credential func(tx *db.Tx, connection lockstep.ARN) (lockstep.Credential, error)
	// OnProbe is told, in the transaction that records it and as its last statement,
	// what came of a look at a link's repository: why it failed, or nil where it
	// works again. Defaults to nobody.
	OnProbe func(tx *db.Tx, linkID string, cause error) error
	// EncodeStatus makes the answer to a status read, which is kept with the resource.
	EncodeStatus func(lockstep.ResourceSync) ([]byte, error)
	Log          *slog.Logger
	// CommitURL says where a person reads more about a commit in an environment;
	// "" is nowhere. Defaults to nowhere.
	CommitURL func(linkID string, sha lockstep.SHA, environment string) string
}

// An Engine carries syncs out. It is safe for concurrent use; any number of
// them may work on one PostgreSQL.
type Engine struct {
	db           *db.DB
	queue        *queue.Queue
	targets      map[lockstep.SyncType]target.Driver
	repositories *repositories
	encodeStatus func(lockstep.ResourceSync) ([]byte, error)
	commitURL    func(linkID string, sha lockstep.SHA, environment string) string
	onProbe      func(tx *db.Tx, linkID string, cause error) error
	log          *slog.Logger
}

// repositoryTimeout bounds one repository sync: reading a head and the files of
// every configuration.
const repositoryTimeout = 5 * time.Minute

// New makes an engine and registers its work with the queue, which must not
// have been started.
func New(o Options) *Engine {
	e := &Engine{
		db:           o.DB,
		queue:        o.Queue,
		targets:      make(map[lockstep.SyncType]target.Driver, len(o.Targets)),
		repositories: newRepositories(o.DB, o.Providers, o.Credential),
		encodeStatus: o.EncodeStatus,
		commitURL:    o.CommitURL,
		onProbe:      o.OnProbe,
		log:          o.Log.With(slog.String("room", "engine")),
	}
	if e.commitURL == nil {
		e.commitURL = func(string, lockstep.SHA, string) string { return "" }
	}

	for _, d := range o.Targets {
		e.targets[d.Type()] = d
	}

	queue.Handle(o.Queue, repositoryTimeout, e.syncRepository)
	queue.Handle(o.Queue, worker.TurnTimeout, e.syncResource)
	queue.Handle(o.Queue, worker.TurnTimeout, e.reportCommits)

	return e
}

// Close lets go of the connections to Git hosts.
func (e *Engine) Close() { e.repositories.close() }

// Target gives the driver of a sync type. Invalid where the server has none.
func (e *Engine) Target(t lockstep.SyncType) (target.Driver, error) { return e.driver(t) }

// driver gives the target driver of a sync type.
func (e *Engine) driver(t lockstep.SyncType) (target.Driver, error) {
	d, ok := e.targets[t]
	if !ok {
		return nil, lockstep.Errorf(lockstep.Invalid, "This server has no target for sync type %s.", t)
	}
	return d, nil
}
