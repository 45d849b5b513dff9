package enginetest

import (
	"encoding/json"
	"log/slog"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// Options configure Services. DB and Queue are required.
type Options struct {
	DB        *db.DB
	Queue     *queue.Queue
	Providers []provider.Driver
	Targets   []target.Driver
	// OpenCredential defaults to one of no kind for every connection.
	OpenCredential func(tx *db.Tx, connection lockstep.ARN) (lockstep.Credential, error)
	CommitURL      func(linkID string, sha lockstep.SHA, environment string) string
	OnProbe        func(tx *db.Tx, linkID string, cause error) error
	AllowRewinds   bool
	Retention      syncstate.Retention
	JobsPerHost    int // 0 for no limit
	// Log defaults to none.
	Log *slog.Logger
}

// Services are an engine and the packages it works with.
type Services struct {
	Repositories *repository.Repositories
	Reporter     *commitstatus.Reporter
	Engine       *engine.Engine
}

// New returns Services whose jobs are registered with the queue. Status documents are
// plain JSON.
func New(options Options) Services {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.OpenCredential == nil {
		options.OpenCredential = func(*db.Tx, lockstep.ARN) (lockstep.Credential, error) {
			return lockstep.Credential{Kind: lockstep.NoCredential}, nil
		}
	}

	repositories := repository.New(repository.Options{
		DB:             options.DB,
		Providers:      options.Providers,
		Targets:        options.Targets,
		OpenCredential: options.OpenCredential,
		JobsPerHost:    options.JobsPerHost,
	})
	reporter := commitstatus.New(commitstatus.Options{
		DB:           options.DB,
		Queue:        options.Queue,
		Repositories: repositories,
		Log:          options.Log,
		CommitURL:    options.CommitURL,
	})
	return Services{
		Repositories: repositories,
		Reporter:     reporter,
		Engine: engine.New(engine.Options{
			DB:           options.DB,
			Queue:        options.Queue,
			Repositories: repositories,
			Targets:      options.Targets,
			Reporter:     reporter,
			EncodeStatus: func(status lockstep.ResourceSync) ([]byte, error) { return json.Marshal(status) },
			OnProbe:      options.OnProbe,
			AllowRewinds: options.AllowRewinds,
			Retention:    options.Retention,
			Log:          options.Log,
		}),
	}
}
