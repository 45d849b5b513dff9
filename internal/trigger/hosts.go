package trigger

import (
	"context"
	"sync"
)

// hostSlots bounds how many looks are under way at one host, known by the
// connection it is reached over.
type hostSlots struct {
	most  int
	mu    *sync.Mutex
	slots map[string]*slot
}

type slot struct {
	free  chan struct{}
	users int
}

func newHostSlots(most int) hostSlots {
	return hostSlots{most: most, mu: new(sync.Mutex), slots: map[string]*slot{}}
}

// acquire waits for a place at a host. Call release when done.
func (h hostSlots) acquire(ctx context.Context, host string) (release func(), err error) {
	h.mu.Lock()
	s, ok := h.slots[host]
	if !ok {
		s = &slot{free: make(chan struct{}, h.most)}
		h.slots[host] = s
	}
	s.users++
	h.mu.Unlock()
	leave := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if s.users--; s.users == 0 {
			delete(h.slots, host)
		}
	}
	select {
	case s.free <- struct{}{}:
		return func() { <-s.free; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
