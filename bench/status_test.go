package bench

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/sigv4"
)

const configurations = 100_000

// BenchmarkGetResourceSyncStatus reads statuses, signed and authorised, among
// 100,000 configurations, against a handler that verifies the same signature and
// answers the same bytes, and against moto, which verifies nothing.
func BenchmarkGetResourceSyncStatus(b *testing.B) {
	for _, on := range []struct {
		engine db.Dialect
		budget float64
	}{{db.SQLite, 0.5}, {db.Postgres, 0.3}} {
		b.Run(on.engine.String(), func(b *testing.B) {
			s := serve(b, on.engine, configurations)
			bare := httptest.NewServer(bareHandler(s.reader.Secret.Reveal(), s.document))
			defer bare.Close()

			againstBare(b, s, bare.Listener.Addr().String(), on.engine, on.budget)
			b.Run("moto", func(b *testing.B) { againstMoto(b, s, on.engine) })
		})
	}
}

func againstBare(b *testing.B, s service, bare string, engine db.Dialect, budget float64) {
	what := fmt.Sprintf("GetResourceSyncStatus on %s", engine)
	for _, conns := range []int{1, 64} {
		c := compete(b, signed(b, s.addr, s.reader, statusOf(configurations)), signed(b, bare, s.reader, statusOf(configurations)), conns)
		report(b, row{what: fmt.Sprintf("%s, %d connections", what, conns),
			ours: c.ours.String(), peer: "bare handler " + c.theirs.String(), ratio: fmt.Sprintf("%.2f", c.rate),
			budget: fmt.Sprintf("≥ %.1f", budget), kept: c.rate >= budget})
		if conns == 64 {
			report(b, row{what: what + ", p99", ours: c.ours.P99.Round(time.Microsecond).String(),
				peer: "bare handler " + c.theirs.P99.Round(time.Microsecond).String(), ratio: fmt.Sprintf("%.1f", c.p99), budget: "≤ 3", kept: c.p99 <= 3})
		}
	}

	c := compete(b, signed(b, s.addr, s.narrow, statusOf(configurations)), signed(b, bare, s.reader, statusOf(configurations)), 64)
	report(b, row{what: what + ", a policy asks for the owner", ours: c.ours.String(), peer: "bare handler " + c.theirs.String(),
		ratio: fmt.Sprintf("%.2f", c.rate), budget: "-", kept: true})
}

// bareHandler is the limit: it reads, verifies and answers, and knows nothing.
// It checks every signature with the secret of the reader.
func bareHandler(secret string, document []byte) http.Handler {
	verifier := &sigv4.Verifier{}
	length := strconv.Itoa(len(document))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}

		a, err := verifier.Parse(r, "codeconnections")
		if err == nil {
			err = verifier.Verify(r, body, a, secret, time.Now())
		}

		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}

		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		// As ours says: without it net/http would send chunks, which the client pays for.
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(document) // the client counts what it gets
	})
}
