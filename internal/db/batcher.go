package db

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

const (
	// maxInFlight is how many statements of a Gather are under way at once. With
	// one, a connection that hangs would hold up everybody; with many, there would
	// be little left to gather.
	maxInFlight = 2
	// maxBatch bounds the keys of one statement, and so how long it keeps those
	// who wait for the next.
	maxBatch = 64
)

// A Gather reads by key what one statement finds, for many at once. On
// PostgreSQL a read costs mostly the way there and back and the two processes
// waking each other; so those that come while others are under way wait for the
// next turn, and go together as one statement. A read that finds nobody on the
// way goes at once and by itself, as by [DB.Peek]. On SQLite, where there is no
// way, all do.
//
// It may be used concurrently.
type Batcher[K comparable, V any] struct {
	db   *DB
	one  func(tx *Tx, key K) (V, error)
	many func(tx *Tx, keys []K) (map[K]V, error)

	mu       sync.Mutex
	inFlight int            // under way
	waiting  []*batch[K, V] // in the order in which they go
}

// A turn is a statement for all who have joined it.
type batch[K comparable, V any] struct {
	keys     []K
	done     chan struct{} // closed when what follows is set
	found    map[K]V
	err      error
	panicked any
}

// NewBatcher gives a Gather that reads a single key by one, which is the commonest
// case by far, and several by many. Both are given a tx for one statement, as by
// [DB.Peek]; of the keys no two are equal. For what is not there one gives
// [ErrNoRows], or an error of its own that says so; many leaves it out.
func NewBatcher[K comparable, V any](d *DB, one func(tx *Tx, key K) (V, error), many func(tx *Tx, keys []K) (map[K]V, error)) *Batcher[K, V] {
	return &Batcher[K, V]{db: d, one: one, many: many}
}

// Get gives what belongs to key, or [ErrNoRows], or what one says instead. It
// sees everything that was committed before it was called. The value may be
// shared with others who asked for the same key: it must not be changed. When ctx
// ends while Get waits for a turn it returns; those whose reads go with this one
// are served all the same. How long a statement may take is Peek's to say. An
// error of a statement is everybody's for whom it ran, save where it refuses a
// value: then each reads for itself, so that nobody answers for another's key.
func (g *Batcher[K, V]) Get(ctx context.Context, key K) (V, error) {
	if g.db.dialect == SQLite {
		return g.getOne(ctx, key)
	}

	t := g.join(key)
	if t == nil {
		defer g.releaseSlot()
		return g.getOne(ctx, key)
	}

	var none V
	select {
	case <-t.done:
	case <-ctx.Done():
		return none, ctx.Err()
	}

	switch {
	case t.panicked != nil:
		panic(t.panicked)
	case len(t.keys) > 1 && refusesValue(t.err):
		return g.getOne(ctx, key)
	case t.err != nil:
		return none, t.err
	}

	return pick(t.found, key)
}

func pick[K comparable, V any](found map[K]V, key K) (V, error) {
	v, ok := found[key]
	if !ok {
		return v, ErrNoRows
	}
	return v, nil
}

// join takes a place in a turn that has not begun, or, when there is room for
// one more turn, gives nil: go by yourself, then call next.
func (g *Batcher[K, V]) join(key K) *batch[K, V] {
	g.mu.Lock()
	defer g.mu.Unlock()

	if g.inFlight < maxInFlight {
		g.inFlight++
		return nil
	}

	if n := len(g.waiting); n > 0 {
		last := g.waiting[n-1]
		if slices.Contains(last.keys, key) {
			return last
		}

		if len(last.keys) < maxBatch {
			last.keys = append(last.keys, key)
			return last
		}
	}

	t := &batch[K, V]{keys: []K{key}, done: make(chan struct{})}
	g.waiting = append(g.waiting, t)
	return t
}

// releaseSlot ends a turn and begins the one that has waited longest. Nobody who has
// got an answer runs it for the others.
func (g *Batcher[K, V]) releaseSlot() {
	if t := g.takeNext(); t != nil {
		go func() {
			for ; t != nil; t = g.takeNext() {
				g.run(t)
			}
		}()
	}
}

// takeNext gives the turn that goes in place of one that has ended, or nil.
func (g *Batcher[K, V]) takeNext() *batch[K, V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.inFlight--
		return nil
	}
	t := g.waiting[0]
	g.waiting[0] = nil
	g.waiting = g.waiting[1:]
	return t
}

// run reads for all of a turn. A panic would end the program here, where no
// request is: it is handed to the requests.
func (g *Batcher[K, V]) run(t *batch[K, V]) {
	defer close(t.done)
	defer func() {
		if v := recover(); v != nil {
			t.panicked = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()

	ctx := context.Background() // of none of those who wait: each may leave
	if len(t.keys) > 1 {
		t.err = g.db.ViewOnce(ctx, func(tx *Tx) (err error) {
			t.found, err = g.many(tx, t.keys)
			return err
		})
		return
	}

	v, err := g.getOne(ctx, t.keys[0])
	t.found, t.err = map[K]V{t.keys[0]: v}, err
}

func (g *Batcher[K, V]) getOne(ctx context.Context, key K) (v V, err error) {
	err = g.db.ViewOnce(ctx, func(tx *Tx) (err error) {
		v, err = g.one(tx, key)
		return err
	})
	return v, err
}
