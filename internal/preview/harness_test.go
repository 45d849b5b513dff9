package preview_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/preview"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/queue/queuetest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
)

// tick is how often the queue and a waiting test look.
const tick = 200 * time.Millisecond

// A world is an engine and previews over a real database, with a Git host and a
// target that a test scripts.
type world struct {
	t       *testing.T
	db      *db.DB
	host    *gitHost
	target  *scripted
	driver  target.Driver // in place of target, if not nil
	forks   bool
	engine  *engine.Engine
	preview *preview.Controller
	link    lockstep.RepositoryLink
	stop    func()
}

// inBubble runs f in a world of its own on both databases, in fake time.
func inBubble(t *testing.T, f func(w *world)) {
	queuetest.Bubble(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

// inSQLite is inBubble for what no SQL decides.
func inSQLite(t *testing.T, f func(w *world)) {
	queuetest.BubbleOn(t, db.SQLite, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	w := &world{
		t:      t,
		db:     d,
		host:   newGitHost(),
		target: newScripted(),
	}
	conn := lockstep.Connection{
		ARN:          "arn:aws:codeconnections:us-east-1:123456789012:connection/c",
		Account:      "123456789012",
		Region:       "us-east-1",
		Name:         "c",
		ProviderType: "Git",
		Status:       lockstep.ConnectionAvailable,
	}
	w.link = lockstep.RepositoryLink{
		ID:             "link",
		ARN:            "arn:link",
		Account:        conn.Account,
		Region:         conn.Region,
		ConnectionARN:  conn.ARN,
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
	}
	w.update(func(tx *db.Tx) error {
		return errors.Join(store.InsertConnection(tx, &conn), store.InsertLink(tx, &w.link))
	})
	return w
}

// start begins to work; stop, or the test's end, ends it.
func (w *world) start() {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	jobs := queue.New(queue.Options{
		DB:           w.db,
		Log:          log,
		PollOnly:     true,
		Workers:      10,
		PollInterval: tick,
		Exclusive:    true,
	})
	var driver target.Driver = w.target
	if w.driver != nil {
		driver = w.driver
	}

	services := enginetest.New(enginetest.Options{
		DB:        w.db,
		Queue:     jobs,
		Providers: []provider.Driver{w.host},
		Targets:   []target.Driver{driver},
	})
	w.engine = services.Engine
	w.preview = preview.New(preview.Options{
		DB:           w.db,
		Queue:        jobs,
		Engine:       w.engine,
		Repositories: services.Repositories,
		Log:          log,
		AllowForks:   w.forks,
	})
	w.must(jobs.Migrate(context.Background()))
	w.must(jobs.Start(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	var sweeps sync.WaitGroup
	sweeps.Go(func() { w.preview.Sweep(ctx) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		sweeps.Wait()
		w.must(jobs.Stop(context.Background()))
		services.Repositories.Close()
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

// configure makes a configuration that follows main with a file of its name and
// asks for comments.
func (w *world) configure(name string, change ...func(*lockstep.SyncConfiguration)) lockstep.SyncConfiguration {
	w.t.Helper()
	cfg := lockstep.SyncConfiguration{
		Account:            w.link.Account,
		Region:             w.link.Region,
		SyncType:           w.syncType(),
		ResourceName:       name,
		LinkID:             w.link.ID,
		Branch:             "main",
		ConfigFile:         name + ".yaml",
		RoleARN:            "arn:role",
		PullRequestComment: "ENABLED",
	}
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

func (w *world) syncType() lockstep.SyncType {
	if w.driver != nil {
		return w.driver.Type()
	}
	return w.target.Type()
}

// push commits files to main and lets the engine and the previews know, as a
// poll would.
func (w *world) push(files map[string]string) lockstep.SHA {
	w.t.Helper()
	sha := w.host.commit(files)
	w.host.set(func() { w.host.heads["main"] = sha })
	w.update(func(tx *db.Tx) error {
		return errors.Join(w.engine.RecordHead(tx, w.link.ID, "main", sha), w.preview.Refresh(tx, w.link.ID))
	})
	return sha
}

// propose opens a pull request into main with files, or moves its head, and says
// so as a webhook would.
func (w *world) propose(number int64, files map[string]string, change ...func(*provider.PullRequest)) lockstep.SHA {
	w.t.Helper()
	pullRequest := provider.PullRequest{
		Number:     number,
		Title:      "A change",
		Base:       "main",
		HeadBranch: "change",
		Head:       w.host.commit(files),
		URL:        "https://git.example.com/1",
	}
	for _, f := range change {
		f(&pullRequest)
	}
	w.host.propose(pullRequest)
	w.stir()
	return pullRequest.Head
}

func fork(pr *provider.PullRequest) { pr.Fork = true }

func (w *world) stir() {
	w.t.Helper()
	w.update(func(tx *db.Tx) error { return w.preview.Refresh(tx, w.link.ID) })
}

// until waits, in fake time and at most a day of it, for a condition.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for end := time.Now().Add(3 * time.Hour); time.Now().Before(end); time.Sleep(tick) {
		if done() {
			return
		}
	}
	w.t.Fatalf("not within three hours: %s", what)
}

// untilComment waits for a comment that holds all of some texts.
func (w *world) untilComment(number int64, texts ...string) string {
	w.t.Helper()
	for late := time.After(time.Hour); ; {
		body, _ := w.host.comment(number)
		missing := body == ""
		for _, text := range texts {
			missing = missing || !strings.Contains(body, text)
		}

		if !missing {
			return body
		}

		select {
		case <-w.host.told:
		case <-late:
			w.t.Fatalf("not within an hour: %q in\n%s", texts, body)
		}
	}
}

// untilClean waits until nothing that a preview has proposed is left.
func (w *world) untilClean() {
	w.t.Helper()
	w.until("no preview has left anything", func() bool {
		_, left := w.target.previews()
		return left == 0 && w.count(`SELECT count(*) FROM preview WHERE state <> 'DONE'`) == 0
	})
}

func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.db.View(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) }))
	return n
}

// settled is a world in which a stack called web is synced at files.
func (w *world) settled(files map[string]string) lockstep.SyncConfiguration {
	w.t.Helper()
	w.start()
	sha := w.host.commit(files)
	w.host.set(func() { w.host.heads["main"] = sha })
	cfg := w.configure("web")
	w.synced(sha)
	return cfg
}

// synced waits until an attempt has brought something to a commit.
func (w *world) synced(sha lockstep.SHA) {
	w.t.Helper()
	w.until("synced", func() bool {
		return w.count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND status = 'SUCCEEDED'`, string(sha)) > 0
	})
}

// files are those of a stack called web.
func files(template string) map[string]string {
	return map[string]string{"web.yaml": "template-file-path: t.yaml\n", "t.yaml": template}
}
