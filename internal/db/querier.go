package db

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A querier runs statements on an engine.
type querier interface {
	exec(ctx context.Context, sql string, args []any) (int64, error)
	query(ctx context.Context, sql string, args []any) (resultRows, error)
}

// A resultRows is an open result. After Close, Err reports whether it ended early.
type resultRows interface {
	Next() bool
	Scan(dst ...any) error
	Err() error
	Close()
}

type sqlQuerier struct {
	q interface {
		ExecContext(ctx context.Context, sql string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, sql string, args ...any) (*sql.Rows, error)
	}
}

func (s sqlQuerier) exec(ctx context.Context, sql string, args []any) (int64, error) {
	result, err := s.q.ExecContext(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (s sqlQuerier) query(ctx context.Context, sql string, args []any) (resultRows, error) {
	rows, err := s.q.QueryContext(ctx, sql, args...)
	return &sqlCursor{Rows: rows}, err
}

// sqlCursor keeps the error of Close, which Err of database/sql does not return.
type sqlCursor struct {
	*sql.Rows
	closed error
}

func (c *sqlCursor) Close() {
	if err := c.Rows.Close(); err != nil {
		c.closed = err
	}
}

func (c *sqlCursor) Err() error {
	if err := c.Rows.Err(); err != nil {
		return err
	}
	return c.closed
}

type pgQuerier struct {
	q interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	}
}

func (p pgQuerier) exec(ctx context.Context, sql string, args []any) (int64, error) {
	tag, err := p.q.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (p pgQuerier) query(ctx context.Context, sql string, args []any) (resultRows, error) {
	return p.q.Query(ctx, sql, args...)
}
