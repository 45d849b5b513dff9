package db

import (
	"context"
	"database/sql/driver"
	"errors"
)

// statementsKept bounds the prepared statements of one SQLite connection. When
// it is reached all idle ones go: the texts in use are a fixed set well below it,
// so this is about texts made at run time.
const statementsKept = 400

var errAbility = errors.New("db: the SQLite driver has lost an ability")

// cachingConnector makes connections that keep their prepared statements.
type cachingConnector struct{ driver.Connector }

func (c cachingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.open(ctx)
	if err != nil {
		return nil, err // and not a nil *cachingConn
	}
	return conn, nil
}

func (c cachingConnector) open(ctx context.Context) (*cachingConn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	lite, ok := conn.(liteConn)
	if !ok {
		return nil, errors.Join(errAbility, conn.Close())
	}
	return &cachingConn{liteConn: lite, kept: map[string]*keptStmt{}}, nil
}

// liteConn is what the driver's connection can do.
type liteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
	driver.Pinger
}

// A cachingConn prepares the statements of ExecContext and QueryContext once. As
// every driver connection it is used by one goroutine at a time.
type cachingConn struct {
	liteConn
	kept map[string]*keptStmt

	// args and row are a peek's, used again by the next.
	args []driver.NamedValue
	row  []driver.Value
}

type keptStmt struct {
	liteStmt
	busy bool // its rows are open
}

type liteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		// Schema changes, pragmas and scripts: not worth keeping.
		return nil, driver.ErrSkip
	}
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args)
}

func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &keptRows{Rows: rows, s: s}, nil
}

// statement returns the kept statement, or prepares one. A busy one is not
// handed out twice: ErrSkip makes database/sql prepare another and close it.
func (c *cachingConn) statement(ctx context.Context, query string) (*keptStmt, error) {
	if s := c.kept[query]; s != nil {
		if s.busy {
			return nil, driver.ErrSkip
		}
		return s, nil
	}

	if len(c.kept) >= statementsKept {
		c.forget()
	}

	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}

	lite, ok := stmt.(liteStmt)
	if !ok {
		return nil, errors.Join(errAbility, stmt.Close())
	}

	s := &keptStmt{liteStmt: lite}
	c.kept[query] = s
	return s, nil
}

func (c *cachingConn) forget() {
	for query, s := range c.kept {
		if !s.busy {
			s.Close()
			delete(c.kept, query)
		}
	}
}

func (c *cachingConn) Close() error {
	for _, s := range c.kept {
		s.Close()
	}
	clear(c.kept)
	return c.liteConn.Close()
}

type keptRows struct {
	driver.Rows
	s *keptStmt
}

func (r *keptRows) Close() error {
	r.s.busy = false
	return r.Rows.Close()
}
