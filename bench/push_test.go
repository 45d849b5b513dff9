package bench

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/engine/enginetest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/target"
	"github.com/lockstephq/lockstep/internal/trigger"
)

// BenchmarkPush measures from the moment at which a webhook is sent until the
// attempt at the pushed commit has started. The Git host answers from memory, so
// that its time does not count.
func BenchmarkPush(b *testing.B) {
	for _, dialect := range []db.Dialect{db.SQLite, db.Postgres} {
		b.Run(dialect.String(), func(b *testing.B) {
			p := newPushed(b, dbtest.OpenOn(b, dialect, db.Schema()))
			var times []time.Duration
			for range 100 {
				times = append(times, p.push(b))
			}

			slices.Sort(times)
			p50, p99 := times[len(times)/2], times[len(times)*99/100]
			report(b, row{
				what:   fmt.Sprintf("push to attempt started on %s, after a webhook", dialect),
				ours:   fmt.Sprintf("p50 %s, p99 %s", p50.Round(time.Millisecond), p99.Round(time.Millisecond)),
				peer:   "-",
				ratio:  "-",
				budget: "p50 < 100 ms, p99 < 300 ms",
				kept:   p50 < 100*time.Millisecond && p99 < 300*time.Millisecond,
			})
		})
	}
}

// pushed is a server of one repository with one resource, and its Git host and
// target as well.
type pushed struct {
	url     string
	hook    lockstep.Webhook
	started chan lockstep.SHA // by attempts

	mu   sync.Mutex
	head lockstep.SHA
	n    int
}

func newPushed(b *testing.B, database *db.DB) *pushed {
	b.Helper()
	pushed := &pushed{started: make(chan lockstep.SHA, 10)}
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	queue := queue.New(queue.Options{DB: database, Log: log, Exclusive: database.Dialect() == db.SQLite})
	services := enginetest.New(enginetest.Options{
		DB:        database,
		Queue:     queue,
		Providers: []provider.Driver{memoryHost{pushed}},
		Targets:   []target.Driver{starting{pushed}},
		Log:       log,
	})
	syncEngine := services.Engine

	poller := trigger.NewPoller(trigger.PollerOptions{
		DB:           database,
		Engine:       syncEngine,
		Repositories: services.Repositories,
		Log:          log,
		Interval:     time.Hour,
	})
	key, err := seal.Generate()
	if err != nil {
		b.Fatal(err)
	}

	pushed.move()
	if err := errors.Join(queue.Migrate(b.Context()), queue.Start(context.Background()),
		database.Update(b.Context(), func(tx *db.Tx) error {
			return pushed.fill(tx, syncEngine, key)
		})); err != nil {
		b.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { poller.Run(ctx) })
	server := httptest.NewServer(trigger.NewWebhooks(trigger.WebhookOptions{
		DB:     database,
		Seal:   key,
		Log:    log,
		OnHint: poller.Wake,
	}))
	pushed.url = server.URL
	b.Cleanup(func() {
		server.Close()
		cancel()
		loop.Wait()

		if err := queue.Stop(context.Background()); err != nil {
			b.Error(err)
		}

		services.Repositories.Close()
	})

	pushed.await(b, pushed.head)
	return pushed
}

// fill makes what is watched.
func (p *pushed) fill(tx *db.Tx, syncEngine *engine.Engine, key *seal.Key) error {
	conn := lockstep.Connection{
		ARN:          "c",
		Account:      account,
		Region:       region,
		Name:         "c",
		ProviderType: "Git",
		Status:       lockstep.ConnectionAvailable,
	}
	link := lockstep.RepositoryLink{
		ID:             linkID,
		ARN:            "arn:link",
		Account:        account,
		Region:         region,
		ConnectionARN:  conn.ARN,
		OwnerID:        "acme",
		RepositoryName: "infra",
		ProviderType:   "Git",
	}
	cfg := lockstep.SyncConfiguration{
		Account:      account,
		Region:       region,
		SyncType:     "BENCH_SYNC",
		ResourceName: "web",
		LinkID:       link.ID,
		Branch:       "main",
		ConfigFile:   "web.yaml",
		RoleARN:      "arn:role",
	}
	p.hook = lockstep.Webhook{LinkID: link.ID, Kind: lockstep.GenericWebhook}
	if err := errors.Join(store.InsertConnection(tx, &conn), store.InsertLink(tx, &link),
		store.InsertConfiguration(tx, &cfg)); err != nil {
		return err
	}
	return errors.Join(syncEngine.AttachConfiguration(tx, cfg),
		store.PutWebhook(tx, key, &p.hook, seal.NewSecret(webhookSecret)))
}

// move makes a new head.
func (p *pushed) move() lockstep.SHA {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	sum := sha1.Sum(fmt.Append(nil, p.n))
	p.head = lockstep.SHA(hex.EncodeToString(sum[:]))
	return p.head
}

// push moves the branch, says so, and waits for the attempt.
func (p *pushed) push(b *testing.B) time.Duration {
	b.Helper()
	time.Sleep(50 * time.Millisecond) // what went before ends
	sha := p.move()
	r, err := http.NewRequest(http.MethodPost, p.url+p.hook.Path(), strings.NewReader("{}"))
	if err != nil {
		b.Fatal(err)
	}

	r.Header.Set("Authorization", "Bearer "+webhookSecret)
	began := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}

	defer resp.Body.Close()

	if resp.StatusCode != http.StatusAccepted {
		b.Fatalf("status %d", resp.StatusCode)
	}

	p.await(b, sha)
	return time.Since(began)
}

func (p *pushed) await(b *testing.B, sha lockstep.SHA) {
	b.Helper()
	end := time.After(10 * time.Second)
	for {
		select {
		case got := <-p.started:
			if got == sha {
				return
			}
		case <-end:
			b.Fatal("no attempt at the pushed commit within ten seconds")
		}
	}
}

// memoryHost is a Git host whose one file says which commit it is of.
type memoryHost struct{ p *pushed }

func (h memoryHost) Metadata() provider.Metadata                       { return provider.Metadata{Type: "Git"} }
func (h memoryHost) Open(provider.Repository) (provider.Client, error) { return h, nil }
func (h memoryHost) Close()                                            {}

func (h memoryHost) Heads(context.Context, []string) (map[string]lockstep.SHA, error) {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	return map[string]lockstep.SHA{"main": h.p.head}, nil
}

func (h memoryHost) Files(_ context.Context, sha lockstep.SHA) (lockstep.Tree, error) {
	return memoryTree{fstest.MapFS{"web.yaml": &fstest.MapFile{Data: []byte(sha)}}}, nil
}

type memoryTree struct{ fstest.MapFS }

func (t memoryTree) ObjectID(name string) (string, error) {
	text, err := t.ReadFile(name)
	return string(text), err
}

// starting is a target that reports each attempt that starts, and finishes it at
// once.
type starting struct{ p *pushed }

func (starting) Type() lockstep.SyncType                       { return "BENCH_SYNC" }
func (starting) Discard(context.Context, target.Attempt) error { return nil }

func (starting) ReadInputs(_ context.Context, cfg lockstep.SyncConfiguration,
	files lockstep.Tree) (target.Inputs, error) {
	id, err := files.ObjectID(cfg.ConfigFile)
	return target.Inputs{cfg.ConfigFile: id}, err
}

func (s starting) Advance(_ context.Context, a target.Attempt) (target.Step, error) {
	s.p.started <- a.Revision.SHA
	return target.Step{End: &target.End{Outcome: lockstep.Applied}}, nil
}
