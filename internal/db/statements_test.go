package db_test

import (
	"fmt"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// open is an SQLite database with two items.
func open(t testing.TB) *db.DB {
	t.Helper()
	database := dbtest.OpenOn(t, db.SQLite, schema(items))
	err := database.Update(t.Context(), func(tx *db.Tx) error {
		if err := insert(tx, 1, "a"); err != nil {
			return err
		}
		return insert(tx, 2, "b")
	})
	if err != nil {
		t.Fatal(err)
	}

	return database
}

func TestAKeptStatementIsNotUsedTwiceAtOnce(t *testing.T) {
	d := open(t)
	// The queue's library uses the handle itself, where rows may be nested.
	sqlTx, err := d.SQL().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}

	defer sqlTx.Rollback()

	var seen string
	const query = "SELECT name FROM item WHERE id >= $1 ORDER BY id"
	outer, err := sqlTx.Query(query, 1)
	if err != nil {
		t.Fatal(err)
	}

	defer outer.Close()

	for outer.Next() {
		var a, b string
		if err := outer.Scan(&a); err != nil {
			t.Fatal(err)
		}

		if err := sqlTx.QueryRow(query, 2).Scan(&b); err != nil {
			t.Fatal(err)
		}

		seen += a + b
	}

	if err := outer.Err(); err != nil || seen != "abbb" {
		t.Errorf("saw %q, %v", seen, err)
	}
}

func TestAKeptStatementWorksAgainAfterAnErrorAndAfterASchemaChange(t *testing.T) {
	database := open(t)
	for i := range 3 {
		err := database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 10, "a") })
		if !db.IsUnique(err) {
			t.Fatalf("round %d: %v", i, err)
		}

		err = database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 10+i, fmt.Sprint("n", i)) })
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}

		err = database.Update(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(fmt.Sprintf("ALTER TABLE item ADD COLUMN c%d text", i))
			return err
		})
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}

	if n := count(t, database); n != 5 {
		t.Errorf("%d items", n)
	}
}

func TestStatementsBeyondTheBoundWork(t *testing.T) {
	d := open(t)
	err := d.Update(t.Context(), func(tx *db.Tx) error {
		for i := range 1000 {
			var got int
			if err := tx.QueryRow(fmt.Sprintf("SELECT %d + $1", i), 1).Scan(&got); err != nil || got != i+1 {
				return fmt.Errorf("statement %d: %d, %w", i, got, err)
			}
		}

		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// BenchmarkRead is the read that a status is: one row by its key.
func BenchmarkRead(b *testing.B) {
	for _, engine := range []db.Dialect{db.SQLite, db.Postgres} {
		database := dbtest.OpenOn(b, engine, schema(items))
		if err := database.Update(b.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err != nil {
			b.Fatal(err)
		}

		read := func(tx *db.Tx) error {
			var name string
			return tx.QueryRow("SELECT name FROM item WHERE id = $1", 1).Scan(&name)
		}
		b.Run(engine.String()+"/View", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := database.View(b.Context(), read); err != nil {
						b.Error(err)
					}
				}
			})
		})
		b.Run(engine.String()+"/ViewOnce", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := database.ViewOnce(b.Context(), read); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
