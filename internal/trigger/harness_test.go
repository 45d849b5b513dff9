package trigger_test

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lockstephq/lockstep"
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
	"github.com/lockstephq/lockstep/internal/trigger"
)

// A world is an engine on a real database with a scripted Git host. The test starts
// the pollers.
type world struct {
	enginetest.Env
	engine       *engine.Engine
	repositories *repository.Repositories
	host         *gitHost

	mu           sync.Mutex
	probeResults []string // results of probes, as connections receive them
}

// recordProbe records the result of a probe.
func (w *world) recordProbe(_ *db.Tx, _ string, cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := "works again"
	if cause != nil {
		text = lockstep.Shown(cause)
	}
	w.probeResults = append(w.probeResults, text)
	return nil
}

// takeProbeResults returns the results since the last call.
func (w *world) takeProbeResults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	met := w.probeResults
	w.probeResults = nil
	return met
}

// runInBubble runs f with a world of its own on both databases, in fake time.
func runInBubble(t *testing.T, test func(w *world)) {
	queuetest.Bubble(t, func(t *testing.T, d *db.DB) { test(newWorld(t, d)) })
}

// runInSQLiteBubble is runInBubble on SQLite only, for tests that do not depend on
// SQL.
func runInSQLiteBubble(t *testing.T, test func(w *world)) {
	queuetest.BubbleOn(t, db.SQLite, func(t *testing.T, d *db.DB) { test(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	w := &world{Env: enginetest.Env{T: t, DB: d}, host: newGitHost()}
	log := slog.New(slog.DiscardHandler)
	jobs := queue.New(queue.Options{
		DB:           w.DB,
		Log:          log,
		PollOnly:     true,
		Workers:      4,
		PollInterval: enginetest.Tick,
	})
	services := enginetest.New(enginetest.Options{
		DB:        w.DB,
		Queue:     jobs,
		Providers: []provider.Driver{w.host},
		Targets:   []target.Driver{instantTarget{}},
		OnProbe:   w.recordProbe,
	})
	w.engine, w.repositories = services.Engine, services.Repositories

	ctx := context.Background()
	w.Must(jobs.Migrate(ctx))
	w.Must(jobs.Start(ctx))
	t.Cleanup(func() {
		w.Must(jobs.Stop(context.Background()))
		w.repositories.Close()
	})

	return w
}

// link creates a link over a connection.
func (w *world) link(connection, id string) lockstep.RepositoryLink {
	w.T.Helper()
	conn := lockstep.Connection{
		ARN:          lockstep.ARN("arn:aws:codeconnections:us-east-1:123456789012:connection/" + connection),
		Account:      "123456789012",
		Region:       "us-east-1",
		Name:         connection,
		ProviderType: "Git",
		Status:       lockstep.ConnectionAvailable,
	}
	host := lockstep.Host{
		ARN:          conn.ARN + "/host",
		Account:      conn.Account,
		Region:       conn.Region,
		Name:         connection,
		ProviderType: "Git",
		Endpoint:     "https://" + connection + ".example.com",
		Status:       lockstep.HostAvailable,
	}
	conn.HostARN = host.ARN
	link := lockstep.RepositoryLink{
		ID:             id,
		ARN:            lockstep.ARN("arn:" + id),
		Account:        conn.Account,
		Region:         conn.Region,
		ConnectionARN:  conn.ARN,
		OwnerID:        "acme",
		RepositoryName: id,
		ProviderType:   "Git",
	}
	w.Update(func(tx *db.Tx) error {
		if w.connectionExists(tx, conn.ARN) {
			return store.InsertLink(tx, &link)
		}
		return errors.Join(store.InsertHost(tx, &host), store.InsertConnection(tx, &conn),
			store.InsertLink(tx, &link))
	})

	return link
}

func (w *world) connectionExists(tx *db.Tx, arn lockstep.ARN) bool {
	_, err := store.ConnectionByARN(tx, arn)
	return err == nil
}

// track creates a configuration that tracks a link's main branch.
func (w *world) track(link lockstep.RepositoryLink) lockstep.SyncConfiguration {
	w.T.Helper()
	cfg := lockstep.SyncConfiguration{
		Account:      link.Account,
		Region:       link.Region,
		SyncType:     "TEST_SYNC",
		ResourceName: link.ID,
		LinkID:       link.ID,
		Branch:       "main",
		ConfigFile:   "web.yaml",
		RoleARN:      "arn:role",
	}
	w.Update(func(tx *db.Tx) error {
		return errors.Join(store.InsertConfiguration(tx, &cfg), w.engine.AttachConfiguration(tx, cfg))
	})
	return cfg
}

// untrack deletes a configuration.
func (w *world) untrack(cfg lockstep.SyncConfiguration) {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error {
		return errors.Join(w.engine.DetachConfiguration(tx, cfg), store.DeleteConfiguration(tx, cfg.ID))
	})
}

// startPoller runs a poller until stop is called, or the test ends.
func (w *world) startPoller(o trigger.PollerOptions) (stop func()) {
	o.DB, o.Engine, o.Repositories, o.Log = w.DB, w.engine, w.repositories, slog.New(slog.DiscardHandler)
	poller := trigger.NewPoller(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		poller.Run(ctx)
		close(done)
	}()
	stop = func() { cancel(); <-done }
	w.T.Cleanup(stop)
	return stop
}

// latestRepositorySync returns the latest repository sync of a link's main branch.
func (w *world) latestRepositorySync(link lockstep.RepositoryLink) (attempt lockstep.RepositorySyncAttempt) {
	w.T.Helper()
	w.Must(w.DB.View(context.Background(), func(tx *db.Tx) (err error) {
		attempt, err = syncstate.LatestRepositorySync(tx, link.ID, "main")
		if lockstep.KindOf(err) == lockstep.NotFound {
			return nil
		}
		return err
	}))
	return attempt
}

// A gitHost is a provider with repositories in memory, each with one commit per
// branch.
type gitHost struct {
	mu         sync.Mutex
	heads      map[string]map[string]lockstep.SHA // repository to branch to head
	failure    error
	failureOf  map[string]error         // by connection
	delay      time.Duration            // duration of every probe
	delayOf    map[string]time.Duration // by connection
	gate       chan struct{}            // blocks probes unless nil
	probes     map[string][]probe       // by repository
	running    map[string]int           // running probes, by repository and by connection
	maxRunning map[string]int
	commits    int
	panicsFor  string // the repository whose probes panic
}

// A probe is one call of Heads.
type probe struct {
	at       time.Time
	branches []string
}

func newGitHost() *gitHost {
	return &gitHost{
		heads:      map[string]map[string]lockstep.SHA{},
		probes:     map[string][]probe{},
		running:    map[string]int{},
		maxRunning: map[string]int{},
	}
}

func (h *gitHost) push(repository, branch string) lockstep.SHA {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commits++
	sum := sha1.Sum(fmt.Append(nil, repository, branch, h.commits))
	sha := lockstep.SHA(hex.EncodeToString(sum[:]))
	if h.heads[repository] == nil {
		h.heads[repository] = map[string]lockstep.SHA{}
	}
	h.heads[repository][branch] = sha
	return sha
}

func (h *gitHost) update(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// probesOf returns the probes of a repository so far.
func (h *gitHost) probesOf(repository string) []probe {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.probes[repository]
}

func (h *gitHost) Metadata() provider.Metadata { return provider.Metadata{Type: "Git"} }
func (h *gitHost) Open(of provider.Repository) (provider.Client, error) {
	return &gitClient{h, of.Link.RepositoryName, of.Connection.Name}, nil
}

type gitClient struct {
	*gitHost
	repository, connection string
}

func (c *gitClient) Close() {}

func (c *gitClient) Heads(ctx context.Context, branches []string) (map[string]lockstep.SHA, error) {
	c.mu.Lock()
	c.probes[c.repository] = append(c.probes[c.repository], probe{time.Now(), branches})
	keys := []string{"repository " + c.repository, "connection " + c.connection, "all"}
	for _, key := range keys {
		c.running[key]++
		c.maxRunning[key] = max(c.maxRunning[key], c.running[key])
	}

	gate, takes, poisoned := c.gate, max(c.delay, c.delayOf[c.connection]), c.panicsFor == c.repository
	c.mu.Unlock()
	if poisoned {
		panic("what the host sent breaks its driver")
	}

	err := wait(ctx, gate, takes)
	c.mu.Lock()
	defer c.mu.Unlock()

	for _, key := range keys {
		c.running[key]--
	}

	if err == nil {
		err = cmp.Or(c.failureOf[c.connection], c.failure)
	}

	if err != nil {
		return nil, err
	}

	heads := map[string]lockstep.SHA{}
	for _, b := range branches {
		if sha, ok := c.heads[c.repository][b]; ok {
			heads[b] = sha
		}
	}

	return heads, nil
}

func wait(ctx context.Context, gate chan struct{}, takes time.Duration) error {
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}

	select {
	case <-time.After(takes):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *gitClient) Files(_ context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	return commit{fstest.MapFS{"web.yaml": &fstest.MapFile{Data: []byte(sha)}}}, nil
}

type commit struct{ fstest.MapFS }

func (t commit) ObjectID(name string) (string, error) {
	b, err := t.ReadFile(name)
	sum := sha1.Sum(b)
	return hex.EncodeToString(sum[:]), err
}

// instantTarget is a target whose syncs succeed at once.
type instantTarget struct{}

func (instantTarget) Type() lockstep.SyncType { return "TEST_SYNC" }

func (instantTarget) ReadInputs(
	_ context.Context,
	cfg lockstep.SyncConfiguration,
	files lockstep.Tree,
) (target.Inputs, error) {
	id, err := files.ObjectID(cfg.ConfigFile)
	return target.Inputs{cfg.ConfigFile: id}, err
}

func (instantTarget) Advance(context.Context, target.Attempt) (target.Step, error) {
	return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
}

func (instantTarget) Discard(context.Context, target.Attempt) error { return nil }
