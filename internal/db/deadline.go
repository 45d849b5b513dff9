package db

import (
	"context"
	"sync"
	"time"
)

const (
	// minReadTime is the minimum duration of a ViewOnce on PostgreSQL until it fails;
	// the maximum is minReadTime + deadlineSharing.
	minReadTime     = 10 * time.Second
	deadlineSharing = 5 * time.Second
)

// A sharedDeadline provides contexts with a deadline. Calls within deadlineSharing
// get the same context: a timer for each statement of 0.1 ms would cost a fortieth
// of it, and watching the caller's context as much again.
type sharedDeadline struct {
	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	began  time.Time // monotonic
}

// context returns a context that ends between minReadTime and minReadTime +
// deadlineSharing from now, or at close.
func (l *sharedDeadline) context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx == nil || time.Since(l.began) >= deadlineSharing {
		// The previous context may still be in use; it ends by itself.
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
