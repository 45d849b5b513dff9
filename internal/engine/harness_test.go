package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/commitstatus"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/queue/queuetest"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
	"github.com/lockstephq/lockstep/internal/target"
)

// tick is how often the queue and a waiting test look.
const tick = 200 * time.Millisecond

// A world is an engine over a real database, with a Git host and a target that
// a test scripts.
type world struct {
	t            *testing.T
	db           *db.DB
	queue        *queue.Queue
	engine       *engine.Engine
	repositories *repository.Repositories
	reporter     *commitstatus.Reporter
	host         *gitHost
	target       *scripted
	others       []target.Driver // beside target
	link         lockstep.RepositoryLink

	stop       func()              // ends the engine that was started last
	credential lockstep.Credential // what every connection holds

	mu  sync.Mutex
	met []error // what looks came to, as connections are told
}

// meets notes what a look came to.
func (w *world) meets(_ *db.Tx, _ string, cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.met = append(w.met, cause)
	return nil
}

// inBubble runs f in a world of its own on both databases, in fake time.
func inBubble(t *testing.T, f func(w *world)) {
	queuetest.Bubble(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

// skipShort leaves out, with -short, what goes on for hours or takes hundreds of
// stacks: under the race detector that costs minutes.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a long time, or many stacks")
	}
}

// inSQLite is inBubble for what no SQL decides.
func inSQLite(t *testing.T, f func(w *world)) {
	queuetest.BubbleOn(t, db.SQLite, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	w := &world{t: t, db: d, host: newGitHost(), target: newScripted(),
		credential: lockstep.Credential{Kind: lockstep.NoCredential}}
	w.start()
	conn := lockstep.Connection{ARN: "arn:aws:codeconnections:us-east-1:123456789012:connection/c", Account: "123456789012",
		Region: "us-east-1", Name: "c", ProviderType: "Git", Status: lockstep.ConnectionAvailable}
	w.link = lockstep.RepositoryLink{ID: "link", ARN: "arn:link", Account: conn.Account, Region: conn.Region,
		ConnectionARN: conn.ARN, OwnerID: "acme", RepositoryName: "infra", ProviderType: "Git"}
	w.update(func(tx *db.Tx) error {
		return errors.Join(store.InsertConnection(tx, &conn), store.InsertLink(tx, &w.link))
	})
	return w
}

// start begins to work; stop, or the test's end, ends it.
func (w *world) start() {
	log := slog.New(slog.DiscardHandler)
	w.queue = queue.New(queue.Options{DB: w.db, Log: log, PollOnly: true, Workers: 10, PollInterval: tick, Exclusive: true})
	services := enginetest.New(enginetest.Options{
		DB:             w.db,
		Queue:          w.queue,
		Providers:      []provider.Driver{w.host},
		Targets:        append(w.others, w.target),
		OpenCredential: func(*db.Tx, lockstep.ARN) (lockstep.Credential, error) { return w.credential, nil },
		CommitURL: func(linkID string, sha lockstep.SHA, environment string) string {
			return "https://lockstep.example/" + linkID + "/" + string(sha) + "/" + environment
		},
		OnProbe: w.meets,
	})

	w.engine, w.repositories, w.reporter = services.Engine, services.Repositories, services.Reporter
	ctx := context.Background()
	w.must(w.queue.Migrate(ctx))
	w.must(w.queue.Start(ctx))
	q, r := w.queue, w.repositories
	w.stop = sync.OnceFunc(func() {
		w.must(q.Stop(context.Background()))
		r.Close()
	})
	w.t.Cleanup(w.stop)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(f func(tx *db.Tx) error) {
	w.t.Helper()
	w.must(w.db.Update(context.Background(), f))
}

// configure makes a configuration that follows main with a file of its name.
func (w *world) configure(name string, change ...func(*lockstep.SyncConfiguration)) lockstep.SyncConfiguration {
	w.t.Helper()
	cfg := lockstep.SyncConfiguration{Account: w.link.Account, Region: w.link.Region, SyncType: "TEST_SYNC",
		ResourceName: name, LinkID: w.link.ID, Branch: "main", ConfigFile: name + ".yaml", RoleARN: "arn:role"}
	for _, f := range change {
		f(&cfg)
	}

	w.update(func(tx *db.Tx) error {
		if err := store.InsertConfiguration(tx, &cfg); err != nil {
			return err
		}
		return w.engine.AttachConfiguration(tx, cfg)
	})

	return cfg
}

// push commits files to main and lets the engine know, as a poll would.
func (w *world) push(files map[string]string) lockstep.SHA {
	w.t.Helper()
	sha := w.host.push("main", files)
	w.update(func(tx *db.Tx) error { return w.engine.RecordHead(tx, w.link.ID, "main", sha) })
	return sha
}

// status reads what a status read would answer.
func (w *world) status(cfg lockstep.SyncConfiguration) (s lockstep.ResourceSync) {
	w.t.Helper()
	w.must(w.db.View(context.Background(), func(tx *db.Tx) error {
		document, err := syncstate.StatusDocument(tx, cfg.Resource())
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		if err != nil {
			return err
		}

		return json.Unmarshal(document, &s)
	}))

	return s
}

// until waits, in fake time and at most an hour of it, for a condition.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(tick) {
		if done() {
			return
		}
	}
	w.t.Fatalf("not within an hour: %s", what)
}

