package server

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

func TestWhatAClientMaySendIsBounded(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	srv := newHTTPServer(http.NotFoundHandler(), &net.TCPAddr{IP: net.IPv4zero}, log)
	for name, limit := range map[string]time.Duration{
		"header": srv.ReadHeaderTimeout, "request": srv.ReadTimeout, "answer": srv.WriteTimeout, "pause between requests": srv.IdleTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("%s: %s", name, limit)
		}
	}

	if srv.MaxHeaderBytes <= 0 || srv.MaxHeaderBytes > 1<<20 {
		t.Errorf("header: %d bytes", srv.MaxHeaderBytes)
	}
}

func TestNotReadyWithoutItsDatabase(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		d, err := db.Open(t.Context(), dbtest.URL(t, engine), db.Schema())
		if err != nil {
			t.Fatal(err)
		}

		s := &server{plan: plan{db: d, log: slog.New(slog.DiscardHandler)}}
		ask := func() int {
			w := httptest.NewRecorder()
			s.ready(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			return w.Code
		}
		if got := ask(); got != http.StatusOK {
			t.Errorf("with a database: %d", got)
		}

		if err := d.Close(); err != nil {
			t.Fatal(err)
		}

		if got := ask(); got != http.StatusServiceUnavailable {
			t.Errorf("without it: %d", got)
		}
	})
}
