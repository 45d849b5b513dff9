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
			service := serve(b, on.engine, configurations)
			bare := httptest.NewServer(bareHandler(service.reader.Secret.Reveal(), service.document))
			defer bare.Close()

			againstBare(b, service, bare.Listener.Addr().String(), on.engine, on.budget)
			b.Run("moto", func(b *testing.B) { againstMoto(b, service, on.engine) })
		})
	}
}

func againstBare(b *testing.B, service service, bare string, engine db.Dialect, budget float64) {
	what := fmt.Sprintf("GetResourceSyncStatus on %s", engine)
	for _, conns := range []int{1, 64} {
		contest := compete(b, signed(b, service.addr, service.reader, statusOf(configurations)),
			signed(b, bare, service.reader, statusOf(configurations)), conns)
		report(b, row{
			what:   fmt.Sprintf("%s, %d connections", what, conns),
			ours:   contest.ours.String(),
			peer:   "bare handler " + contest.theirs.String(),
			ratio:  fmt.Sprintf("%.2f", contest.rate),
			budget: fmt.Sprintf("≥ %.1f", budget),
			kept:   contest.rate >= budget,
		})
		if conns == 64 {
			report(b, row{
				what:   what + ", p99",
				ours:   contest.ours.P99.Round(time.Microsecond).String(),
				peer:   "bare handler " + contest.theirs.P99.Round(time.Microsecond).String(),
				ratio:  fmt.Sprintf("%.1f", contest.p99),
				budget: "≤ 3",
				kept:   contest.p99 <= 3,
			})
		}
	}

	contest := compete(b, signed(b, service.addr, service.narrow, statusOf(configurations)),
		signed(b, bare, service.reader, statusOf(configurations)), 64)
	report(b, row{
		what:   what + ", a policy asks for the owner",
		ours:   contest.ours.String(),
		peer:   "bare handler " + contest.theirs.String(),
		ratio:  fmt.Sprintf("%.2f", contest.rate),
		budget: "-",
		kept:   true,
	})
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
