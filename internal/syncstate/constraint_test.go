package syncstate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
	"github.com/lockstephq/lockstep/internal/store/storetest"
	"github.com/lockstephq/lockstep/internal/syncstate"
)

// A invalidRow is a statement that the database has to refuse, after others that
// it accepts.
type invalidRow struct {
	why    string
	before []string
	refuse string
	unique bool // by a unique index or key rather than a CHECK
}

const (
	repositoryAttempt = `INSERT INTO repository_sync_attempt (id, link_id, branch, status, sha, started_at, ended_at)
		VALUES `
	resourceAttempt = `INSERT INTO resource_sync_attempt (id, resource_id, configuration_id, configuration, desired_seq,
		status, outcome, initial_revision, target_revision, target_sha, target, intent, started_at, ended_at) VALUES `
	blocker = `INSERT INTO sync_blocker (id, resource_id, type, status, created_reason, created_at, resolved_at)
		VALUES `
)

// anAttempt is a resource sync attempt's row.
func anAttempt(id, status, outcome, intent, ended string) string {
	return resourceAttempt + fmt.Sprintf(`('%s', RESOURCE, 1, '{}', 1, '%s', %s, '{}', '{}', 's', 't', '%s', 1, %s)`,
		id, status, outcome, intent, ended)
}

func repositoryInvalidRows() []invalidRow {
	return []invalidRow{
		{why: "an unknown status", refuse: repositoryAttempt + `('a', 'LINK', 'main', 'DONE', '', 1, NULL)`},
		{why: "an end that is not dated", refuse: repositoryAttempt + `('a', 'LINK', 'main', 'FAILED', '', 1, NULL)`},
		{why: "a date of an end that is none", refuse: repositoryAttempt + `('a', 'LINK', 'main', 'QUEUED', '', 1, 2)`},
		{why: "a success without a commit", refuse: repositoryAttempt + `('a', 'LINK', 'main', 'SUCCEEDED', '', 1, 2)`},
		{
			why:    "an id twice",
			unique: true,
			before: []string{repositoryAttempt + `('a', 'LINK', 'main', 'FAILED', '', 1, 2)`},
			refuse: repositoryAttempt + `('a', 'LINK', 'main', 'FAILED', '', 1, 2)`,
		},
		{
			why:    "two that run for a branch",
			unique: true,
			before: []string{repositoryAttempt + `('a', 'LINK', 'main', 'INITIATED', '', 1, NULL)`,
				repositoryAttempt + `('b', 'LINK', 'dev', 'IN_PROGRESS', '', 1, NULL)`},
			refuse: repositoryAttempt + `('c', 'LINK', 'main', 'IN_PROGRESS', '', 1, NULL)`,
		},
		{
			why:    "two that are queued for a branch",
			unique: true,
			before: []string{repositoryAttempt + `('a', 'LINK', 'main', 'INITIATED', '', 1, NULL)`,
				repositoryAttempt + `('b', 'LINK', 'main', 'QUEUED', '', 1, NULL)`,
				repositoryAttempt + `('c', 'LINK', 'dev', 'QUEUED', '', 1, NULL)`},
			refuse: repositoryAttempt + `('d', 'LINK', 'main', 'QUEUED', '', 1, NULL)`,
		},
	}
}

func resourceInvalidRows() []invalidRow {
	return []invalidRow{
		{why: "an unknown status", refuse: anAttempt("a", "QUEUED", "NULL", "", "NULL")},
		{why: "an unknown outcome", refuse: anAttempt("a", "FAILED", "'rejected'", "", "2")},
		{why: "an end that is not dated", refuse: anAttempt("a", "FAILED", "'failed'", "", "NULL")},
		{why: "an end without an outcome", refuse: anAttempt("a", "FAILED", "NULL", "", "2")},
		{why: "an outcome before the end", refuse: anAttempt("a", "IN_PROGRESS", "'applied'", "", "NULL")},
		{why: "a date of an end that is none", refuse: anAttempt("a", "IN_PROGRESS", "NULL", "", "2")},
		{why: "a success that failed", refuse: anAttempt("a", "SUCCEEDED", "'failed'", "", "2")},
		{why: "a failure that applied", refuse: anAttempt("a", "FAILED", "'applied'", "", "2")},
		{why: "a failure that changed nothing", refuse: anAttempt("a", "FAILED", "'unchanged'", "", "2")},
		{why: "superseded while it executes", refuse: anAttempt("a", "FAILED", "'superseded'", "x", "2")},
		{why: "cancelled while it executes", refuse: anAttempt("a", "FAILED", "'cancelled'", "x", "2")},
		{
			why:    "an id twice",
			unique: true,
			before: []string{anAttempt("a", "FAILED", "'superseded'", "", "2")},
			refuse: anAttempt("a", "FAILED", "'failed'", "x", "2"),
		},
		{
			why:    "two that run for a resource",
			unique: true,
			before: []string{anAttempt("a", "SUCCEEDED", "'applied'", "x", "2"), anAttempt("b", "INITIATED", "NULL", "",
				"NULL")},
			refuse: anAttempt("c", "IN_PROGRESS", "NULL", "", "NULL"),
		},
		{
			why:    "an ended one that runs again",
			unique: true,
			before: []string{
				anAttempt("a", "FAILED", "'failed'", "", "2"), anAttempt("b", "IN_PROGRESS", "NULL", "", "NULL"),
			},
			refuse: `UPDATE resource_sync_attempt SET status = 'IN_PROGRESS', outcome = NULL, ended_at = NULL
				WHERE id = 'a'`,
		},
		{
			why:    "a resource twice",
			unique: true,
			refuse: `INSERT INTO resource (account, region, sync_type, name) SELECT account, region, sync_type, name
				FROM resource`,
		},
	}
}

