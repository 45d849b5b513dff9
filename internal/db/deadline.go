package db

import (
	"context"
	"sync"
	"time"
)

const (
	// minReadTime is how long a Peek of PostgreSQL may take at least, and peekTime and
	// peekShare together at most.
	minReadTime     = 10 * time.Second
	deadlineSharing = 5 * time.Second
)

// A limit gives contexts that end in time. All who ask within peekShare get the
// same one: a timer for each statement that takes a tenth of a millisecond costs a
// fortieth of it, and to watch for its caller's leaving as much again.
type sharedDeadline struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	began  time.Time // by the clock that is never set
}

// context gives one that ends between peekTime and peekTime + peekShare from now,
// or when the limit is closed.
func (l *sharedDeadline) context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx == nil || time.Since(l.began) >= deadlineSharing {
		// Whoever has the one before may need it still: it ends by itself.
		l.ctx, l.cancel = context.WithTimeout(context.Background(), minReadTime+deadlineSharing)
		l.began = time.Now()
	}
	return l.ctx
}

func (l *sharedDeadline) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cancel != nil {
		l.cancel()
	}
}
