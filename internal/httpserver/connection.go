package httpserver

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

const (
	// acceptRetry is how often one more idle connection is evicted while a new one waits for a slot.
	acceptRetry = 10 * time.Millisecond
	// refusalPause is the shortest time between two log lines about refused connections.
	refusalPause = time.Minute
)

// A limitedListener holds a fixed number of connections at once. The next connection waits for a
// slot, and those behind it in the system's accept queue; the timeouts of newServer bound the wait.
// Connections between two requests are evicted for it, the one that has been idle longest first, so
// that idle clients cannot lock others out.
//
// A client network has fewer connections than all together, so that it cannot lock the others out
// either. One more replaces its connection that has been idle longest, else the one whose request has
// been arriving longest, and is closed at once if all of its connections wait for responses.
type limitedListener struct {
	net.Listener
	perNetwork int
	log        *slog.Logger
	slots      chan struct{} // one element per connection
	closed     chan struct{}
	closeOnce  sync.Once

	mu sync.Mutex
	// open counts the connections of each network.
	open map[netip.Prefix]int
	// refusedAt is when the last log line about a refused connection was written.
	refusedAt time.Time
	// idle holds the connections between two requests, idle longest first.
	idle connections
	// receiving holds the connections whose request has not arrived whole, the oldest first.
	receiving connections
}

// connections are connections in order.
type connections struct {
	order list.List
	at    map[net.Conn]*list.Element
}

func newConnections() connections { return connections{at: map[net.Conn]*list.Element{}} }

// add adds a connection at the end, unless it is there already.
func (c *connections) add(conn net.Conn) {
	if c.at[conn] == nil {
		c.at[conn] = c.order.PushBack(conn)
	}
}

func (c *connections) remove(conn net.Conn) {
	if element, ok := c.at[conn]; ok {
		c.order.Remove(element)
		delete(c.at, conn)
	}
}

// evictOf ends the first connection of a network. It reports whether there was one.
func (c *connections) evictOf(network netip.Prefix) bool {
	for element := c.order.Front(); element != nil; element = element.Next() {
		conn := element.Value.(net.Conn)
		if netaddr.Network(conn.RemoteAddr().String()) == network {
			evict(conn)
			c.order.MoveToBack(element) // the next one replaces another
			return true
		}
	}

	return false
}

// evict ends a connection. It sets its read deadline rather than close it: a request that arrives at
// this moment is either answered or not read.
func evict(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Unix(1, 0)) // a closed one frees its slot anyway
}

func limitConnections(listener net.Listener, limit, perNetwork int, log *slog.Logger) *limitedListener {
	return &limitedListener{
		Listener:   listener,
		perNetwork: perNetwork,
		log:        log,
		slots:      make(chan struct{}, limit),
		closed:     make(chan struct{}),
		open:       map[netip.Prefix]int{},
		idle:       newConnections(),
		receiving:  newConnections(),
	}
}

// Accept waits for a connection and for a slot for it.
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}

		network := netaddr.Network(conn.RemoteAddr().String())
		if l.reserve(network) {
			return l.awaitSlot(conn, network)
		}

		_ = conn.Close()
		l.logRefused(network)
	}
}

// reserve counts a connection of a network. It reports whether the network may have it.
func (l *limitedListener) reserve(network netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	isFull := l.open[network] >= l.perNetwork
	if isFull && !l.idle.evictOf(network) && !l.receiving.evictOf(network) {
		return false
	}

	l.open[network]++
	return true
}

// release uncounts a connection of a network.
func (l *limitedListener) release(network netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.open[network]--; l.open[network] <= 0 {
		delete(l.open, network)
	}
}

// logRefused logs that a network has too many connections. The operator may know it as a proxy.
func (l *limitedListener) logRefused(network netip.Prefix) {
	l.mu.Lock()
	now := time.Now()
	isDue := l.refusedAt.IsZero() || now.Sub(l.refusedAt) >= refusalPause
	if isDue {
		l.refusedAt = now
	}
	l.mu.Unlock()

	if isDue {
		l.log.Warn("connections refused: too many of one address",
			slog.String("network", network.String()), slog.Int("limit", l.perNetwork))
	}
}

// awaitSlot waits for a slot for a connection.
func (l *limitedListener) awaitSlot(conn net.Conn, network netip.Prefix) (net.Conn, error) {
	limited := &limitedConn{Conn: conn, release: sync.OnceFunc(func() {
		<-l.slots
		l.release(network)
	})}
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

// evictIdle ends the count connections that have been idle longest. Connections evicted before are
// evicted again, because net/http reports a connection as idle before it sets the idle timeout, which
// replaces the deadline.
func (l *limitedListener) evictIdle(count int) {
	l.mu.Lock()
	defer l.mu.Unlock()

	for element := l.idle.order.Front(); element != nil && count > 0; element, count = element.Next(), count-1 {
		evict(element.Value.(net.Conn))
	}
}

// track records a change of a connection's state.
func (l *limitedListener) track(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()

	switch state {
	case http.StateNew, http.StateActive:
		l.idle.remove(conn)
		l.receiving.add(conn)
	case http.StateIdle:
		l.receiving.remove(conn)
		l.idle.remove(conn)
		l.idle.add(conn)
	default:
		l.receiving.remove(conn)
		l.idle.remove(conn)
	}
}

// received records that the request on a connection has arrived whole.
func (l *limitedListener) received(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receiving.remove(conn)
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
