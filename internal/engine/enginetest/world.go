package enginetest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/queue/queuetest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// Tick is how often the queue and a waiting test look at the database.
const Tick = 200 * time.Millisecond

// StoredPrecision is the precision of times in the database: a job is due at the
// beginning of its millisecond.
const StoredPrecision = time.Millisecond

// Environment is the environment of the configurations that a World creates.
const Environment = "123456789012/us-east-1"

// A World is an engine over a real database, with a Git host and a target that the test
// scripts.
type World struct {
	Env
	Services
	Queue        *queue.Queue
	Host         *GitHost
	Target       *ScriptedTarget
	OtherTargets []target.Driver // besides Target, from the next Start on
	Link         lockstep.RepositoryLink
	Credential   lockstep.Credential // of every connection
	AllowRewinds bool                // from the next Start on
	Retention    syncstate.Retention // from the next Start on
	JobsPerHost  int                 // from the next Start on

	// Stop stops the engine that was started last.
	Stop func()

	Mu     sync.Mutex // guards Probes
	Probes []error    // results of probes, as connections get them
}

// InBubble runs f in a World of its own on SQLite and on PostgreSQL, in fake time.
func InBubble(t *testing.T, f func(w *World)) {
	queuetest.Bubble(t, func(t *testing.T, d *db.DB) { f(NewWorld(t, d)) })
}

// InSQLiteBubble is InBubble on SQLite alone, for what does not depend on SQL.
func InSQLiteBubble(t *testing.T, f func(w *World)) {
	queuetest.BubbleOn(t, db.SQLite, func(t *testing.T, d *db.DB) { f(NewWorld(t, d)) })
}

// SkipIfShort skips, with -short, tests of many hours or hundreds of stacks, which take
// minutes under the race detector.
func SkipIfShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a long time, or many stacks")
	}
}

// NewWorld returns a World with one link, whose engine is started.
func NewWorld(t *testing.T, d *db.DB) *World {
	w := &World{
		Env:        Env{T: t, DB: d},
		Host:       NewGitHost(),
		Target:     NewScriptedTarget(),
		Credential: lockstep.Credential{Kind: lockstep.NoCredential},
	}
	w.Start()

	connection := lockstep.Connection{
		ARN:          "arn:aws:codeconnections:us-east-1:123456789012:connection/c",
		Account:      "123456789012",
		Region:       "us-east-1",
		Name:         "c",
		ProviderType: "Git",
		Status:       lockstep.ConnectionAvailable,
	}
	w.Link = lockstep.RepositoryLink{
		ID:             "link",
		ARN:            "arn:link",
		Account:        connection.Account,
		Region:         connection.Region,
		ConnectionARN:  connection.ARN,
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
	}
	w.Update(func(tx *db.Tx) error {
		return errors.Join(store.InsertConnection(tx, &connection), store.InsertLink(tx, &w.Link))
	})

	return w
}

// Start starts the engine. It is stopped by Stop, or at the end of the test.
func (w *World) Start() {
	log := slog.New(slog.DiscardHandler)
	w.Queue = queue.New(queue.Options{
		DB:           w.DB,
		Log:          log,
		PollOnly:     true,
		Workers:      10,
		PollInterval: Tick,
		Exclusive:    true,
	})
	w.Services = New(Options{
		DB:             w.DB,
		Queue:          w.Queue,
		Providers:      []provider.Driver{w.Host},
		Targets:        append(w.OtherTargets, w.Target),
		OpenCredential: func(*db.Tx, lockstep.ARN) (lockstep.Credential, error) { return w.Credential, nil },
		CommitURL: func(linkID string, sha lockstep.SHA, environment string) string {
			return "https://lockstep.example/" + linkID + "/" + string(sha) + "/" + environment
		},
		OnProbe:      w.recordProbe,
		AllowRewinds: w.AllowRewinds,
		Retention:    w.Retention,
		JobsPerHost:  w.JobsPerHost,
	})

	ctx := context.Background()
	w.Must(w.Queue.Migrate(ctx))
	w.Must(w.Queue.Start(ctx))

	queue, repositories := w.Queue, w.Repositories
	w.Stop = sync.OnceFunc(func() {
		w.Must(queue.Stop(context.Background()))
		repositories.Close()
	})
	w.T.Cleanup(w.Stop)
}

// recordProbe adds the result of a probe to Probes.
func (w *World) recordProbe(_ *db.Tx, _ string, cause error) error {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Probes = append(w.Probes, cause)
	return nil
}
