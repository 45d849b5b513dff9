package db_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// openFile returns an SQLite database with the schema of these tests, and its path.
func openFile(t *testing.T) (*db.DB, string) {
	t.Helper()
	url := dbtest.URL(t, db.SQLite)
	database, err := db.Open(t.Context(), url, schema(items))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { database.Close() })
	return database, strings.TrimPrefix(url, "sqlite:")
}

func TestABackupHasWhatIsCommittedWhileOthersWrite(t *testing.T) {
	database, path := openFile(t)
	if err := database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, "a") }); err != nil {
		t.Fatal(err)
	}

	name := filepath.Join(t.TempDir(), "backup.db")
	err := database.Update(t.Context(), func(tx *db.Tx) error {
		return errors.Join(insert(tx, 2, "b"), db.BackupSQLite(t.Context(), path, name, schema(items)))
	})
	if err != nil {
		t.Fatal(err)
	}

	info, err := os.Stat(name)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the copy has mode %v, %v", info.Mode(), err)
	}

	backup, err := db.Open(t.Context(), "sqlite:"+name, schema(items))
	if err != nil {
		t.Fatal(err)
	}
	defer backup.Close()

	var ids string
	err = backup.View(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow("SELECT group_concat(id) FROM item").Scan(&ids)
	})
	if err != nil || ids != "1" {
		t.Errorf("the copy has the rows %q, %v", ids, err)
	}
}

func TestABackupNeverOverwritesAFile(t *testing.T) {
	_, path := openFile(t)
	name := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}

	if err := db.BackupSQLite(t.Context(), path, name, schema(items)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(name); err != nil || len(text) > 0 {
		t.Errorf("the file has %d bytes, %v", len(text), err)
	}
}

func TestABackupThatFailsLeavesNoFile(t *testing.T) {
	database, path := openFile(t)
	err := database.Update(t.Context(), func(tx *db.Tx) error { return insert(tx, 1, strings.Repeat("a", 1<<20)) })
	if err := errors.Join(err, database.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<19); err != nil {
		t.Fatal(err)
	}

	text := filepath.Join(t.TempDir(), "text")
	empty := filepath.Join(t.TempDir(), "empty")
	err = errors.Join(os.WriteFile(text, slices.Repeat([]byte("text"), 1000), 0o600), os.WriteFile(empty, nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}

	for source, want := range map[string]string{
		path:                               "malformed",
		text:                               "not a database",
		empty:                              "is not a database of a Lockstep server",
		filepath.Join(t.TempDir(), "none"): "there is no database",
	} {
		name := filepath.Join(t.TempDir(), "backup.db")
		err := db.BackupSQLite(t.Context(), source, name, schema(items))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the copy exists, %v", want, err)
		}
	}
}
