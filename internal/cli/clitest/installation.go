package clitest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/apiserver"
	"github.com/lockstephq/lockstep/internal/connection"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/engine"
	"github.com/lockstephq/lockstep/internal/iam"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/identity/identitytest"
	"github.com/lockstephq/lockstep/internal/provider"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/repository"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/sts"
)

// The account and role of an [Installation].
const (
	Account = "111122223333"
	RoleARN = "arn:aws:iam::111122223333:role/sync"
)

// HeadSHA is the head of every branch of an [Installation].
const HeadSHA = "1111111111111111111111111111111111111111"

// An Installation is the real API on a real database. Its first key is created by
// the program. Its engine only records requests.
type Installation struct {
	DatabaseURL string
	Env         map[string]string    // the variables with which the program uses it
	Git         *connectiontest.Host // a host of the types GitLab and GitLabSelfManaged
	Issuer      *identitytest.Issuer // an issuer that roles may trust
	engine      *recordingEngine
	sealKey     *seal.Key
	database    *db.DB
}

// NewInstallation starts an Installation, which ends with the test.
func NewInstallation(t testing.TB) Installation {
	t.Helper()
	i := Installation{
		DatabaseURL: "sqlite:" + filepath.Join(t.TempDir(), "lockstep.db"),
		Git:         connectiontest.New(t),
		Issuer:      identitytest.NewIssuer(t),
		engine:      &recordingEngine{},
	}

	var key struct {
		ID     string `json:"AccessKeyId"`
		Secret string `json:"SecretAccessKey"`
	}
	created := Run(t, nil, "key", "create", "--db", i.DatabaseURL, "--admin", "--account", Account, "-o", "json").OK(t)
	if err := json.Unmarshal([]byte(created.Stdout), &key); err != nil {
		t.Fatal(err)
	}

	var err error
	if i.database, err = db.Open(t.Context(), i.DatabaseURL, db.Schema()); err != nil {
		t.Fatal(err)
	}
	if i.sealKey, err = seal.Open(strings.TrimPrefix(i.DatabaseURL, "sqlite:") + ".key"); err != nil {
		t.Fatal(err)
	}

	server := httptest.NewServer(i.handler(t))
	t.Cleanup(func() {
		server.Close()
		if err := i.database.Close(); err != nil {
			t.Error(err)
		}
	})

	i.Env = map[string]string{
		"LOCKSTEP_ENDPOINT_URL":      server.URL,
		"LOCKSTEP_ACCESS_KEY_ID":     key.ID,
		"LOCKSTEP_SECRET_ACCESS_KEY": key.Secret,
	}
	return i
}

// handler returns the handler of the API and of STS.
func (i Installation) handler(t testing.TB) http.Handler {
	t.Helper()
	directory, err := identity.NewDirectory(identity.Options{DB: i.database, Key: i.sealKey})
	if err != nil {
		t.Fatal(err)
	}

	service := api.New(api.Options{
		Seal:  i.sealKey,
		DB:    i.database,
		Syncs: i.engine,
		Repositories: repository.New(repository.Options{
			DB: i.database,
			OpenCredential: func(tx *db.Tx, connection lockstep.ARN) (lockstep.Credential, error) {
				return store.Credential(tx, i.sealKey, connection)
			},
		}),
		Directory: directory,
		Providers: map[lockstep.ProviderType]api.Provider{
			"Git":               {NeedsHost: true},
			"GitHub":            {},
			"GitLab":            {},
			"GitLabSelfManaged": {NeedsHost: true},
		},
		ValidName: map[lockstep.SyncType]func(string) error{
			"CFN_STACK_SYNC": func(string) error { return nil },
		},
		Connections: i.connections(t),
	})
	operations := apiserver.New(apiserver.Options{
		API: service,
		IAM: iam.New(iam.Options{
			DB:                 i.database,
			Directory:          directory,
			Seal:               i.sealKey,
			WebIdentityIssuers: []string{i.Issuer.URL},
		}),
		Directory: directory,
	})
	sessions := sts.New(sts.Options{
		Directory: directory,
		WebIdentities: identity.NewTokenExchange(identity.TokenExchangeOptions{
			DB:      i.database,
			Key:     i.sealKey,
			Issuers: []string{i.Issuer.URL},
		}),
	})

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sts.IsRequest(r) {
			sessions.ServeHTTP(w, r)
		} else {
			operations.ServeHTTP(w, r)
		}
	})
}

