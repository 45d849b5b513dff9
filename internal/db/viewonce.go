package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
)

var errClosed = errors.New("db: the database is closed")

// readPool are the connections by which [DB.Peek] reads SQLite. They are not
// database/sql's: what that does for a statement, which is to lock, to watch,
// and to convert by reflection what goes in and out, costs as much as finding a
// row by its key does. They are opened when they are first needed, and kept.
type readPool struct {
	connector cachingConnector
	places    chan struct{} // holds one for each connection in use
	closed    chan struct{}
	once      sync.Once

	mu   sync.Mutex
	idle []*cachingConn // the one used last comes last, and is used next
}

func newReadPool(c cachingConnector, most int) *readPool {
	return &readPool{connector: c, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// peek runs f with a querier for one statement.
func (p *readPool) peek(ctx context.Context, f func(q querier) error) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer func() { <-p.places }()

	conn, err := p.take(ctx)
	if err != nil {
		return err
	}

	whole := false
	defer func() { p.put(conn, whole) }()

	err = f(onceQuerier{conn})
	whole = true
	return err
}

// enter waits for a place.
func (p *readPool) enter(ctx context.Context) error {
	select {
	case p.places <- struct{}{}: // at once, most often, and without looking at the others
		return nil
	default:
	}

	select {
	case p.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.closed:
		return errClosed
	}
}

func (p *readPool) take(ctx context.Context) (*cachingConn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return p.connector.open(ctx)
}

// put keeps a connection, unless the driver says that it is of no use any more,
// or f has panicked: its rows may be open then, and whoever came next would see
// the database as it was for them.
func (p *readPool) put(conn *cachingConn, whole bool) {
	if !whole || !conn.IsValid() {
		_ = conn.Close() // nothing hangs on a connection that only reads
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, conn)
}

// close waits for those that read and closes all connections.
func (p *readPool) close() error {
	var errs []error
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.places) {
			p.places <- struct{}{}
		}

		for _, c := range p.idle {
			errs = append(errs, c.Close())
		}

		p.idle = nil
	})

	return errors.Join(errs...)
}

// onceQuerier reads by a driver connection.
type onceQuerier struct{ c *cachingConn }

func (onceQuerier) exec(context.Context, string, []any) (int64, error) { return 0, errOneStatement }

func (p onceQuerier) query(ctx context.Context, sql string, args []any) (resultRows, error) {
	bound := p.c.args[:0]
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}

		bound = append(bound, driver.NamedValue{Ordinal: i + 1, Value: value})
	}

	p.c.args = bound
	rows, err := p.c.QueryContext(ctx, sql, bound)
	clear(bound)

	if err != nil {
		return nil, err
	}

	n := len(rows.Columns())
	if cap(p.c.row) < n {
		p.c.row = make([]driver.Value, n)
	}

	return &onceRows{rows: rows, row: p.c.row[:n]}, nil
}

// A peekCursor reads rows of a driver.
type onceRows struct {
	rows   driver.Rows
	row    []driver.Value // the current one
	ended  bool
	closed bool
	err    error
}

func (c *onceRows) Next() bool {
	if c.ended || c.closed {
		return false
	}
	if err := c.rows.Next(c.row); err != nil {
		c.ended = true
		if err != io.EOF {
			c.err = err
		}
		return false
	}
	return true
}

func (c *onceRows) Scan(dst ...any) error { return scanRow(dst, c.row) }

func (c *onceRows) Err() error { return c.err }

func (c *onceRows) Close() {
	if c.closed {
		return
	}
	c.closed = true
	clear(c.row)
	if err := c.rows.Close(); err != nil && c.err == nil {
		c.err = err
	}
}
