package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/queue"
	"github.com/lockstephq/lockstep/internal/store"
)

const (
	// readyFor is how long a report is served: anybody may ask, and each report writes to
	// the database.
	readyFor = time.Second
	// readyTimeout bounds one report.
	readyTimeout = 5 * time.Second
)

// A readiness makes the reports of /readyz. The zero value is ready to use.
type readiness struct {
	mu     sync.Mutex
	report readyReport
	made   time.Time
}

// A readyReport says whether this node can work, and what else is wrong with the
// installation.
type readyReport struct {
	database    error // cannot be written
	sealKey     error // does not open the secrets of the database
	overdue     queue.Overdue
	unreachable int // repository links
	failed      int // connections
}

// get returns a report that is at most a second old.
func (r *readiness) get(ctx context.Context, s *Server) readyReport {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.made.IsZero() || time.Since(r.made) >= readyFor {
		// Others are served this report, too, so it does not end with the request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
		defer cancel()

		r.report = s.checkReady(ctx)
		r.made = time.Now()
		if err := errors.Join(r.report.database, r.report.sealKey); err != nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.Any("err", err))
		}
	}

	return r.report
}

// checkReady proves that the database can be written and that the seal key opens its secrets,
// and counts what is wrong.
func (s *Server) checkReady(ctx context.Context) readyReport {
	var report readyReport
	report.database = s.options.DB.Update(ctx, store.ProveWritable)
	if report.database != nil {
		return report
	}

	var keys []AccessKey
	report.database = s.options.DB.View(ctx, func(tx *db.Tx) (err error) {
		if report.overdue, err = queue.CountOverdue(tx); err != nil {
			return err
		}
		if report.unreachable, err = store.CountUnreachableLinks(tx); err != nil {
			return err
		}
		if report.failed, err = store.CountFailedConnections(tx); err != nil {
			return err
		}
		keys, err = identity.AllKeys(tx)
		return err
	})
	if report.database == nil {
		report.sealKey = checkSealKey(ctx, s.options.DB, s.options.SealKey, keys)
	}

	return report
}

// isReady reports whether this node can work.
func (r readyReport) isReady() bool { return r.database == nil && r.sealKey == nil }

// write writes one line per part. Causes are in the log only: anybody may read this.
func (r readyReport) write(w io.Writer) {
	if r.database != nil {
		fmt.Fprintln(w, "not ready: the database cannot be written")
		return
	}
	if r.sealKey != nil {
		fmt.Fprintln(w, "database: ok")
		fmt.Fprintln(w, "not ready: the seal key does not open the secrets of the database")
		return
	}

	fmt.Fprintln(w, "ready")
	fmt.Fprintln(w, "database: ok")
	fmt.Fprintln(w, "seal key: ok")
	writePart(w, r.overdue.Count, "jobs overdue")
	writePart(w, r.unreachable, "repository links unreachable")
	writePart(w, r.failed, "connections in ERROR")
}

func writePart(w io.Writer, n int, what string) {
	if n > 0 {
		fmt.Fprintf(w, "degraded: %s: %d\n", what, n)
		return
	}
	fmt.Fprintf(w, "%s: 0\n", what)
}

// serveReady answers with 503 only if this node cannot work: another would not do better with an
// unreachable Git host.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	report := s.ready.get(r.Context(), s)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !report.isReady() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	report.write(w)
}
