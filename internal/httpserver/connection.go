package httpserver

import (
	"container/list"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// acceptRetry is how often one more idle connection is evicted while a new one waits for a slot.
const acceptRetry = 10 * time.Millisecond

// A limitedListener holds a fixed number of connections at once. The next connection waits for a
// slot, and those behind it in the system's accept queue; the timeouts of newServer bound the wait.
// Connections between two requests are evicted for it, the one that has been idle longest first, so
// that idle clients cannot lock others out.
type limitedListener struct {
	net.Listener
	slots     chan struct{} // one element per connection
	closed    chan struct{}
	closeOnce sync.Once

	mu sync.Mutex
	// idle holds the connections between two requests, idle longest first.
	idle   list.List
	idleAt map[net.Conn]*list.Element
}

func limitConnections(listener net.Listener, limit int) *limitedListener {
	return &limitedListener{
		Listener: listener,
		slots:    make(chan struct{}, limit),
		closed:   make(chan struct{}),
		idleAt:   map[net.Conn]*list.Element{},
	}
}

// Accept waits for a connection and for a slot for it.
func (l *limitedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}

	limited := &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-l.slots })}
	select {
	case l.slots <- struct{}{}:
		return limited, nil
	default:
	}

	retry := time.NewTicker(acceptRetry)
	defer retry.Stop()

	for count := 1; ; count++ {
		l.evictIdle(count)
		select {
		case l.slots <- struct{}{}:
			return limited, nil
		case <-l.closed:
			return nil, errors.Join(net.ErrClosed, conn.Close())
		case <-retry.C:
		}
	}
}

// evictIdle ends the count connections that have been idle longest. It sets their read deadline
// rather than close them: a request that arrives at this moment is either answered or not read.
// Connections evicted before are evicted again, because net/http reports a connection as idle
// before it sets the idle timeout, which replaces the deadline.
func (l *limitedListener) evictIdle(count int) {
	l.mu.Lock()
	defer l.mu.Unlock()

	for element := l.idle.Front(); element != nil && count > 0; element, count = element.Next(), count-1 {
		_ = element.Value.(net.Conn).SetReadDeadline(time.Unix(1, 0)) // a closed one frees its slot anyway
	}
}

// track records a change of a connection's state.
func (l *limitedListener) track(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if element, ok := l.idleAt[conn]; ok {
		l.idle.Remove(element)
		delete(l.idleAt, conn)
	}

	if state == http.StateIdle {
		l.idleAt[conn] = l.idle.PushBack(conn)
	}
}

// Close also ends the wait for a slot.
func (l *limitedListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// A limitedConn releases its slot when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets a client read the refusal of a request it is still sending: net/http looks for
// this method.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
