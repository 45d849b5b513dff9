package engine_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

// A world is an engine over a real database, with a Git host and a target that
// a test scripts.
type world struct {
	t      *testing.T
	db     *db.DB
	queue  *queue.Queue
	engine *engine.Engine
	host   *gitHost
	target *scripted
	link   lockstep.RepositoryLink
}

// inBubble runs f in a world of its own on both databases, in fake time.
func inBubble(t *testing.T, f func(w *world)) {
	dbtest.EachEngine(t, func(t *testing.T, on db.Dialect) {
		dbtest.URL(t, on) // starts the server outside of the bubble
		synctest.Test(t, func(t *testing.T) { f(newWorld(t, on)) })
	})
}

func newWorld(t *testing.T, on db.Dialect) *world {
	w := &world{t: t, db: dbtest.OpenOn(t, on, db.Schema()), host: newGitHost(), target: newScripted()}
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
	w.queue = queue.New(queue.Options{DB: w.db, Log: log, PollOnly: true, Workers: 10})
	w.engine = engine.New(engine.Options{
		DB: w.db, Queue: w.queue, Log: log, Encode: func(s lockstep.ResourceSync) ([]byte, error) { return json.Marshal(s) },
		Providers: []provider.Driver{w.host}, Targets: []target.Driver{w.target},
		Credential: func(*db.Tx, lockstep.ARN) (lockstep.Credential, error) {
			return lockstep.Credential{Kind: lockstep.NoCredential}, nil
		},
	})
	ctx := context.Background()
	w.must(w.queue.Migrate(ctx))
	w.must(w.queue.Start(ctx))
	w.t.Cleanup(sync.OnceFunc(w.stop))
}

func (w *world) stop() {
	w.must(w.queue.Stop(context.Background()))
	w.engine.Close()
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
		return w.engine.Configured(tx, cfg)
	})
	return cfg
}

// push commits files to main and lets the engine know, as a poll would.
func (w *world) push(files map[string]string) lockstep.SHA {
	w.t.Helper()
	sha := w.host.push("main", files)
	w.update(func(tx *db.Tx) error { return w.engine.Moved(tx, w.link.ID, "main", sha) })
	return sha
}

// status reads what a status read would answer.
func (w *world) status(cfg lockstep.SyncConfiguration) (s lockstep.ResourceSync) {
	w.t.Helper()
	w.must(w.db.View(context.Background(), func(tx *db.Tx) error {
		document, err := store.StatusDocument(tx, cfg.Resource())
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
	for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
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
		a, err = store.LatestRepositorySync(tx, w.link.ID, "main")
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

// gitHost is a provider whose repository is in memory.
type gitHost struct {
	mu      sync.Mutex
	heads   map[string]lockstep.SHA
	commits map[lockstep.SHA]fstest.MapFS
	down    error
	asked   int
}

func newGitHost() *gitHost {
	return &gitHost{heads: map[string]lockstep.SHA{}, commits: map[lockstep.SHA]fstest.MapFS{}}
}

func (h *gitHost) push(branch string, files map[string]string) lockstep.SHA {
	h.mu.Lock()
	defer h.mu.Unlock()
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	sum := sha1.Sum([]byte(fmt.Sprint(len(h.commits), files)))
	sha := lockstep.SHA(hex.EncodeToString(sum[:]))
	h.commits[sha], h.heads[branch] = tree, sha
	return sha
}

func (h *gitHost) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = err
}

func (h *gitHost) Type() lockstep.ProviderType                       { return "Git" }
func (h *gitHost) Open(provider.Repository) (provider.Client, error) { return h, nil }
func (h *gitHost) Close()                                            {}
func (h *gitHost) Heads(_ context.Context, branches []string) (map[string]lockstep.SHA, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.down != nil {
		return nil, h.down
	}
	heads := map[string]lockstep.SHA{}
	for _, b := range branches {
		if sha, ok := h.heads[b]; ok {
			heads[b] = sha
		}
	}
	return heads, nil
}

func (h *gitHost) Files(_ context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down != nil {
		return nil, h.down
	}
	return memoryTree{h.commits[sha]}, nil
}

type memoryTree struct{ fstest.MapFS }

func (t memoryTree) ObjectID(name string) (string, error) {
	b, err := fs.ReadFile(t.MapFS, name)
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:]), err
}

// scripted is a target whose steps a test writes. Its only input is the
// configuration's file.
type scripted struct {
	mu        sync.Mutex
	step      func(a target.Attempt) (target.Step, error)
	discarded []string
	steps     int
	most, now map[string]int // concurrent steps per resource
}

func newScripted() *scripted {
	s := &scripted{most: map[string]int{}, now: map[string]int{}}
	s.script(func(target.Attempt) (target.Step, error) {
		return target.Step{Events: []lockstep.Event{{Type: "DONE", Message: "Done."}}, End: &target.End{Outcome: lockstep.Applied}}, nil
	})
	return s
}

func (s *scripted) script(step func(a target.Attempt) (target.Step, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step = step
}

func (s *scripted) Type() lockstep.SyncType { return "TEST_SYNC" }

func (s *scripted) Plan(_ context.Context, cfg lockstep.SyncConfiguration, files lockstep.Tree) (target.Plan, error) {
	id, err := files.ObjectID(cfg.ConfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		return target.Plan{Inputs: target.Inputs{cfg.ConfigFile: lockstep.NoObject}}, lockstep.Errorf(lockstep.NotFound, "%s is not there.", cfg.ConfigFile)
	}
	return target.Plan{Inputs: target.Inputs{cfg.ConfigFile: id}}, err
}

func (s *scripted) Advance(ctx context.Context, a target.Attempt) (target.Step, error) {
	s.mu.Lock()
	name := a.Configuration.ResourceName
	s.steps++
	s.now[name]++
	s.most[name] = max(s.most[name], s.now[name])
	step := s.step
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now[name]--
	}()
	return step(a)
}

func (s *scripted) Discard(_ context.Context, a target.Attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discarded = append(s.discarded, a.ID)
	return nil
}