func (w *world) untilStatus(cfg lockstep.SyncConfiguration, want lockstep.ResourceSyncStatus, sha lockstep.SHA) lockstep.ResourceSync {
	w.t.Helper()
	var s lockstep.ResourceSync
	w.until(fmt.Sprintf("%s %s at %s", cfg.ResourceName, want, sha.Short()), func() bool {
		s = w.status(cfg)
		return s.LatestSync != nil && s.LatestSync.Status == want && s.LatestSync.TargetRevision.SHA == sha
	})
	return s
}

func (w *world) repository() lockstep.RepositorySyncAttempt {
	w.t.Helper()
	var a lockstep.RepositorySyncAttempt
	w.must(w.db.View(context.Background(), func(tx *db.Tx) (err error) {
		a, err = syncstate.LatestRepositorySync(tx, w.link.ID, "main")
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		return err
	}))
	return a
}

// count gives a number from the database.
func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.db.View(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) }))
	return n
}

// retry asks for the latest commit of a configuration again.
func (w *world) retry(cfg lockstep.SyncConfiguration) {
	w.t.Helper()
	w.update(func(tx *db.Tx) error { return w.engine.Retry(tx, cfg) })
}

// deconfigure deletes a configuration.
func (w *world) deconfigure(cfg lockstep.SyncConfiguration) {
	w.t.Helper()
	w.update(func(tx *db.Tx) error {
		return errors.Join(w.engine.DetachConfiguration(tx, cfg), store.DeleteConfiguration(tx, cfg.ID))
	})
}

// reconfigure writes what f changed of a configuration.
func (w *world) reconfigure(cfg *lockstep.SyncConfiguration, f func(*lockstep.SyncConfiguration)) {
	w.t.Helper()
	f(cfg)
	w.update(func(tx *db.Tx) error {
		return errors.Join(store.UpdateConfiguration(tx, cfg), w.engine.AttachConfiguration(tx, *cfg))
	})
}

// handled asks what became of a commit.
func (w *world) handled(cfg lockstep.SyncConfiguration, sha lockstep.SHA) engine.RevisionStatus {
	w.t.Helper()
	h, err := w.engine.RevisionStatus(w.t.Context(), cfg, sha)
	w.must(err)
	return h
}

// blocker gives the active blocker of a configuration's resource.
func (w *world) blocker(cfg lockstep.SyncConfiguration) (b lockstep.Blocker, blocked bool) {
	w.t.Helper()
	w.must(w.db.View(context.Background(), func(tx *db.Tx) error {
		s, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		b, blocked, err = syncstate.ActiveBlocker(tx, s.ID)
		return err
	}))
	return b, blocked
}

// running gives the attempt that runs for a configuration's resource.
func (w *world) running(cfg lockstep.SyncConfiguration) (a syncstate.ResourceAttempt, running bool) {
	w.t.Helper()
	w.must(w.db.View(context.Background(), func(tx *db.Tx) error {
		s, err := syncstate.ResourceByName(tx, cfg.Resource())
		if err != nil {
			return err
		}
		a, running, err = syncstate.RunningAttempt(tx, s.ID)
		return err
	}))
	return a, running
}

// types gives the types of events, in order.
func types(events []lockstep.Event) []string {
	var list []string
	for _, ev := range events {
		list = append(list, ev.Type)
	}
	return list
}
