package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/console"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

var rewrite = flag.Bool("update", false, "rewrite the files that pages are compared with")

const (
	account = "111122223333"
	region  = "eu-central-1"
	home    = account + "/" + region
	role    = "arn:aws:iam::111122223333:role/sync"
	sha     = lockstep.SHA("1a2b3c4d5e6f708192a3b4c5d6e7f80912345678")
	older   = lockstep.SHA("00000000000000000000000000000000000000aa")
)

// A world is a console over a database that a test fills.
type world struct {
	t        testing.TB
	db       *db.DB
	key      *seal.Key
	console  *console.Console
	log      bytes.Buffer
	outcomes []string // outcomes
	link     lockstep.RepositoryLink
}

func newWorld(t testing.TB, database *db.DB) *world {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: database, key: key}
	w.console = newConsole(w)
	w.link = w.createLink(1, "acme", "infra")
	return w
}

// newConsole returns the console of a world. Its log is not safe for concurrent
// requests.
func newConsole(w *world) *console.Console {
	return console.New(console.Options{DB: w.db, Seal: w.key, Log: slog.New(slog.NewJSONHandler(&w.log, nil)),
		PublicURL: "https://lockstep.example/", Observe: func(outcome string, _ time.Duration) {
			w.outcomes = append(w.outcomes, outcome)
		}})
}

var discard = slog.New(slog.DiscardHandler)

func (w *world) update(f func(tx *db.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(context.Background(), f); err != nil {
		w.t.Fatal(err)
	}
}

// createLink creates a link with a connection of its own.
func (w *world) createLink(count int, owner, name string) lockstep.RepositoryLink {
	w.t.Helper()
	conn := lockstep.Connection{
		ARN:          lockstep.MakeARN("codeconnections", region, account, "connection", fmt.Sprint(count)),
		Account:      account,
		Region:       region,
		Name:         fmt.Sprint(count),
		ProviderType: "GitHub",
		Status:       lockstep.ConnectionAvailable,
	}
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", count)
	link := lockstep.RepositoryLink{
		ID:             id,
		ARN:            lockstep.MakeARN("codeconnections", region, account, "repository-link", id),
		Account:        account,
		Region:         region,
		ConnectionARN:  conn.ARN,
		OwnerID:        owner,
		RepositoryName: name,
		ProviderType:   "GitHub",
	}
	w.update(func(tx *db.Tx) error {
		return errors.Join(store.InsertConnection(tx, &conn), store.InsertLink(tx, &link))
	})
	return link
}

// A stack is a sync configuration that a commit affects.
type stack struct {
	w     *world
	cfg   lockstep.SyncConfiguration
	state syncstate.ResourceState
}

// stack makes a configuration of the world's link that publishes, and changes make
// it another.
func (w *world) stack(name string, changes ...func(c *lockstep.SyncConfiguration)) *stack {
	w.t.Helper()
	cfg := lockstep.SyncConfiguration{
		Account:                 account,
		Region:                  region,
		SyncType:                "CFN_STACK_SYNC",
		ResourceName:            name,
		LinkID:                  w.link.ID,
		Branch:                  "main",
		ConfigFile:              "deploy.yaml",
		RoleARN:                 role,
		PublishDeploymentStatus: "ENABLED",
	}
	for _, change := range changes {
		change(&cfg)
	}

	stack := &stack{w: w, cfg: cfg}
	w.update(func(tx *db.Tx) (err error) {
		if err := store.InsertConfiguration(tx, &stack.cfg); err != nil {
			return err
		}

		stack.state, err = syncstate.LockResourceByName(tx, stack.cfg.Resource())
		return errors.Join(err, syncstate.BindResource(tx, stack.state.ID, stack.cfg.ID))
	})

	return stack
}

// setDesired sets the desired revision and queues its status report.
func (s *stack) setDesired(sha lockstep.SHA) *stack {
	s.w.t.Helper()
	s.w.update(func(tx *db.Tx) error {
		if _, err := syncstate.SetDesiredRevision(tx, s.state.ID, s.cfg.Revision(sha), "f"); err != nil {
			return err
		}
		_, _, err := syncstate.RecordStatusChange(tx, syncstate.StatusChange{
			LinkID:       s.cfg.LinkID,
			Environment:  home,
			SHA:          sha,
			Branch:       s.cfg.Branch,
			CreateReport: true,
		}, tx.Now)
		return err
	})
	return s
}

// addAttempt adds an attempt with events, each TYPE: MESSAGE. It ends with outcome,
// unless that is "".
func (s *stack) addAttempt(outcome lockstep.Outcome, events ...string) *stack {
	s.w.t.Helper()
	s.w.update(func(tx *db.Tx) (err error) {
		if s.state, err = syncstate.LockResourceByName(tx, s.cfg.Resource()); err != nil {
			return err
		}

		attempt, err := syncstate.BeginAttempt(tx, s.state, s.cfg, "canary-target")
		if err != nil {
			return err
		}

		for i, text := range events {
			kind, message, _ := strings.Cut(text, ": ")
			err = errors.Join(err, syncstate.AddResourceEvents(tx, attempt.ID, lockstep.Event{
				Type:       kind,
				Message:    message,
				Time:       tx.Now.Add(time.Duration(i) * time.Second),
				ExternalID: "canary-external",
			}))
		}

		if err != nil || outcome == "" {
			return err
		}

		return syncstate.FinishAttempt(tx, attempt.ID, outcome)
	})

	return s
}

// addBlocker adds an active blocker.
func (s *stack) addBlocker(reason string) *stack {
	s.w.t.Helper()
	s.w.update(func(tx *db.Tx) error {
		return syncstate.InsertBlocker(tx, s.state.ID, reason,
			[]lockstep.Context{{Key: "canary-context", Value: "canary-context"}})
	})
	return s
}

// get sends a request to the console.
func (w *world) get(method, url string) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.getFrom("192.0.2.1:1", method, url)
}

func (w *world) getFrom(address, method, url string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, url, http.NoBody)
	r.RemoteAddr = address
	answer := httptest.NewRecorder()
	w.console.ServeHTTP(answer, r)
	return answer
}

// url is the address of the page of the commit, with more behind it.
func (w *world) url(more string) string {
	return w.console.CommitURL(w.link.ID, sha, home) + more
}

// page returns the page of the commit.
func (w *world) page(more string) string {
	w.t.Helper()
	answer := w.get(http.MethodGet, w.url(more))
	if answer.Code != http.StatusOK {
		w.t.Fatalf("%s: status %d", more, answer.Code)
	}
	return answer.Body.String()
}

// logLines returns the log.
func (w *world) logLines() (list []map[string]any) {
	w.t.Helper()
	for text := range strings.Lines(w.log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, line)
	}
	return list
}

// compareGolden compares a page with a golden file.
func compareGolden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}
