package syncstate_test

import (
	"fmt"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// manyResources makes 10,000 resources in one account: each with three attempts, a
// tenth of them failed, a hundredth blocked. One statement a table makes
// it: through the functions it would take longer than what is measured.
func manyResources(t testing.TB, database *db.DB) {
	t.Helper()
	storetest.InsertLink(t, database, 1)
	const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) `
	storetest.Update(t, database, func(tx *db.Tx) error {
		for _, statement := range []string{
			`INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id, branch, config_file,
				role_arn, created_at)
				` + numbers + `SELECT l.account, l.region, 'CFN_STACK_SYNC', 'r' || (100000 + i), l.id, 'main',
					'r.yaml', 'arn:role', 1
				FROM n, repository_link l`,
			`INSERT INTO resource (account, region, sync_type, name, configuration_id, desired, desired_sha,
				desired_seq, attempted_seq)
				SELECT account, region, sync_type, resource_name, id, '{}', 'abc', 3, 3 FROM sync_configuration`,
			`INSERT INTO resource_sync_attempt (id, resource_id, configuration_id, configuration, desired_seq, status,
				outcome, initial_revision, target_revision, target_sha, target, started_at, ended_at)
				SELECT 'a' || r.id || '-' || k.i, r.id, r.configuration_id, '{}', k.i,
					CASE WHEN r.id % 10 = 0 THEN 'FAILED' ELSE 'SUCCEEDED' END,
					CASE WHEN r.id % 10 = 0 THEN 'failed' ELSE 'applied' END, '{}', '{}', 'abc', 's', 1, 2
				FROM resource r, (SELECT 1 AS i UNION SELECT 2 UNION SELECT 3) k ORDER BY k.i, r.id`,
			`UPDATE resource SET latest_seq = m.seq
				FROM (SELECT resource_id, max(seq) AS seq FROM resource_sync_attempt GROUP BY 1) m WHERE m.resource_id =
					resource.id`,
			`INSERT INTO sync_blocker (id, resource_id, type, status, created_reason, created_at)
				SELECT 'b' || id, id, 'AUTOMATED', 'ACTIVE', 'r', id FROM resource WHERE id % 100 = 0`,
		} {
			if _, err := tx.Exec(statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}

		if tx.Dialect == db.Postgres { // as autovacuum does within a minute
			_, err := tx.Exec(`ANALYZE`)
			return err
		}

		return nil
	})
}

// BenchmarkFleet is the budget of a fleet list among 10,000 resources: a page of
// 100 in less than 100 ms, also where a filter makes it read them all.
func BenchmarkFleet(b *testing.B) {
	yes := true
	questions := []struct {
		name string
		ask  func(tx *db.Tx) error
	}{
		{"first page", page(syncstate.FleetFilter{}, db.Cursor{}, 100)},
		{"middle page", page(syncstate.FleetFilter{}, db.Cursor{Text: "CFN_STACK_SYNC/r105000"}, 100)},
		{"failed", page(syncstate.FleetFilter{Status: lockstep.ResourceFailed}, db.Cursor{}, 100)},
		{"none running", page(syncstate.FleetFilter{Status: lockstep.ResourceInProgress}, db.Cursor{}, 0)},
		{"blocked", page(syncstate.FleetFilter{Blocked: &yes}, db.Cursor{}, 100)},
		{"never synced", page(syncstate.FleetFilter{NeverSynced: &yes}, db.Cursor{}, 0)},
		{"counts", func(tx *db.Tx) error {
			n, err := syncstate.FleetCounts(tx, account, region, syncstate.FleetFilter{})
			if err == nil && (n.Total != 10_000 || n.ByStatus[lockstep.ResourceFailed] != 1_000 ||
				n.ByHealth[lockstep.HealthBlocked] != 100) {
				err = fmt.Errorf("counted %+v", n)
			}
			return err
		}},
		{"blockers", func(tx *db.Tx) error {
			list, _, err := syncstate.FleetBlockers(tx, account, region, syncstate.BlockerFilter{}, db.Page{Limit: 50})
			if err == nil && len(list) != 50 {
				err = fmt.Errorf("%d blockers", len(list))
			}
			return err
		}},
	}
	for _, on := range []db.Dialect{db.SQLite, db.Postgres} {
		b.Run(on.String(), func(b *testing.B) {
			database := dbtest.OpenOn(b, on, db.Schema())
			manyResources(b, database)
			for _, q := range questions {
				b.Run(q.name, func(b *testing.B) {
					for b.Loop() {
						if err := database.View(b.Context(), q.ask); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}

func page(f syncstate.FleetFilter, after db.Cursor, want int) func(tx *db.Tx) error {
	return func(tx *db.Tx) error {
		list, _, err := syncstate.Fleet(tx, account, region, f, db.Page{Limit: 100, After: after})
		if err == nil && len(list) != want {
			err = fmt.Errorf("%d entries, want %d", len(list), want)
		}
		return err
	}
}
