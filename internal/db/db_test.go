package db_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// schema is one migration per text, the same for both engines.
func schema(texts ...string) db.Migrations {
	files := fstest.MapFS{}
	for i, text := range texts {
		for _, engine := range []string{"sqlite", "postgres"} {
			files[fmt.Sprintf("%s/%04d_step.sql", engine, i+1)] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	return db.Migrations{FS: files, Table: "test_migration"}
}

const items = `
CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, size bigint CHECK (size >= 0));
CREATE TABLE part (id bigint PRIMARY KEY, item bigint NOT NULL REFERENCES item (id) ON DELETE RESTRICT);
`

func insert(tx *db.Tx, id int, name string) error {
	_, err := tx.Exec("INSERT INTO item (id, name) VALUES ($1, $2)", id, name)
	return err
}

func count(t *testing.T, d *db.DB) int {
	t.Helper()
	var n int
	err := d.View(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM item").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestUpdateCommitsOnNilAndRollsBackOnErrorAndPanic(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		if err := database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err != nil {
			t.Fatal(err)
		}

		broken := errors.New("broken")
		err := database.Update(t.Context(), func(tx *db.Tx) error { return errors.Join(insert(tx, 2, "b"), broken) })
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want f's error", err)
		}

		func() {
			defer func() { _ = recover() }()
			_ = database.Update(t.Context(), func(tx *db.Tx) error {
				_ = insert(tx, 3, "c")
				panic("broken")
			})
		}()
		if n := count(t, database); n != 1 {
			t.Errorf("%d rows, want the committed one", n)
		}
	})
}

func TestValuesScanTheSameOnBothEngines(t *testing.T) {
	m := schema("CREATE TABLE v (b boolean, i bigint, t text, n text, x blob)")
	m.FS.(fstest.MapFS)["postgres/0001_step.sql"].Data = []byte("CREATE TABLE v (b boolean, i bigint, t text, n " +
		"text, x bytea)")
	type name string
	dbtest.EachWith(t, m, func(t *testing.T, database *db.DB) {
		type row struct {
			B     bool
			I     int64
			T     name
			Null  *string
			Text  *string
			X     []byte
			Count int
			Is    bool
		}

		var got row
		err := database.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec("INSERT INTO v (b, i, t, n, x) VALUES ($1, $2, $3, $4, $5)", true, int64(1)<<62,
				name("täxt"), nil, []byte{0, 255})
			if err != nil {
				return err
			}
			return tx.QueryRow("SELECT b, i, t, n, t, x, count(*) OVER (), i > 0 FROM v").
				Scan(&got.B, &got.I, &got.T, &got.Null, &got.Text, &got.X, &got.Count, &got.Is)
		})
		if err != nil {
			t.Fatal(err)
		}

		text := "täxt"
		want := row{B: true, I: 1 << 62, T: "täxt", Text: &text, X: []byte{0, 255}, Count: 1, Is: true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	})
}

func TestNilPointersAndNilBytesAreNull(t *testing.T) {
	m := schema("CREATE TABLE v (t text, x blob)")
	m.FS.(fstest.MapFS)["postgres/0001_step.sql"].Data = []byte("CREATE TABLE v (t text, x bytea)")
	dbtest.EachWith(t, m, func(t *testing.T, d *db.DB) {
		var n int
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec("INSERT INTO v (t, x) VALUES ($1, $2)", (*string)(nil), []byte(nil)); err != nil {
				return err
			}
			return tx.QueryRow("SELECT count(*) FROM v WHERE t IS NULL AND x IS NULL").Scan(&n)
		})
		if err != nil || n != 1 {
			t.Errorf("%d rows of NULLs, %v", n, err)
		}
	})
}

func TestQueryReadsAllRowsInOrder(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, d *db.DB) {
		var got []string
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			for i, name := range []string{"c", "a", "b"} {
				if err := insert(tx, i, name); err != nil {
					return err
				}
			}

			rows, err := tx.Query("SELECT name FROM item ORDER BY name")
			if err != nil {
				return err
			}
			defer rows.Close()

			for rows.Next() {
				var name string
				if err := rows.Scan(&name); err != nil {
					return err
				}

				got = append(got, name)
			}

			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}

		if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestErrorsAreToldApartByCode(t *testing.T) {
	tests := []struct {
		name, sql               string
		unique, foreignKey, chk bool
	}{
		{name: "unique index", sql: "INSERT INTO item (id, name) VALUES (2, 'a')", unique: true},
		{name: "primary key", sql: "INSERT INTO item (id, name) VALUES (1, 'b')", unique: true},
		{name: "no parent", sql: "INSERT INTO part (id, item) VALUES (2, 99)", foreignKey: true},
		{name: "still has a part", sql: "DELETE FROM item WHERE id = 1", foreignKey: true},
		{name: "check", sql: "INSERT INTO item (id, name, size) VALUES (3, 'c', -1)", chk: true},
		{name: "not null", sql: "INSERT INTO item (id) VALUES (4)"},
		{name: "syntax", sql: "INSERT INTO"},
	}
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		err := database.Update(t.Context(), func(tx *db.Tx) error {
			if err := insert(tx, 1, "a"); err != nil {
				return err
			}

			_, err := tx.Exec("INSERT INTO part (id, item) VALUES (1, $1)", 1)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		for _, tt := range tests {
			err := database.Update(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(tt.sql); return err })
			if err == nil || db.IsUnique(err) != tt.unique || db.IsForeignKey(err) != tt.foreignKey ||
				db.IsCheck(err) != tt.chk {
				t.Errorf("%s: %v: unique %v, foreign key %v, check %v", tt.name, err, db.IsUnique(err),
					db.IsForeignKey(err), db.IsCheck(err))
			}
		}
	})
}