// connections returns a controller for i.Git. No worker takes jobs from its queue.
func (i Installation) connections(t testing.TB) *connection.Controller {
	t.Helper()

	log := slog.New(slog.DiscardHandler)
	jobs := queue.New(queue.Options{DB: i.database, Log: log})
	if err := jobs.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	return connection.New(connection.Options{
		DB:    i.database,
		Queue: jobs,
		Seal:  i.sealKey,
		Log:   log,
		Providers: []provider.Driver{
			&connectiontest.Driver{Host: i.Git, ProviderType: "GitLab"},
			&connectiontest.Driver{Host: i.Git, ProviderType: "GitLabSelfManaged"},
		},
		Transport: func(string) (http.RoundTripper, error) { return http.DefaultTransport, nil },
	})
}

// Run runs the program with the first key.
func (i Installation) Run(t testing.TB, args ...string) Result {
	t.Helper()
	return Run(t, i.Env, args...)
}

// Requests returns what the API asked of the engine, in order.
func (i Installation) Requests() []string {
	i.engine.mu.Lock()
	defer i.engine.mu.Unlock()
	return slices.Clone(i.engine.requests)
}

// Credentials returns the credentials of all connections, oldest first.
func (i Installation) Credentials(t testing.TB) (all []lockstep.Credential) {
	t.Helper()
	err := i.database.View(t.Context(), func(tx *db.Tx) error {
		found, _, err := store.Connections(tx, Account, "us-east-1", store.ConnectionFilter{}, db.Page{Limit: 100})
		for _, conn := range found {
			credential, err := store.Credential(tx, i.sealKey, conn.ARN)
			if err != nil {
				return err
			}
			all = append(all, credential)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return all
}

// RenameConnection renames a connection. The name may be taken: the API allows it.
func (i Installation) RenameConnection(t testing.TB, from, to string) {
	t.Helper()
	err := i.database.Update(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec("UPDATE connection SET name = ? WHERE name = ?", to, from)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A recordingEngine records the requests it receives.
type recordingEngine struct {
	mu       sync.Mutex
	requests []string
}

func (e *recordingEngine) record(request string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, request)
	return nil
}

func (e *recordingEngine) AttachConfiguration(_ *db.Tx, cfg lockstep.SyncConfiguration) error {
	return e.record("configured " + cfg.ResourceName + " " + cfg.Branch + " " + cfg.ConfigFile + " " +
		string(cfg.TriggerResourceUpdateOn))
}

func (e *recordingEngine) DetachConfiguration(_ *db.Tx, cfg lockstep.SyncConfiguration) error {
	return e.record("deconfigured " + cfg.ResourceName)
}

func (e *recordingEngine) Retry(_ *db.Tx, cfg lockstep.SyncConfiguration) error {
	return e.record("retry " + cfg.ResourceName)
}

func (e *recordingEngine) RetryCommit(_ context.Context, cfg lockstep.SyncConfiguration, sha lockstep.SHA) error {
	return e.record("retry " + cfg.ResourceName + " at " + string(sha))
}

func (e *recordingEngine) ResolveBlocker(
	_ *db.Tx, cfg lockstep.SyncConfiguration, id, _ string,
) (lockstep.Blocker, error) {
	return lockstep.Blocker{ID: id}, e.record("resolve " + cfg.ResourceName)
}

func (e *recordingEngine) RequestSync(_ *db.Tx, _, branch string) error {
	return e.record("request " + branch)
}

func (e *recordingEngine) ResolveHead(context.Context, lockstep.SyncConfiguration) (lockstep.SHA, error) {
	return HeadSHA, nil
}

func (e *recordingEngine) RevisionStatus(
	_ context.Context, _ lockstep.SyncConfiguration, sha lockstep.SHA,
) (engine.RevisionStatus, error) {
	return engine.RevisionStatus{State: engine.Succeeded, SHA: sha}, nil
}
