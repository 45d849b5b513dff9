package syncstate_test

import (
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// The latest attempt of each resource is found for those that were there before
// it had a column; that of a former configuration is not.
func TestTheLatestAttemptsAreKnownAfterTheMigration(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, on db.Dialect) {
		url := dbtest.URL(t, on)
		d, err := db.Open(t.Context(), url, dbtest.SchemaBefore(t, "0003"))
		if err != nil {
			t.Fatal(err)
		}

		l := storetest.InsertLink(t, d, 1)
		storetest.Update(t, d, func(tx *db.Tx) error {
			for _, statement := range []string{
				`INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id, branch, config_file, role_arn, created_at)
					SELECT account, region, 'CFN_STACK_SYNC', n.name, id, 'main', 'f', 'r', 1 FROM repository_link,
						(SELECT 'anew' AS name UNION SELECT 'new' UNION SELECT 'web') n ORDER BY n.name`,
				`INSERT INTO resource (account, region, sync_type, name, configuration_id)
					SELECT account, region, sync_type, resource_name, id FROM sync_configuration`,
				`INSERT INTO resource_sync_attempt (id, resource_id, configuration_id, configuration, desired_seq, status, outcome,
					initial_revision, target_revision, target_sha, target, started_at, ended_at)
					SELECT k.id || r.name, r.id, r.configuration_id + CASE WHEN r.name = 'anew' THEN 100 ELSE 0 END, '{}', 1,
						'FAILED', 'failed', '{}', '{}', k.id, 's', 1, 2
					FROM resource r, (SELECT '1' AS id UNION SELECT '2') k WHERE r.name <> 'new' ORDER BY k.id`,
			} {
				if _, err := tx.Exec(statement); err != nil {
					return err
				}
			}

			return nil
		})
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}

		if d, err = db.Open(t.Context(), url, db.Schema()); err != nil {
			t.Fatal(err)
		}

		defer d.Close()

		want := map[string]lockstep.SHA{"anew": "", "new": "", "web": "2"}
		for _, e := range fleet(t, d, l.Account, syncstate.FleetFilter{}) {
			if name := e.Configuration.ResourceName; e.TargetSHA != want[name] || (e.Status == "") != (want[name] == "") {
				t.Errorf("%s is %s at %q", name, e.Status, e.TargetSHA)
			}
		}
	})
}
