package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
)

var errClosed = errors.New("db: the database is closed")

// peekers are the connections by which [DB.Peek] reads SQLite. They are not
// database/sql's: what that does for a statement, which is to lock, to watch,
// and to convert by reflection what goes in and out, costs as much as finding a
// row by its key does. They are opened when they are first needed, and kept.
type peekers struct {
	connector cachingConnector
	places    chan struct{} // holds one for each connection in use
	closed    chan struct{}
	once      sync.Once

	mu   sync.Mutex
	idle []*cachingConn // the one used last comes last, and is used next
}

func newPeekers(c cachingConnector, most int) *peekers {
	return &peekers{connector: c, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// peek runs f with a querier for one statement.
func (p *peekers) peek(ctx context.Context, f func(q querier) error) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer func() { <-p.places }()

	c, err := p.take(ctx)
	if err != nil {
		return err
	}

	whole := false
	defer func() { p.put(c, whole) }()

	err = f(peekQuerier{c})
	whole = true
	return err
}

// enter waits for a place.
func (p *peekers) enter(ctx context.Context) error {
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

func (p *peekers) take(ctx context.Context) (*cachingConn, error) {
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
func (p *peekers) put(c *cachingConn, whole bool) {
	if !whole || !c.IsValid() {
		_ = c.Close() // nothing hangs on a connection that only reads
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

// close waits for those that read and closes all connections.
func (p *peekers) close() error {
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

// peekQuerier reads by a driver connection.
type peekQuerier struct{ c *cachingConn }

func (peekQuerier) exec(context.Context, string, []any) (int64, error) { return 0, errPeek }

func (p peekQuerier) query(ctx context.Context, sql string, args []any) (resultRows, error) {
	bound := p.c.args[:0]
	for i, arg := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}

		bound = append(bound, driver.NamedValue{Ordinal: i + 1, Value: v})
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

	return &peekCursor{rows: rows, row: p.c.row[:n]}, nil
}

// A peekCursor reads rows of a driver.
type peekCursor struct {
	rows   driver.Rows
	row    []driver.Value // the current one
	ended  bool
	closed bool
	err    error
}

func (c *peekCursor) Next() bool {
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

func (c *peekCursor) Scan(dst ...any) error { return scanRow(dst, c.row) }

func (c *peekCursor) Err() error { return c.err }

func (c *peekCursor) Close() {
	if c.closed {
		return
	}
	c.closed = true
	clear(c.row)
	if err := c.rows.Close(); err != nil && c.err == nil {
		c.err = err
	}
}
