package db

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const poolSize = 20

func openPostgres(ctx context.Context, rawURL string, migrations Migrations) (*DB, error) {
	parsed, err := parseServerURL(rawURL)
	if err != nil {
		return nil, err
	}

	// pgx leaves the password out of the errors about a URL that has its parts.
	config, err := pgxpool.ParseConfig(rawURL)
	if err != nil {
		return nil, err
	}

	if !parsed.Query().Has("pool_max_conns") {
		config.MaxConns = poolSize
	}

	params := config.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "lockstep"
	}

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}

	database := &DB{dialect: Postgres, pool: pool}
	if err := database.migrate(ctx, migrations); err != nil {
		pool.Close()
		return nil, err
	}

	return database, nil
}

func (d *DB) runPostgres(ctx context.Context, opts pgx.TxOptions, f func(tx *Tx) error) error {
	pgxTx, err := d.pool.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	// A rollback must reach the server also when ctx is done.
	defer pgxTx.Rollback(context.WithoutCancel(ctx))
	tx := &Tx{Now: now(), Dialect: Postgres, ctx: ctx, q: pgQuerier{pgxTx}, pgxTx: pgxTx}
	if err := tx.run(f); err != nil {
		return err
	}
	return pgxTx.Commit(ctx)
}
