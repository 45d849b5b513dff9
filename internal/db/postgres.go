package db

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const poolSize = 20

// sessionTimeouts bound how long a process that is frozen, or cut off from the network,
// can hold its locks, and how long others wait for a lock. A URL may have others. They
// are set by statements, since connection poolers refuse them among the parameters of
// a connection.
var sessionTimeouts = map[string]string{
	"idle_in_transaction_session_timeout": "15s",
	"lock_timeout":                        "10s", // then Update begins again
	"tcp_keepalives_idle":                 "15",
	"tcp_keepalives_interval":             "5",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "30s",
}

// setSessionTimeouts returns what sets the timeouts of a new connection that params does not set.
func setSessionTimeouts(params map[string]string) func(context.Context, *pgx.Conn) error {
	var statements []string
	for _, name := range slices.Sorted(maps.Keys(sessionTimeouts)) {
		if params[name] == "" {
			statements = append(statements, "SET "+name+" = '"+sessionTimeouts[name]+"'")
		}
	}
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, strings.Join(statements, "; ")).ReadAll()
		return err
	}
}

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

	config.AfterConnect = setSessionTimeouts(params)
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