const insertStream = `INSERT INTO report_stream (link_id, environment) VALUES ('LINK', '111122223333/eu-central-1')`

func otherInvalidRows() []invalidRow {
	aRepositoryAttempt := repositoryAttempt + `('r', 'LINK', 'main', 'FAILED', '', 1, 2)`
	event := `INSERT INTO sync_event (repository_attempt_id, resource_attempt_id, at, type, message) VALUES `
	return []invalidRow{
		{why: "a blocker of an unknown type", refuse: blocker + `('b', RESOURCE, 'MANUAL', 'ACTIVE', 'r', 1, NULL)`},
		{why: "a blocker of an unknown status", refuse: blocker + `('b', RESOURCE, 'AUTOMATED', 'GONE', 'r', 1, NULL)`},
		{
			why:    "a blocker resolved at no time",
			refuse: blocker + `('b', RESOURCE, 'AUTOMATED', 'RESOLVED', 'r', 1, NULL)`,
		},
		{why: "a blocker active and resolved", refuse: blocker + `('b', RESOURCE, 'AUTOMATED', 'ACTIVE', 'r', 1, 2)`},
		{
			why:    "two active blockers",
			unique: true,
			before: []string{blocker + `('a', RESOURCE, 'AUTOMATED', 'RESOLVED', 'r', 1, 2)`, blocker + `('b', RESOURCE,
				'AUTOMATED', 'ACTIVE', 'r', 1, NULL)`},
			refuse: blocker + `('c', RESOURCE, 'AUTOMATED', 'ACTIVE', 'r', 1, NULL)`,
		},
		{why: "an event of nothing", refuse: event + `(NULL, NULL, 1, 'E', 'm')`},
		{why: "an event of two attempts",
			before: []string{aRepositoryAttempt, anAttempt("a", "IN_PROGRESS", "NULL", "", "NULL")},
			refuse: event + `('r', 'a', 1, 'E', 'm')`},
		{why: "a second installation",
			before: []string{`INSERT INTO installation (singleton, id, target, created_at) VALUES (1, 'i', 't', 1)`},
			refuse: `INSERT INTO installation (singleton, id, target, created_at) VALUES (2, 'j', 't', 1)`},
		{
			why:    "the installation twice",
			unique: true,
			before: []string{`INSERT INTO installation (singleton, id, target, created_at) VALUES (1, 'i', 't', 1)`},
			refuse: `INSERT INTO installation (singleton, id, target, created_at) VALUES (1, 'j', 't', 1)`,
		},
		{why: "a connection of an unknown status", refuse: `UPDATE connection SET status = 'OPEN'`},
		{why: "a key of an unknown role",
			refuse: `INSERT INTO access_key (id, account, principal, role, sealed, status, created_at)
				VALUES ('k', 'a', 'p', 'root', 's', 'active', 1)`},
		{why: "a key of an unknown status",
			refuse: `INSERT INTO access_key (id, account, principal, role, sealed, status, created_at)
				VALUES ('k', 'a', 'p', 'admin', 's', 'lost', 1)`},
		{why: "a webhook of an unknown kind",
			refuse: `INSERT INTO webhook (id, link_id, kind, sealed, created_at) VALUES ('w', 'LINK', 'SVN', 's', 1)`},
		{
			why:    "a report with more seen than changed",
			before: []string{insertStream},
			refuse: `INSERT INTO status_report (stream_id, sha, branch, change_seq, seen_seq, changed_at)
				SELECT id, 'a', 'main', 1, 2, 1 FROM report_stream`,
		},
		{why: "a report of an unknown state", before: []string{insertStream},
			refuse: `INSERT INTO status_report (stream_id, sha, branch, changed_at, state) SELECT id, 'a', 'main', 1,
				'cancelled' FROM report_stream`},
		{why: "an unknown denial by a probe", refuse: `UPDATE repository_link SET probe_denial = 3 WHERE id = 'LINK'`},
		{
			why:    "two webhooks of a link",
			unique: true,
			before: []string{`INSERT INTO webhook (id, link_id, kind, sealed, created_at)
				VALUES ('w', 'LINK', 'GITHUB', 's', 1)`},
			refuse: `INSERT INTO webhook (id, link_id, kind, sealed, created_at)
				VALUES ('v', 'LINK', 'GITHUB', 's', 1)`,
		},
		{why: "a signature policy without signers",
			before: []string{`INSERT INTO sync_configuration (account, region, sync_type, resource_name, link_id,
				branch, config_file, role_arn, created_at)
				VALUES ('a', 'r', 'T', 'signed', 'LINK', 'main', 'f', 'r', 1)`},
			refuse: `INSERT INTO signature_policy (configuration_id, allowed_signers, public_keys, updated_at)
				SELECT id, '', '', 1 FROM sync_configuration WHERE resource_name = 'signed'`},
		{
			why:    "a commit that affected a resource twice",
			unique: true,
			before: []string{`INSERT INTO affected_revision (resource_id, sha, desired_seq) VALUES (RESOURCE, 's', 1)`},
			refuse: `INSERT INTO affected_revision (resource_id, sha, desired_seq) VALUES (RESOURCE, 's', 2)`,
		},
	}
}

