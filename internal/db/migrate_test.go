package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// reopen opens the database at url with m, closes it, and returns what Open said.
func reopen(t *testing.T, url string, m db.Migrations) error {
	t.Helper()
	database, err := db.Open(t.Context(), url, m)
	if err != nil {
		return err
	}
	return database.Close()
}

func TestOpenAppliesWhatIsMissing(t *testing.T) {
	const more = "ALTER TABLE item ADD COLUMN colour text NOT NULL DEFAULT 'grey'; CREATE INDEX item_colour ON item " +
		"(colour);"
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		url := dbtest.URL(t, engine)
		for _, m := range []db.Migrations{schema(), schema(items), schema(items, more), schema(items, more)} {
			if err := reopen(t, url, m); err != nil {
				t.Fatal(err)
			}
		}

		database, err := db.Open(t.Context(), url, schema(items, more))
		if err != nil {
			t.Fatal(err)
		}

		defer database.Close()

		var colour string
		err = database.Update(t.Context(), func(tx *db.Tx) error {
			if err := insert(tx, 1, "a"); err != nil {
				return err
			}
			return tx.QueryRow("SELECT colour FROM item").Scan(&colour)
		})
		if err != nil || colour != "grey" {
			t.Errorf("colour %q, %v", colour, err)
		}
	})
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		url := dbtest.URL(t, engine)
		if err := reopen(t, url, schema(items, "CREATE TABLE later (id bigint)")); err != nil {
			t.Fatal(err)
		}
		if err := reopen(t, url, schema(items)); !errors.Is(err, db.ErrNewerSchema) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		url := dbtest.URL(t, engine)
		err := reopen(t, url, schema(items, "CREATE TABLE later (id bigint); INSERT INTO nowhere VALUES (1);"))
		if err == nil || !strings.Contains(err.Error(), "0002_step.sql") {
			t.Errorf("got %v", err)
		}
		if err := reopen(t, url, schema(items, "CREATE TABLE later (id bigint)")); err != nil {
			t.Error(err)
		}
	})
}

