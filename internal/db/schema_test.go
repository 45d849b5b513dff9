package db_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

var update = flag.Bool("update", false, "rewrite the committed schemas")

// TestSchemaIsTheCommittedOne shows in review what a migration makes of the whole.
func TestSchemaIsTheCommittedOne(t *testing.T) {
	describe := map[db.Dialect]string{db.SQLite: describeSQLite, db.Postgres: describePostgres}
	dbtest.Each(t, func(t *testing.T, database *db.DB) {
		var lines []string
		err := database.View(t.Context(), func(tx *db.Tx) error {
			rows, err := tx.Query(describe[database.Dialect()])
			if err != nil {
				return err
			}
			defer rows.Close()

			for rows.Next() {
				var line string
				if err := rows.Scan(&line); err != nil {
					return err
				}

				lines = append(lines, line)
			}

			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}

		file, got := "schema/"+database.Dialect().String()+".sql", strings.Join(lines, "\n")+"\n"
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}

		want, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}

		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s is not what the migrations make (-update rewrites it):\n%s", file, diff)
		}
	})
}

const describeSQLite = `
SELECT sql || ';' FROM sqlite_schema
WHERE sql IS NOT NULL AND tbl_name NOT LIKE '%schema_migration'
ORDER BY tbl_name, type DESC, name`

// describePostgres writes what pg_dump would, from the catalogs: its own version
// would have to fit the server's.
const describePostgres = `
SELECT line FROM (
	SELECT c.relname AS rel, 1 AS part, '' AS name,
		'CREATE TABLE ' || c.relname || E' (\n' || (
			SELECT string_agg('    ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
				|| CASE WHEN a.attidentity <> '' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END
				|| coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
				|| CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, E',\n' ORDER BY a.attnum)
			FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
			WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		) || E'\n);' AS line
	FROM pg_class c
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
	UNION ALL
	SELECT conrelid::regclass::text, 2, conname,
		'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid) || ';'
	FROM pg_constraint
	WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
	UNION ALL
	SELECT tablename, 3, indexname, indexdef || ';'
	FROM pg_indexes
	WHERE schemaname = 'public' AND indexname NOT IN (SELECT conname FROM pg_constraint)
) AS lines
WHERE rel NOT LIKE '%schema_migration'
ORDER BY rel COLLATE "C", part, name COLLATE "C"`