func previewInvalidRows() []invalidRow {
	pullRequest := `INSERT INTO pull_request (id, link_id, branch, number, head, document, fingerprint) VALUES (1,
		'LINK', 'main', 7, 's', '{}', '')`
	preview := func(id, pullRequest, state, result string) string {
		return fmt.Sprintf(`INSERT INTO preview (id, pull_request_id, resource_id, configuration_id, configuration,
			head, fingerprint,
			attempted_seq, state, result, started_at)
			VALUES ('%s', %s, RESOURCE, 1, '{}', 's', 'f', 0, '%s', %s, 1)`, id,
			pullRequest, state, result)
	}
	return []invalidRow{
		{why: "an unknown state", refuse: preview("a", "NULL", "EXECUTING", "NULL")},
		{why: "done without a result", refuse: preview("a", "NULL", "DONE", "NULL")},
		{
			why:    "two for one pull request and configuration",
			unique: true,
			before: []string{pullRequest, preview("a", "1", "DONE", "'{}'"), preview("b", "NULL", "REMOVING", "NULL"),
				preview("c", "NULL", "REMOVING", "NULL")},
			refuse: preview("d", "1", "PLANNING", "NULL"),
		},
		{
			why:    "a pull request twice",
			unique: true,
			before: []string{pullRequest},
			refuse: strings.Replace(pullRequest, "(1,", "(2,", 1),
		},
	}
}

// The database enforces the state machines. For each CHECK and each partial unique index
// there is a row that it rejects; on PostgreSQL, which names them, the test finds those
// without one.
func TestTheDatabaseRejectsInvalidRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		link := storetest.InsertLink(t, database, 1)
		var state syncstate.ResourceState
		storetest.Update(t, database, func(tx *db.Tx) (err error) {
			state, err = syncstate.LockResourceByName(tx, lockstep.Resource{
				Account:  account,
				Region:   region,
				SyncType: "T",
				Name:     "web",
			})
			return err
		})
		fill := strings.NewReplacer("RESOURCE", fmt.Sprint(state.ID), "'LINK'", "'"+link.ID+"'").Replace
		left := constraints(t, database)
		for group, list := range map[string][]invalidRow{
			"repository": repositoryInvalidRows(),
			"resource":   resourceInvalidRows(),
			"other":      otherInvalidRows(),
			"preview":    previewInvalidRows(),
		} {
			for _, n := range list {
				t.Run(group+"/"+n.why, func(t *testing.T) { delete(left, refuses(t, database, n, fill)) })
			}
		}

		for name := range left {
			t.Errorf("no test row violates %s", name)
		}
	})
}

// refuses inserts an invalid row, rolls back, and returns the name of the constraint that
// rejected it, if the engine reports it.
func refuses(t *testing.T, d *db.DB, row invalidRow, fill func(string) string) (constraint string) {
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		for _, statement := range row.before {
			if _, err := tx.Exec(fill(statement)); err != nil {
				t.Errorf("a valid row is rejected: %v", err)
				return err
			}
		}

		if _, err := tx.Exec(fill(row.refuse)); err != nil {
			return err
		}

		return errors.New("accepted")
	})
	if row.unique && !db.IsUnique(err) || !row.unique && !db.IsCheck(err) {
		t.Errorf("unique %t: %v", row.unique, err)
	}

	_, after, _ := strings.Cut(err.Error(), `constraint "`)
	constraint, _, _ = strings.Cut(after, `"`)
	return constraint
}

// constraints returns the names of all CHECKs and partial unique indexes, on PostgreSQL.
func constraints(t *testing.T, database *db.DB) map[string]bool {
	names := map[string]bool{}
	if database.Dialect() != db.Postgres {
		return names
	}

	storetest.Update(t, database, func(tx *db.Tx) error {
		rows, err := tx.Query(`SELECT c.conname FROM pg_constraint c WHERE c.contype = 'c' AND c.connamespace =
			'public'::regnamespace
			AND c.conrelid <> 0 UNION ALL
			SELECT indexname FROM pg_indexes WHERE schemaname = 'public'
			AND indexdef LIKE 'CREATE UNIQUE INDEX% WHERE %'`)
		if err != nil {
			return err
		}
		defer rows.Close()

		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}

			names[name] = true
		}

		return rows.Err()
	})

	return names
}
