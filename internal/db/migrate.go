package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"regexp"
	"strconv"
)

//go:embed migrations
var embedded embed.FS

// Migrations is a schema: FS holds sqlite/NNNN_name.sql and
// postgres/NNNN_name.sql, numbered from 0001 without gaps, with the same names for
// both engines. Table is the name of the table that records the applied
// migrations; two programs may share a database if their tables differ.
type Migrations struct {
	FS    fs.FS
	Table string
}

// Schema returns the server's schema.
func Schema() Migrations {
	sub, err := fs.Sub(embedded, "migrations")
	if err != nil {
		panic(err) // the path is a constant
	}
	return Migrations{FS: sub, Table: "schema_migration"}
}

// ErrNewerSchema is returned by [Open] for a database that a newer program has
// migrated.
var ErrNewerSchema = errors.New("the database has a newer schema than this program knows: use the newer program")

var (
	migrationName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)
	tableName     = regexp.MustCompile(`^[a-z_]+$`)
)

type migration struct {
	number int
	name   string
	sql    string
}

// files returns the migrations for an engine, in order.
func (m Migrations) files(dialect Dialect) ([]migration, error) {
	if !tableName.MatchString(m.Table) {
		return nil, fmt.Errorf("migrations: %q is not a valid name for the table of applied migrations", m.Table)
	}

	names, err := fs.Glob(m.FS, dialect.String()+"/*.sql")
	if err != nil {
		return nil, err
	}

	var all []migration
	for i, name := range names {
		base := name[len(dialect.String())+1:]
		match := migrationName.FindStringSubmatch(base)
		if match == nil {
			return nil, fmt.Errorf("migration %s: the name must be NNNN_name.sql", name)
		}

		number, err := strconv.Atoi(match[1])
		if err != nil || number != i+1 {
			return nil, fmt.Errorf("migration %s: expected number %04d", name, i+1)
		}

		text, err := fs.ReadFile(m.FS, name)
		if err != nil {
			return nil, err
		}

		all = append(all, migration{number: number, name: base, sql: string(text)})
	}

	return all, nil
}

// migrate applies the missing migrations, one after the other. Several programs
// may do so concurrently: each checks again under the lock.
func (d *DB) migrate(ctx context.Context, migrations Migrations) error {
	all, err := migrations.files(d.dialect)
	if err != nil {
		return err
	}

	for done := false; !done; {
		err := d.Update(ctx, func(tx *Tx) (err error) {
			done, err = migrateOne(tx, migrations.Table, all)
			return err
		})
		if err != nil {
			return err
		}
	}

	return nil
}

func migrateOne(tx *Tx, table string, all []migration) (done bool, err error) {
	if tx.Dialect == Postgres {
		if _, err := tx.Exec("SET LOCAL lock_timeout = 0"); err != nil { // another node may migrate for long
			return false, err
		}
		h := fnv.New64a()
		h.Write([]byte("lockstep migrations " + table))
		if _, err := tx.Exec("SELECT pg_advisory_xact_lock($1)", int64(h.Sum64())); err != nil {
			return false, err
		}
	}

	_, err = tx.Exec("CREATE TABLE IF NOT EXISTS " + table +
		" (number bigint PRIMARY KEY, name text NOT NULL, applied_at bigint NOT NULL)")
	if err != nil {
		return false, err
	}

	var applied int
	if err := tx.QueryRow("SELECT coalesce(max(number), 0) FROM " + table).Scan(&applied); err != nil {
		return false, err
	}
	if applied > len(all) {
		return false, ErrNewerSchema
	}

	if applied == len(all) {
		return true, nil
	}

	next := all[applied]
	if _, err := tx.Exec(next.sql); err != nil {
		return false, fmt.Errorf("migration %s: %w", next.name, err)
	}

	if tx.Dialect == SQLite {
		if err := foreignKeyCheck(tx); err != nil {
			return false, fmt.Errorf("migration %s: %w", next.name, err)
		}
	}

	_, err = tx.Exec("INSERT INTO "+table+" (number, name, applied_at) VALUES ($1, $2, $3)", next.number, next.name,
		Millis(tx.Now))
	return false, err
}