func TestProgramsThatOpenAtOnceMigrateOnce(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		url := dbtest.URL(t, engine)
		errs := make(chan error)
		for range 6 {
			go func() { errs <- reopen(t, url, schema(items, "CREATE TABLE later (id bigint)")) }()
		}

		for range 6 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTwoProductsShareADatabase(t *testing.T) {
	dbtest.EachEngine(t, func(t *testing.T, engine db.Dialect) {
		url := dbtest.URL(t, engine)
		other := schema("CREATE TABLE other (id bigint)", "CREATE TABLE another (id bigint)")
		other.Table = "other_migration"
		for _, m := range []db.Migrations{schema(items), other, schema(items)} {
			if err := reopen(t, url, m); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestASQLiteTableCanBeRebuilt is why foreign keys are off during a migration:
// dropping the old table would delete the rows that point to it.
func TestASQLiteTableCanBeRebuilt(t *testing.T) {
	first := schema("CREATE TABLE item (id bigint PRIMARY KEY); CREATE TABLE part (item bigint NOT NULL REFERENCES " +
		"item (id) ON DELETE CASCADE);" +
		"INSERT INTO item VALUES (1); INSERT INTO part VALUES (1);")
	const rebuild = "CREATE TABLE item_new (id bigint PRIMARY KEY, name text); INSERT INTO item_new SELECT id, 'a' " +
		"FROM item; DROP TABLE item; ALTER TABLE item_new RENAME TO item;"
	const lose = "DELETE FROM item;"
	url := dbtest.URL(t, db.SQLite)
	if err := reopen(t, url, first); err != nil {
		t.Fatal(err)
	}

	second := first
	second.FS.(fstest.MapFS)["sqlite/0002_step.sql"] = &fstest.MapFile{Data: []byte(lose)}
	if err := reopen(t, url, second); err == nil || !strings.Contains(err.Error(), "part") {
		t.Errorf("rows that point nowhere: %v", err)
	}

	second.FS.(fstest.MapFS)["sqlite/0002_step.sql"].Data = []byte(rebuild)
	database, err := db.Open(t.Context(), url, second)
	if err != nil {
		t.Fatal(err)
	}

	defer database.Close()

	var parts int
	err = database.View(t.Context(),
		func(tx *db.Tx) error { return tx.QueryRow("SELECT count(*) FROM part").Scan(&parts) })
	if err != nil || parts != 1 {
		t.Errorf("%d parts, %v", parts, err)
	}
}

func TestMigrationNamesAreChecked(t *testing.T) {
	tests := map[string][]string{
		"a gap":         {"0001_a.sql", "0003_b.sql"},
		"the same":      {"0001_a.sql", "0001_b.sql"},
		"not from 1":    {"0002_a.sql"},
		"no number":     {"first.sql"},
		"no name":       {"0001.sql"},
		"three digits":  {"001_a.sql"},
		"other letters": {"0001_A b.sql"},
	}
	for name, files := range tests {
		migrations := db.Migrations{FS: fstest.MapFS{}, Table: "m"}
		for _, f := range files {
			migrations.FS.(fstest.MapFS)["sqlite/"+f] = &fstest.MapFile{Data: []byte("SELECT 1")}
		}

		if err := reopen(t, dbtest.URL(t, db.SQLite), migrations); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}

	migrations := schema(items)
	migrations.Table = "m; DROP TABLE item"
	if err := reopen(t, dbtest.URL(t, db.SQLite), migrations); err == nil {
		t.Error("a table name with a statement: accepted")
	}
}

func TestAttack18ErrorsOfOpenShowNoPassword(t *testing.T) {
	dir := t.TempDir()
	for _, url := range []string{
		"postgres://user:s3cret@/db?host=" + dir + "&connect_timeout=1",
		"postgres:///db?host=" + dir + "&user=u&password=s3cret",
		"postgres://user:s3cret%zz@localhost/db",
		"postgres://user:s3 cret@localhost/db",
		"postgres://user:1#s3cret@localhost/db",
		"postgres://user:1/s3cret@localhost/db",
		"postgres://localhost:1/db?password=s3cret%zz",
		"postgres://localhost:1/db?sslpassword=s3cret;s3",
		"postgres://user:s3cret@localhost/db?sslmode=nonsense",
		"postgresql://user:s3cret@localhost:port/db",
		"mysql://user:s3cret@localhost/db",
		"postgres:user:s3cret",
		"s3cret",
		"sqlite:",
		"sqlite:" + dir,
		"sqlite:" + dir + "/missing/db",
		"sqlite:a\x00b",
	} {
		err := reopen(t, url, schema(items))
		if err == nil || strings.Contains(err.Error(), "s3") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestRedactKeepsWhatMayBeShown(t *testing.T) {
	tests := []struct{ url, want string }{
		{"sqlite:/a/b?c#d%", "sqlite:/a/b?c#d%"},
		{"postgres://u:p@h:1/d?sslmode=require", "postgres://u:xxxxx@h:1/d?sslmode=require"},
		{"postgres://u@h/d", "postgres://u@h/d"},
		{"postgres://h/d?password=p&user=u", "postgres://h/d?password=xxxxx&user=u"},
		{"postgres://u:%zz@h/d", "postgres://…"},
		{"postgres://u:1#p@h/d", "postgres://…"},
		{"postgres://u:1/p@h/d", "postgres://…"},
		{"postgres://u:1?p@h/d?sslmode=require", "postgres://…"},
		{"postgres://h/d%40?user=u@realm", "postgres://h/d%40?user=u@realm"},
		{"postgres://h/d?password=p%zz", "postgres://…"},
		{"postgres://h/d?sslpassword=p;q", "postgres://…"},
		{"nonsense", "(not a URL)"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, db.Redact(tt.url)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestUpdateRunsAgainAfterADeadlock(t *testing.T) {
	database := dbtest.OpenOn(t, db.Postgres, schema(items))
	err := database.Update(t.Context(), func(tx *db.Tx) error {
		return errors.Join(insert(tx, 1, "a"), insert(tx, 2, "b"))
	})
	if err != nil {
		t.Fatal(err)
	}

	// Each locks its first row, waits for the other to have done so, and asks for
	// the second: PostgreSQL ends one of them.
	runs, errs := make(chan int), make(chan error)
	var met [2]chan bool
	met[0], met[1] = make(chan bool, 1), make(chan bool, 1)

	for i, order := range [][]int{{1, 2}, {2, 1}} {
		go func() {
			n := 0
			err := database.Update(context.WithoutCancel(t.Context()), func(tx *db.Tx) error {
				n++
				if _, err := tx.Exec("UPDATE item SET size = 1 WHERE id = $1", order[0]); err != nil {
					return err
				}

				if n == 1 {
					met[i] <- true
					<-met[1-i]
				}

				_, err := tx.Exec("UPDATE item SET size = 1 WHERE id = $1", order[1])
				return err
			})

			errs <- err
			runs <- n
		}()
	}

	total := 0
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
		total += <-runs
	}

	// More than three where the one that runs again has its first row before the
	// other, which waits for that row, is awake.
	if total < 3 {
		t.Errorf("%d runs, want one of the two to run twice", total)
	}
}
