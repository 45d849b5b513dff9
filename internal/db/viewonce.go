package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
)

var errClosed = errors.New("db: the database is closed")

// A readPool holds the connections of [DB.ViewOnce] to SQLite. It does not use
// database/sql, whose locking, context watching and conversions by reflection cost
// as much as reading a row by its key. Connections are opened when needed, and
// kept.
type readPool struct {
	connector cachingConnector
	slots     chan struct{} // one element for each connection in use
	closed    chan struct{}
	once      sync.Once

	mu   sync.Mutex
	idle []*cachingConn // a stack
}

func newReadPool(c cachingConnector, most int) *readPool {
	return &readPool{connector: c, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

// view runs f with a querier for one statement.
func (p *readPool) view(ctx context.Context, f func(q querier) error) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer func() { <-p.slots }()

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

// enter waits for a slot.
func (p *readPool) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}: // the common case, without the cost of a select of three
		return nil
	default:
	}

	select {
	case p.slots <- struct{}{}:
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

// put keeps a connection. It closes one that the driver reports as invalid, or
// whose f has panicked: its rows may be open, so that it would show an old
// snapshot.
func (p *readPool) put(conn *cachingConn, whole bool) {
	if !whole || !conn.IsValid() {
		_ = conn.Close() // it only reads
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, conn)
}

// close waits for running reads and closes all connections.
func (p *readPool) close() error {
	var errs []error
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.slots) {
			p.slots <- struct{}{}
		}

		for _, c := range p.idle {
			errs = append(errs, c.Close())
		}

		p.idle = nil
	})

	return errors.Join(errs...)
}

// A onceQuerier reads with a driver connection.
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

// A onceRows reads the rows of a driver.
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
