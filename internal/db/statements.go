package db

import (
	"context"
	"database/sql/driver"
	"errors"
)

// maxCachedStatements bounds the prepared statements of one SQLite connection.
// When it is reached, all idle ones are closed. The program has fewer statement
// texts; the bound is for texts that are built at run time.
const maxCachedStatements = 400

var errDriverChanged = errors.New("db: the SQLite driver does not implement an interface that is needed")

// A cachingConnector opens connections that cache their prepared statements.
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
	lite, ok := conn.(sqliteConn)
	if !ok {
		return nil, errors.Join(errDriverChanged, conn.Close())
	}
	return &cachingConn{sqliteConn: lite, kept: map[string]*cachedStatement{}}, nil
}

// sqliteConn is the interface of the driver's connections.
type sqliteConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.SessionResetter
	driver.Validator
	driver.Pinger
}

// A cachingConn caches the prepared statements of ExecContext and QueryContext.
// Like every driver connection, it is used by one goroutine at a time.
type cachingConn struct {
	sqliteConn
	kept map[string]*cachedStatement

	// args and row are buffers of ViewOnce.
	args []driver.NamedValue
	row  []driver.Value
}

type cachedStatement struct {
	sqliteStatement
	busy bool // its rows are open
}

type sqliteStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) == 0 {
		// Schema changes, pragmas and scripts: not worth caching.
		return nil, driver.ErrSkip
	}
	statement, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return statement.ExecContext(ctx, args)
}

func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	statement, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := statement.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	statement.busy = true
	return &cachedRows{Rows: rows, s: statement}, nil
}

// statement returns a cached statement, or prepares one. For a busy statement it
// returns ErrSkip, so that database/sql prepares another and closes it.
func (c *cachingConn) statement(ctx context.Context, query string) (*cachedStatement, error) {
	if statement := c.kept[query]; statement != nil {
		if statement.busy {
			return nil, driver.ErrSkip
		}
		return statement, nil
	}

	if len(c.kept) >= maxCachedStatements {
		c.forget()
	}

	stmt, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}

	lite, ok := stmt.(sqliteStatement)
	if !ok {
		return nil, errors.Join(errDriverChanged, stmt.Close())
	}

	statement := &cachedStatement{sqliteStatement: lite}
	c.kept[query] = statement
	return statement, nil
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
	return c.sqliteConn.Close()
}

type cachedRows struct {
	driver.Rows
	s *cachedStatement
}

func (r *cachedRows) Close() error {
	r.s.busy = false
	return r.Rows.Close()
}