func TestViewAndViewOnceCannotWrite(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		for name, read := range map[string]func(context.Context, func(*db.Tx) error) error{
			"View":     database.View,
			"ViewOnce": database.ViewOnce,
		} {
			if err := read(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err == nil {
				t.Errorf("%s wrote", name)
			}
		}
		if n := count(t, database); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestViewOnceIsForOneStatement(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		var n int
		read := func(tx *db.Tx) error { return tx.QueryRow("SELECT count(*) FROM item").Scan(&n) }
		if err := database.ViewOnce(t.Context(), read); err != nil {
			t.Error(err)
		}
		err := database.ViewOnce(t.Context(), func(tx *db.Tx) error { return errors.Join(read(tx), read(tx)) })
		if err == nil {
			t.Error("two statements went through")
		}
	})
}

func TestViewSeesOneSnapshot(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		err := database.View(t.Context(), func(tx *db.Tx) error {
			var before, after int
			if err := tx.QueryRow("SELECT count(*) FROM item").Scan(&before); err != nil {
				return err
			}
			if err := database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err != nil {
				return err
			}

			if err := tx.QueryRow("SELECT count(*) FROM item").Scan(&after); err != nil {
				return err
			}
			if before != 0 || after != 0 {
				return fmt.Errorf("saw %d, then %d rows", before, after)
			}

			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestAFailedStatementEndsTheTransaction(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		var second error
		err := database.Update(t.Context(), func(tx *db.Tx) error {
			if err := insert(tx, 1, "a"); err != nil {
				return err
			}

			_ = insert(tx, 2, "a")
			second = insert(tx, 3, "c")
			return nil
		})
		if !db.IsUnique(err) || second == nil {
			t.Errorf("a swallowed failure: committed with %v, next statement %v", err, second)
		}

		if n := count(t, database); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestNoRowsDoesNotEndTheTransaction(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		err := database.Update(t.Context(), func(tx *db.Tx) error {
			var name string
			if err := tx.QueryRow("SELECT name FROM item WHERE id = $1", 1).Scan(&name); err != db.ErrNoRows {
				return fmt.Errorf("got %v, want ErrNoRows", err)
			}
			return insert(tx, 1, "a")
		})
		if err != nil || count(t, database) != 1 {
			t.Error(err)
		}
	})
}

func TestAStatementWhileRowsAreOpenIsRefused(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, d *db.DB) {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if err := errors.Join(insert(tx, 1, "a"), insert(tx, 2, "b")); err != nil {
				return err
			}

			rows, err := tx.Query("SELECT id FROM item")
			if err != nil {
				return err
			}

			rows.Next()
			if err := insert(tx, 3, "c"); err == nil {
				return errors.New("it went through")
			}

			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "rows of another are open") {
			t.Error(err)
		}
	})
}

func TestNowIsFixedUTCAndWholeMilliseconds(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, d *db.DB) {
		err := d.Update(t.Context(), func(tx *db.Tx) error {
			if tx.Now.Location() != time.UTC || !tx.Now.Equal(db.Time(db.Millis(tx.Now))) ||
				time.Since(tx.Now) > time.Minute {
				return fmt.Errorf("Now is %v", tx.Now)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestACancelledContextEndsTheTransactionAndNotTheDatabase(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		for range 30 { // more often than there are connections
			ctx, cancel := context.WithCancel(t.Context())
			err := database.Update(ctx, func(tx *db.Tx) error {
				cancel()
				return insert(tx, 1, "a")
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
		}

		if err := database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err != nil {
			t.Error(err)
		}
	})
}

func TestSQLiteFileNamesAreTakenAsTheyStand(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a b", "what?", "a#b", "100%", "%41", "a+b&c=d;e", "ünï", ":memory:", "file:x"} {
		path := filepath.Join(dir, name)
		database, err := db.Open(t.Context(), "sqlite:"+path, schema(items))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}

		if err := database.Close(); err != nil {
			t.Errorf("%q: %v", name, err)
		}

		if info, err := os.Stat(path); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}

	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 9 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestSQLiteFollowsSymlinks(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "real.db"), link); err != nil {
		t.Fatal(err)
	}

	database, err := db.Open(t.Context(), "sqlite:"+link, schema(items))
	if err != nil {
		t.Fatal(err)
	}

	defer database.Close()

	b, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "real.db"), schema(items))
	if err != nil {
		t.Fatal(err)
	}

	defer b.Close()

	if err := database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err != nil {
		t.Fatal(err)
	}

	if n := count(t, b); n != 1 {
		t.Errorf("%d rows by the other name", n)
	}
}
