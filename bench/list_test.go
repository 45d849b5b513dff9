package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/lockstephq/lockstep/internal/db"
)

// BenchmarkLists reads pages of 100 rows, signed and authorised, over HTTP. It
// drives one connection: the budgets are of an answer, not of a crowd.
func BenchmarkLists(b *testing.B) {
	for _, engine := range []db.Dialect{db.SQLite, db.Postgres} {
		b.Run(engine.String(), func(b *testing.B) {
			configured := serve(b, engine, configurations)
			load := page(b, configured, call{"codeconnections",
				"com.amazonaws.codeconnections.CodeConnections_20231201.ListSyncConfigurations", func() string {
					return `{"MaxResults":100,"RepositoryLinkId":"` + linkID + `","SyncType":"CFN_STACK_SYNC"}`
				}})
			report(b, row{
				what:   fmt.Sprintf("ListSyncConfigurations on %s, 100 of %d, p50", engine, configurations),
				ours:   load.String(),
				peer:   "-",
				ratio:  fmt.Sprintf("%.1f ms", milliseconds(load.P50)),
				budget: "< 5 ms",
				kept:   load.P50 < 5*time.Millisecond,
			})
			const resources = 10_000
			fleet := serve(b, engine, resources)
			load = page(b, fleet, call{"lockstep", "Lockstep_20261122.ListResourceSyncs", func() string {
				return `{"MaxResults":100}`
			}})
			report(b, row{
				what:   fmt.Sprintf("ListResourceSyncs on %s, 100 of %d, p99", engine, resources),
				ours:   load.String(),
				peer:   "-",
				ratio:  fmt.Sprintf("%.1f ms", milliseconds(load.P99)),
				budget: "< 100 ms",
				kept:   load.P99 < 100*time.Millisecond,
			})
		})
	}
}

// page returns the medians of a few turns.
func page(b *testing.B, s service, c call) load {
	b.Helper()
	var all []load
	target := signed(b, s.addr, s.reader, c)
	for range 3 {
		all = append(all, drive(b, target, 1))
	}
	return typicalOf(all)
}
