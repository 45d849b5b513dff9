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

// pollInterval is how often the queue and a waiting test look.
const pollInterval = time.Second

// A world is an engine and a preview controller on a real database, with a scripted
// Git host and target.
type world struct {
	enginetest.Env
	host    *gitHost
	target  *scriptedTarget
	driver  target.Driver // replaces target unless nil
	forks   bool
	engine  *engine.Engine
	preview *preview.Controller
	link    lockstep.RepositoryLink
	stop    func()
}

// runInBubble runs f with a world of its own on both databases, in fake time.
func runInBubble(t *testing.T, f func(w *world)) {
	queuetest.Bubble(t, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

// runInSQLiteBubble is runInBubble on SQLite only, for tests that do not depend on
// SQL.
func runInSQLiteBubble(t *testing.T, f func(w *world)) {
	queuetest.BubbleOn(t, db.SQLite, func(t *testing.T, d *db.DB) { f(newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	w := &world{
		Env:    enginetest.Env{T: t, DB: d},
		host:   newGitHost(),
		target: newScriptedTarget(),
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
	w.Update(func(tx *db.Tx) error {
		return errors.Join(store.InsertConnection(tx, &conn), store.InsertLink(tx, &w.link))
	})
	return w
}

// startWorkers starts the workers. They end with the test, or when stop is called.
func (w *world) startWorkers() {
	w.T.Helper()
	log := slog.New(slog.DiscardHandler)
	jobs := queue.New(queue.Options{
		DB:           w.DB,
		Log:          log,
		PollOnly:     true,
		Workers:      10,
		PollInterval: pollInterval,
		Exclusive:    true,
	})
	var driver target.Driver = w.target
	if w.driver != nil {
		driver = w.driver
	}

	services := enginetest.New(enginetest.Options{
		DB:        w.DB,
		Queue:     jobs,
		Providers: []provider.Driver{w.host},
		Targets:   []target.Driver{driver},
	})
	w.engine = services.Engine
	w.preview = preview.New(preview.Options{
		DB:           w.DB,
		Queue:        jobs,
		Engine:       w.engine,
		Repositories: services.Repositories,
		Log:          log,
		AllowForks:   w.forks,
	})
	w.Must(jobs.Migrate(context.Background()))
	w.Must(jobs.Start(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	var sweeps sync.WaitGroup
	sweeps.Go(func() { w.preview.Sweep(ctx) })
	w.stop = sync.OnceFunc(func() {
		cancel()
		sweeps.Wait()
		w.Must(jobs.Stop(context.Background()))
		services.Repositories.Close()
	})

	w.T.Cleanup(w.stop)
}

// createConfiguration creates a configuration that tracks main with a file of its
// name and requests comments.
func (w *world) createConfiguration(name string,
	change ...func(*lockstep.SyncConfiguration)) lockstep.SyncConfiguration {
	w.T.Helper()
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

	w.Update(func(tx *db.Tx) error {
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

// push commits files to main and notifies the engine and the previews, as a poll
// does.
func (w *world) push(files map[string]string) lockstep.SHA {
	w.T.Helper()
	sha := w.host.commit(files)
	w.host.update(func() { w.host.heads["main"] = sha })
	w.Update(func(tx *db.Tx) error {
		return errors.Join(w.engine.RecordHead(tx, w.link.ID, "main", sha), w.preview.Refresh(tx, w.link.ID))
	})
	return sha
}

// openPullRequest opens a pull request into main, or moves its head, and requests a
// poll as a webhook does.
func (w *world) openPullRequest(number int64, files map[string]string,
	change ...func(*provider.PullRequest)) lockstep.SHA {
	w.T.Helper()
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
	w.requestPoll()
	return pullRequest.Head
}

func fromFork(pr *provider.PullRequest) { pr.Fork = true }

func (w *world) requestPoll() {
	w.T.Helper()
	w.Update(func(tx *db.Tx) error { return w.preview.Refresh(tx, w.link.ID) })
}

// waitUntil waits, in fake time and for at most three hours, for a condition.
func (w *world) waitUntil(what string, done func() bool) {
	w.T.Helper()
	for end := time.Now().Add(3 * time.Hour); time.Now().Before(end); time.Sleep(pollInterval) {
		if done() {
			return
		}
	}
	w.T.Fatalf("not within three hours: %s", what)
}

// waitForComment waits for a comment that contains all texts.
func (w *world) waitForComment(number int64, texts ...string) string {
	w.T.Helper()
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
		case <-w.host.commented:
		case <-late:
			w.T.Fatalf("not within an hour: %q in\n%s", texts, body)
		}
	}
}

// waitUntilClean waits until no proposed changes remain.
func (w *world) waitUntilClean() {
	w.T.Helper()
	w.waitUntil("no preview has left anything", func() bool {
		_, left := w.target.previews()
		return left == 0 && w.Count(`SELECT count(*) FROM preview WHERE state <> 'DONE'`) == 0
	})
}

// syncedStack returns the configuration of a stack called web that is synced with
// files.
func (w *world) syncedStack(files map[string]string) lockstep.SyncConfiguration {
	w.T.Helper()
	w.startWorkers()
	sha := w.host.commit(files)
	w.host.update(func() { w.host.heads["main"] = sha })
	cfg := w.createConfiguration("web")
	w.waitForSync(sha)
	return cfg
}

// waitForSync waits until an attempt has synced a commit.
func (w *world) waitForSync(sha lockstep.SHA) {
	w.T.Helper()
	w.waitUntil("synced", func() bool {
		return w.Count(`SELECT count(*) FROM resource_sync_attempt WHERE target_sha = $1 AND status = 'SUCCEEDED'`,
			string(sha)) > 0
	})
}

// stackFiles returns the files of a stack called web.
func stackFiles(template string) map[string]string {
	return map[string]string{"web.yaml": "template-file-path: t.yaml\n", "t.yaml": template}
}
