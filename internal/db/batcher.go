package db

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

const (
	// maxInFlight is the number of statements in flight. With one, a connection that
	// hangs would block all reads; with many, batches would be small.
	maxInFlight = 2
	// maxBatch bounds the keys of one statement, and so the delay of the next.
	maxBatch = 64
)

// A Batcher reads by key and combines concurrent reads into one statement. When
// fewer than maxInFlight statements are in flight, a read runs immediately, as by
// [DB.ViewOnce]. SQLite, which has no round trip, is not batched.
//
// It is safe for concurrent use.
type Batcher[K comparable, V any] struct {
	db   *DB
	one  func(tx *Tx, key K) (V, error)
	many func(tx *Tx, keys []K) (map[K]V, error)

	mu       sync.Mutex
	inFlight int            // statements
	waiting  []*batch[K, V] // in order
}

// A batch is a statement with the keys of all reads that share it.
type batch[K comparable, V any] struct {
	keys     []K
	done     chan struct{} // closed when what follows is set
	found    map[K]V
	err      error
	panicked any
}

// NewBatcher returns a Batcher that reads a single key with one, which is the most
// common case, and several different keys with many. Both get a tx for one
// statement, as by [DB.ViewOnce]. For a missing key, one returns [ErrNoRows] or an
// error of its own; many leaves the key out.
func NewBatcher[K comparable, V any](
	database *DB, one func(tx *Tx, key K) (V, error), many func(tx *Tx, keys []K) (map[K]V, error),
) *Batcher[K, V] {
	return &Batcher[K, V]{db: database, one: one, many: many}
}

// Get returns the value of key, or the error of one for a missing key, or
// [ErrNoRows]. It sees everything that was committed before the call. Callers that
// ask for the same key may share the value, so it must not be changed.
//
// If ctx ends while Get waits, it returns; the other reads of the batch continue.
// For the duration of a statement, see [DB.ViewOnce]. All reads of a batch get its
// error, except an error about a value: then each read is repeated alone, so that
// no caller gets the error of another caller's key.
func (b *Batcher[K, V]) Get(ctx context.Context, key K) (V, error) {
	if b.db.dialect == SQLite {
		return b.getOne(ctx, key)
	}

	batch := b.join(key)
	if batch == nil {
		defer b.releaseSlot()
		return b.getOne(ctx, key)
	}

	var none V
	select {
	case <-batch.done:
	case <-ctx.Done():
		return none, ctx.Err()
	}

	switch {
	case batch.panicked != nil:
		panic(batch.panicked)
	case len(batch.keys) > 1 && refusesValue(batch.err):
		return b.getOne(ctx, key)
	case batch.err != nil:
		return none, batch.err
	}

	return pick(batch.found, key)
}

func pick[K comparable, V any](found map[K]V, key K) (V, error) {
	v, ok := found[key]
	if !ok {
		return v, ErrNoRows
	}
	return v, nil
}

// join adds key to a batch that has not begun. It returns nil if a statement can
// run immediately: run it, then call releaseSlot.
func (b *Batcher[K, V]) join(key K) *batch[K, V] {
	b.mu.Lock()
	defer b.mu.Unlock()

	if b.inFlight < maxInFlight {
		b.inFlight++
		return nil
	}

	if n := len(b.waiting); n > 0 {
		last := b.waiting[n-1]
		if slices.Contains(last.keys, key) {
			return last
		}

		if len(last.keys) < maxBatch {
			last.keys = append(last.keys, key)
			return last
		}
	}

	next := &batch[K, V]{keys: []K{key}, done: make(chan struct{})}
	b.waiting = append(b.waiting, next)
	return next
}

// releaseSlot ends a statement and runs the waiting batches, in a goroutine of its
// own so that no caller runs them for others.
func (b *Batcher[K, V]) releaseSlot() {
	if next := b.takeNext(); next != nil {
		go func() {
			for ; next != nil; next = b.takeNext() {
				b.run(next)
			}
		}()
	}
}

// takeNext returns the next waiting batch, or nil if there is none and the slot is
// free.
func (b *Batcher[K, V]) takeNext() *batch[K, V] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.inFlight--
		return nil
	}
	next := b.waiting[0]
	b.waiting[0] = nil
	b.waiting = b.waiting[1:]
	return next
}

// run executes a batch. A panic is passed to the callers that wait for the batch:
// in this goroutine it would end the program.
func (b *Batcher[K, V]) run(batch *batch[K, V]) {
	defer close(batch.done)
	defer func() {
		if v := recover(); v != nil {
			batch.panicked = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()

	ctx := context.Background() // each waiting caller may leave
	if len(batch.keys) > 1 {
		batch.err = b.db.ViewOnce(ctx, func(tx *Tx) (err error) {
			batch.found, err = b.many(tx, batch.keys)
			return err
		})
		return
	}

	value, err := b.getOne(ctx, batch.keys[0])
	batch.found, batch.err = map[K]V{batch.keys[0]: value}, err
}

// getOne reads one key in a statement of its own.
func (b *Batcher[K, V]) getOne(ctx context.Context, key K) (value V, err error) {
	err = b.db.ViewOnce(ctx, func(tx *Tx) (err error) {
		value, err = b.one(tx, key)
		return err
	})
	return value, err
}
