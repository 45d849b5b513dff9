package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// BackupSQLite writes a consistent copy of the SQLite database at path to the new file at
// name, with mode 0600. Other processes may use the database meanwhile: the copy has what
// is committed when it begins. BackupSQLite does not migrate the database, so that an older
// schema can be copied before an upgrade. The error is [fs.ErrExist] if there is a file at
// name, and leaves no file otherwise.
func BackupSQLite(ctx context.Context, path, name string, m Migrations) (err error) {
	source, err := existingSQLite(path, "rw")
	if err != nil {
		return err
	}
	defer source.Close()

	if err := checkApplied(ctx, source, path, m.Table); err != nil {
		return err
	}

	name, err = filepath.Abs(name)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(err, os.Remove(name))
		}
	}()

	if _, err := source.ExecContext(ctx, "VACUUM INTO ?", name); err != nil {
		return fmt.Errorf("copy %s: %w", path, err)
	}
	if err := checkIntegrity(ctx, name); err != nil {
		return fmt.Errorf("the copy of %s: %w", path, err)
	}
	if err := file.Sync(); err != nil {
		return err
	}

	return syncFolder(filepath.Dir(name))
}

// existingSQLite opens an SQLite file in a mode of SQLite's URI form: rw or ro.
func existingSQLite(path, mode string) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}

	info, err := os.Stat(abs)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("there is no database %s", path)
	}
	if err != nil {
		return nil, err
	}

	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}
	return sqlitePool(u.String()+"?mode="+mode+"&_pragma=busy_timeout("+busyTimeout+")", 1)
}

// checkApplied returns an error unless a database has the table of applied migrations.
func checkApplied(ctx context.Context, database *sql.DB, path, table string) error {
	var tables int
	row := database.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", table)
	if err := row.Scan(&tables); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if tables == 0 {
		return fmt.Errorf("%s is not a database of a Lockstep server", path)
	}
	return nil
}

// checkIntegrity returns the first damage that SQLite finds in a file.
func checkIntegrity(ctx context.Context, path string) (err error) {
	database, err := existingSQLite(path, "ro")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()

	var found string
	if err := database.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&found); err != nil {
		return fmt.Errorf("check the integrity: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("check the integrity: %s", found)
	}
	return nil
}

// syncFolder makes the name of a new file survive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
