package db_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// TestSQLiteCommitsAreOnTheDisk pins what no test can see without a power cut.
func TestSQLiteCommitsAreOnTheDisk(t *testing.T) {
	database := dbtest.OpenOn(t, db.SQLite, schema(items))
	got := map[string]string{}
	for _, pragma := range []string{"journal_mode", "synchronous", "foreign_keys", "auto_vacuum", "journal_size_limit"} {
		var value string
		if err := database.SQL().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&value); err != nil {
			t.Fatal(err)
		}

		got[pragma] = value
	}

	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2",
		"journal_size_limit": "33554432",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestProgramsOnOneSQLiteFileTakeTurns needs the lock at BEGIN: a transaction that
// has read and then asks for it is refused, however long it would wait.
func TestProgramsOnOneSQLiteFileTakeTurns(t *testing.T) {
	const programs, each = 4, 40
	url := dbtest.URL(t, db.SQLite)
	errs := make(chan error)
	first, err := db.Open(t.Context(), url, schema(items))
	if err != nil {
		t.Fatal(err)
	}

	defer first.Close()

	if err := first.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err != nil {
		t.Fatal(err)
	}

	for range programs {
		go func() {
			database, err := db.Open(t.Context(), url, schema(items))
			if err != nil {
				errs <- err
				return
			}

			for i := 0; i < each && err == nil; i++ {
				err = database.Update(t.Context(), increment)
			}

			database.Close()
			errs <- err
		}()
	}

	for range programs {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}

	var size int
	err = first.View(t.Context(), func(tx *db.Tx) error { return tx.QueryRow("SELECT size FROM item").Scan(&size) })
	if err != nil || size != programs*each {
		t.Errorf("counted to %d, %v", size, err)
	}
}

func increment(tx *db.Tx) error {
	var size int
	if err := tx.QueryRow("SELECT coalesce(size, 0) FROM item WHERE id = 1").Scan(&size); err != nil {
		return err
	}
	_, err := tx.Exec("UPDATE item SET size = $1 WHERE id = 1", size+1)
	return err
}

// TestTruncateLogEmptiesALargeLog commits 4 MB at once: SQLite copies them to the file,
// and leaves the log as large as it was.
func TestTruncateLogEmptiesALargeLog(t *testing.T) {
	url := dbtest.URL(t, db.SQLite)
	database, err := db.Open(t.Context(), url, schema(items))
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()

	insertLarge := func(tx *db.Tx) error { return insert(tx, 1, strings.Repeat("a", 4<<20)) }
	if err := database.Update(t.Context(), insertLarge); err != nil {
		t.Fatal(err)
	}

	size := func() int64 {
		info, err := os.Stat(strings.TrimPrefix(url, "sqlite:") + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}

	if err := database.TruncateLog(t.Context()); err != nil || size() < 4<<20 {
		t.Errorf("the log has %d bytes after a call below the limit, %v", size(), err)
	}

	database.LimitLog(1 << 20)
	if err := database.TruncateLog(t.Context()); err != nil || size() != 0 {
		t.Errorf("the log has %d bytes after a call above the limit, %v", size(), err)
	}

	var timeout int
	err = database.SQL().QueryRowContext(t.Context(), "PRAGMA busy_timeout").Scan(&timeout)
	if err != nil || timeout != 10_000 {
		t.Errorf("the writer waits %d ms for locks after the call, %v", timeout, err)
	}
}
