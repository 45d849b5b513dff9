package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

func TestAServerWithoutItsDatabaseIsNotReady(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		database, err := db.Open(t.Context(), dbtest.URL(t, engine), db.Schema())
		if err != nil {
			t.Fatal(err)
		}

		s := &Server{options: Options{DB: database}, log: slog.New(slog.DiscardHandler)}
		ask := func() int {
			w := httptest.NewRecorder()
			s.serveReady(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			return w.Code
		}
		if got := ask(); got != http.StatusOK {
			t.Errorf("with a database: %d", got)
		}

		if err := database.Close(); err != nil {
			t.Fatal(err)
		}

		if got := ask(); got != http.StatusServiceUnavailable {
			t.Errorf("without it: %d", got)
		}
	})
}
