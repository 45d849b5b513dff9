package db_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

type word string

// scanned is a row in all the types that rows are scanned to.
type scanned struct {
	Text    string
	Named   word
	MayBe   *string
	Nothing *string
	Number  int
	Wide    int64
	Size    *int
	None    *int64
	True    bool
	Bytes   []byte
	Text2   *word
}

// TestViewOnceScansAsViewDoes compares reading SQLite without database/sql with reading
// it through database/sql, and with PostgreSQL.
func TestViewOnceScansAsViewDoes(t *testing.T) {
	want := scanned{Text: "a", Named: "b", MayBe: new("c"), Number: 1, Wide: 1 << 40, Size: new(7), True: true,
		Bytes: []byte("d\x00"), Text2: new(word("e"))}
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		truth, bytes := "1", `x'6400'`
		if database.Dialect() == db.Postgres {
			truth, bytes = "true", `'\x6400'::bytea`
		}

		for name, read := range map[string]func(context.Context, func(*db.Tx) error) error{
			"View":     database.View,
			"ViewOnce": database.ViewOnce,
		} {
			var got scanned
			err := read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT CAST('a' AS text), CAST('b' AS text), CAST('c' AS text), CAST(NULL AS text),
					CAST(1 AS bigint), CAST(1099511627776 AS bigint), CAST(7 AS bigint),
					CAST(NULL AS bigint), `+truth+`, `+bytes+
					`, CAST('e' AS text)`).
					Scan(&got.Text, &got.Named, &got.MayBe, &got.Nothing, &got.Number, &got.Wide, &got.Size, &got.None,
						&got.True, &got.Bytes, &got.Text2)
			})
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", name, err, diff)
			}
		}
	})
}

func TestViewOnceRejectsValuesThatDoNotFit(t *testing.T) {
	dbtest.EachWith(t, schema(items), func(t *testing.T, database *db.DB) {
		var text string
		var small int8
		for statement, dst := range map[string]any{
			"SELECT CAST(NULL AS text)":   &text,
			"SELECT CAST(1000 AS bigint)": &small,
			"SELECT CAST('a' AS text)":    &small,
		} {
			if err := database.ViewOnce(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(statement).Scan(dst)
			}); err == nil {
				t.Errorf("%s was scanned to a %T", statement, dst)
			}
		}
	})
}

func TestMoreReadsThanConnections(t *testing.T) {
	database := open(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for range 25 {
				var name string
				err := database.ViewOnce(t.Context(), func(tx *db.Tx) error {
					return tx.QueryRow("SELECT name FROM item WHERE id = $1", i%2+1).Scan(&name)
				})
				if err != nil || name != string("ab"[i%2]) {
					t.Errorf("%d: %q, %v", i, name, err)
				}
			}
		})
	}

	all.Wait()
}

func TestViewOnceSeesWhatWasCommittedBefore(t *testing.T) {
	database := open(t)
	for i := range 100 {
		if err := database.Update(t.Context(), func(tx *db.Tx) error {
			return insert(tx, 10+i, fmt.Sprint("n", i))
		}); err != nil {
			t.Fatal(err)
		}
		var n int
		err := database.ViewOnce(t.Context(),
			func(tx *db.Tx) error { return tx.QueryRow("SELECT count(*) FROM item").Scan(&n) })
		if err != nil || n != 3+i {
			t.Fatalf("%d items, %v", n, err)
		}
	}
}

// TestAReadThatPanicsLeavesNothingOpen fails if the rows stay open: the next read would
// see the old snapshot.
func TestAReadThatPanicsLeavesNothingOpen(t *testing.T) {
	database := open(t)
	for i := range 10 {
		func() {
			defer func() { _ = recover() }()
			_ = database.ViewOnce(t.Context(), func(tx *db.Tx) error {
				rows, err := tx.Query("SELECT name FROM item")
				if err != nil || !rows.Next() {
					t.Errorf("no row: %v", err)
				}

				panic("in the middle")
			})
		}()
		if err := database.Update(t.Context(), func(tx *db.Tx) error {
			return insert(tx, 10+i, fmt.Sprint("n", i))
		}); err != nil {
			t.Fatal(err)
		}

		var n int
		err := database.ViewOnce(t.Context(),
			func(tx *db.Tx) error { return tx.QueryRow("SELECT count(*) FROM item").Scan(&n) })
		if err != nil || n != 3+i {
			t.Fatalf("%d items, %v", n, err)
		}
	}
}

func TestCloseWaitsForReads(t *testing.T) {
	database := open(t)
	read := func(tx *db.Tx) error {
		var n int
		return tx.QueryRow("SELECT count(*) FROM item").Scan(&n)
	}
	began, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- database.ViewOnce(t.Context(), func(tx *db.Tx) error {
			close(began)
			return read(tx)
		})
	}()

	<-began
	closed := make(chan error)
	go func() { closed <- database.Close() }()

	if err := <-ended; err != nil {
		t.Error(err)
	}

	if err := <-closed; err != nil {
		t.Error(err)
	}

	if err := database.ViewOnce(t.Context(), read); err == nil {
		t.Error("read a closed database")
	}
}
