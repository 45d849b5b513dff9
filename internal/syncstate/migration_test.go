package syncstate_test

import (
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// The latest attempt of each resource is found for those that were there before
// it had a column; that of a former configuration is not.
func TestTheLatestAttemptsAreKnownAfterTheMigration(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, on db.Dialect) {
		url, link := oldDatabase(t, on, "0003",
			`INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id, branch, config_file,
				role_arn, created_at)
					SELECT account, region, 'CFN_STACK_SYNC', n.name, id, 'main', 'f', 'r', 1 FROM repository_link,
						(SELECT 'anew' AS name UNION SELECT 'new' UNION SELECT 'web') n ORDER BY n.name`,
			`INSERT INTO resource (account, region, sync_type, name, configuration_id)
					SELECT account, region, sync_type, resource_name, id FROM sync_configuration`,
			`INSERT INTO resource_sync_attempt (id, resource_id, configuration_id, configuration, desired_seq, status,
				outcome, initial_revision, target_revision, target_sha, target, started_at, ended_at)
					SELECT k.id || r.name, r.id,
						r.configuration_id + CASE WHEN r.name = 'anew' THEN 100 ELSE 0 END, '{}', 1,
						'FAILED', 'failed', '{}', '{}', k.id, 's', 1, 2
					FROM resource r, (SELECT '1' AS id UNION SELECT '2') k WHERE r.name <> 'new' ORDER BY k.id`)
		d := migrate(t, url)

		want := map[string]lockstep.SHA{"anew": "", "new": "", "web": "2"}
		for _, e := range readFleet(t, d, link.Account, syncstate.FleetFilter{}) {
			if name := e.Configuration.ResourceName; e.TargetSHA != want[name] ||
				(e.Status == "") != (want[name] == "") {
				t.Errorf("%s is %s at %q", name, e.Status, e.TargetSHA)
			}
		}
	})
}

// No row is lost when tables and columns get the names of the glossary.
func TestRowsAreKeptUnderTheirNewNames(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, dialect db.Dialect) {
		url, link := oldDatabase(t, dialect, "0011",
			`INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id, branch, config_file,
				role_arn, version, handled_version, created_at)
				SELECT account, region, 'CFN_STACK_SYNC', 'web', id, 'main', 'f', 'r', 3, 2, 1 FROM repository_link`,
			`INSERT INTO resource (account, region, sync_type, name, configuration_id, desired_seq, note, held_head)
				SELECT account, region, sync_type, resource_name, id, 5, CAST('kept' AS `+map[db.Dialect]string{
				db.SQLite: "blob", db.Postgres: "bytea"}[dialect]+`), 'head' FROM sync_configuration`,
			`INSERT INTO concerned_revision (resource_id, sha, desired_seq) SELECT id, 'sha', 5 FROM resource`,
			`INSERT INTO report_lane (link_id, environment) SELECT id, 'environment' FROM repository_link`,
			`INSERT INTO commit_report (lane_id, sha, branch, news, seen, news_at, state)
				SELECT id, 'sha', 'main', 4, 3, 2000, 'running' FROM report_lane`,
			`INSERT INTO handshake (connection_arn, check_at, renew_at, lease_until, renew_failures)
				SELECT connection_arn, 1000, 2000, 3000, 7 FROM repository_link`,
			`INSERT INTO pull_request (link_id, branch, number, head, document, seen)
				SELECT id, 'main', 1, 'sha', '{}', 'decided' FROM repository_link`,
			`UPDATE repository_link SET hint_seq = 6, denied = 1`)
		d := migrate(t, url)

		storetest.Update(t, d, func(tx *db.Tx) error {
			configurations, err := store.ConfigurationsOfBranch(tx, link.ID, "main")
			if err != nil {
				return err
			}
			if len(configurations) != 1 || configurations[0].Version != 3 || configurations[0].ObservedVersion != 2 {
				t.Errorf("the sync configurations are %+v", configurations)
			}

			state, err := syncstate.ResourceByName(tx, configurations[0].Resource())
			if err != nil {
				return err
			}
			if string(state.Baseline) != "kept" || state.PinnedHead != "head" {
				t.Errorf("the resource is %+v", state)
			}

			seq, err := syncstate.DesiredSeqOf(tx, state.ID, "sha")
			if err != nil || seq != 5 {
				t.Errorf("the affected revision has the number %d, %v", seq, err)
			}

			report, err := syncstate.StatusReportOf(tx, link.ID, "environment", "sha")
			if err != nil {
				return err
			}
			if report.ChangeSeq != 4 {
				t.Errorf("the status report: ChangeSeq is %v, want %v", report.ChangeSeq, 4)
			}
			if report.SeenSeq != 3 {
				t.Errorf("the status report: SeenSeq is %v, want %v", report.SeenSeq, 3)
			}
			if report.ChangedAt != db.Time(2000) {
				t.Errorf("the status report: ChangedAt is %v, want %v", report.ChangedAt, db.Time(2000))
			}
			if report.State != "running" {
				t.Errorf("the status report: State is %q, want %q", report.State, "running")
			}

			check, err := store.ConnectionCheckOf(tx, link.ConnectionARN)
			if err != nil {
				return err
			}
			want := store.ConnectionCheck{
				NextCheckAt:       db.Time(1000),
				NextRenewalAt:     db.Time(2000),
				RenewalLeaseUntil: db.Time(3000),
				RenewalFailures:   7,
			}
			if check != want {
				t.Errorf("the connection check is %+v, want %+v", check, want)
			}

			pullRequests, err := syncstate.PullRequests(tx, link.ID, "main")
			if err != nil || len(pullRequests) != 1 || pullRequests[0].Fingerprint != "decided" {
				t.Errorf("the pull requests are %+v, %v", pullRequests, err)
			}

			var requested, denial int64
			err = tx.QueryRow(`SELECT requested_seq, probe_denial FROM repository_link`).Scan(&requested, &denial)
			if err != nil || requested != 6 || denial != 1 {
				t.Errorf("the link has request %d and denial %d, %v", requested, denial, err)
			}

			// The identity columns go on.
			if _, err := tx.Exec(`INSERT INTO report_stream (link_id, environment) VALUES ($1, 'other')`,
				link.ID); err != nil {
				t.Error(err)
			}
			return nil
		})
	})
}

// oldDatabase makes a database with the schema before a migration, with a link and
// the rows that statements insert, and returns its URL.
func oldDatabase(
	t *testing.T, on db.Dialect, number string, statements ...string,
) (url string, link lockstep.RepositoryLink) {
	t.Helper()
	url = dbtest.URL(t, on)
	database, err := db.Open(t.Context(), url, dbtest.SchemaBefore(t, number))
	if err != nil {
		t.Fatal(err)
	}

	link = storetest.InsertLink(t, database, 1)
	storetest.Update(t, database, func(tx *db.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err := database.Close(); err != nil {
		t.Fatal(err)
	}

	return url, link
}

// migrate opens a database with the present schema.
func migrate(t *testing.T, url string) *db.DB {
	t.Helper()
	database, err := db.Open(t.Context(), url, db.Schema())
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	return database
}
