package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
)

// newReadyServer returns a server with what /readyz needs.
func newReadyServer(t *testing.T, database *db.DB) *Server {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if err := queue.New(queue.Options{DB: database}).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = database.Update(t.Context(), func(tx *db.Tx) error {
		_, err := store.BindTarget(tx, "sandbox")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Server{options: Options{DB: database, SealKey: key}, log: slog.New(slog.DiscardHandler)}
}

// askReady returns the answer of /readyz, a second after the one before.
func askReady(s *Server) (status int, body string) {
	s.ready.made = time.Time{}
	w := httptest.NewRecorder()
	s.serveReady(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return w.Code, w.Body.String()
}

func TestAServerWithoutItsDatabaseIsNotReady(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		s := newReadyServer(t, database)
		if got, body := askReady(s); got != http.StatusOK {
			t.Errorf("with a database: %d %s", got, body)
		}

		if err := database.Close(); err != nil {
			t.Fatal(err)
		}

		if got, _ := askReady(s); got != http.StatusServiceUnavailable {
			t.Errorf("without it: %d", got)
		}
	})
}

func TestAServerWhoseDatabaseIsReadOnlyIsNotReady(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		s := newReadyServer(t, database)
		makeReadOnly(t, database)
		status, body := askReady(s)
		if status != http.StatusServiceUnavailable {
			t.Errorf("status %d", status)
		}
		if want := "not ready: the database cannot be written\n"; body != want {
			t.Errorf("%q, want %q", body, want)
		}
	})
}

// makeReadOnly lets the handle's connections only read.
func makeReadOnly(t *testing.T, database *db.DB) {
	t.Helper()
	if database.Dialect() == db.SQLite {
		if _, err := database.SQL().ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil {
			t.Fatal(err)
		}
		return
	}

	name := database.Pool().Config().ConnConfig.Database
	role := `"reader of ` + name + `"`
	for _, statement := range []string{
		`CREATE ROLE ` + role,
		`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ` + role,
		`ALTER DATABASE "` + name + `" SET role = ` + role,
	} {
		if _, err := database.Pool().Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	database.Pool().Reset() // new connections have the role
}

func TestAServerWithAnotherSealKeyIsNotReady(t *testing.T) {
	url := dbtest.URL(t, db.SQLite)
	_, err := CreateKey(t.Context(), KeyOptions{DB: url, SealKeyFile: filepath.Join(t.TempDir(), "seal")},
		NewKey{Account: "123456789012", Principal: "me", Role: Admin})
	if err != nil {
		t.Fatal(err)
	}
	database, err := db.Open(t.Context(), url, db.Schema())
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()

	status, body := askReady(newReadyServer(t, database))
	if status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	if want := "not ready: the seal key does not open the secrets of the database"; !strings.Contains(body, want) {
		t.Errorf("%q, want %q", body, want)
	}
}

type lateJob struct{}

func (lateJob) Kind() string { return "late" }

func TestAReadyServerNamesWhatIsWrongElsewhere(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		s := newReadyServer(t, database)
		storetest.InsertLink(t, database, 1)
		storetest.InsertLink(t, database, 2)
		storetest.Update(t, database, func(tx *db.Tx) error {
			if err := queue.New(queue.Options{DB: database}).Wake(tx, lateJob{}, tx.Now); err != nil {
				return err
			}

			late := `UPDATE river_job SET scheduled_at = datetime('now', '-1 hour')`
			if tx.Dialect == db.Postgres {
				late = `UPDATE river_job SET scheduled_at = now() - interval '1 hour'`
			}
			for _, statement := range []string{
				late,
				`UPDATE repository_link SET poll_error = 'The host does not answer.'`,
				`UPDATE connection SET status = 'ERROR'`,
			} {
				if _, err := tx.Exec(statement); err != nil {
					return err
				}
			}
			return nil
		})

		status, body := askReady(s)
		if status != http.StatusOK {
			t.Errorf("status %d", status)
		}
		want := "ready\ndatabase: ok\nseal key: ok\ndegraded: jobs overdue: 1\n" +
			"degraded: repository links unreachable: 2\ndegraded: connections in ERROR: 2\n"
		if diff := cmp.Diff(want, body); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReadinessIsProvenOnceASecond(t *testing.T) {
	database := dbtest.Open(t)
	s := newReadyServer(t, database)
	synctest.Test(t, func(t *testing.T) {
		s.ready.report, s.ready.made = readyReport{}, time.Now()
		makeReadOnly(t, database)
		ask := func() int {
			w := httptest.NewRecorder()
			s.serveReady(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			return w.Code
		}

		if got := ask(); got != http.StatusOK {
			t.Errorf("within a second: %d", got)
		}
		time.Sleep(readyFor)
		if got := ask(); got != http.StatusServiceUnavailable {
			t.Errorf("a second later: %d", got)
		}
	})
}
