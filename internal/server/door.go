package server

import (
	"container/list"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// defaultConnections are those that a door holds at once if nobody says how
// many.
const defaultConnections = 1024

// A door is a way in: an address and what answers there. Everything that
// bounds a client is put on it here and in newHTTPServer.
type door struct {
	*limiter
	http *http.Server
}

// newDoor makes one for most connections at once, in TLS where there is a
// certificate. HTTP/2 is not spoken: a connection of it is many requests, and the
// number of connections would bound nothing.
func newDoor(l net.Listener, h http.Handler, most int, c *certificate, log *slog.Logger) *door {
	d := &door{limiter: limit(l, most), http: newHTTPServer(fewLarge(h), l.Addr(), log)}
	d.http.Protocols = new(http.Protocols)
	d.http.Protocols.SetHTTP1(true)
	before := d.http.ConnState
	d.http.ConnState = func(c net.Conn, state http.ConnState) {
		before(c, state)
		d.limiter.follow(c, state)
	}

	if c != nil {
		d.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	}

	return d
}

// serve answers until the door is shut. It always returns an error.
func (d *door) serve() error {
	if d.http.TLSConfig != nil {
		return d.http.ServeTLS(d.limiter, "", "")
	}
	return d.http.Serve(d.limiter)
}

const (
	// smallBody is above what clients send but for large policies and templates.
	smallBody = 64 << 10
	// largeAtOnce is how many larger bodies a door holds at once.
	largeAtOnce = 64
	// largePatience is how long one waits for its turn.
	largePatience = 10 * time.Second
)

// fewLarge bounds the memory that bodies take. A body is read whole before
// anybody can know who has signed it, so strangers with a connection each could
// make us hold a large one each. A body of which nobody has said how long it is
// counts as large.
func fewLarge(h http.Handler) http.Handler {
	places := make(chan struct{}, largeAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength >= 0 && r.ContentLength <= smallBody {
			h.ServeHTTP(w, r)
			return
		}

		turn := time.NewTimer(largePatience)
		defer turn.Stop()

		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			h.ServeHTTP(w, r)
		case <-turn.C:
			http.Error(w, "Too many large requests at once. Try again.", http.StatusServiceUnavailable)
		case <-r.Context().Done():
		}
	})
}

// A limiter is a listener that holds only so many connections at once. A further
// one waits until one has ended, and all behind it in the system's own queue: the
// timeouts of newHTTPServer see to it that each does. One between two requests
// need not be waited for: the one that has been so longest makes way, so that who
// does nothing keeps nobody out.
type limiter struct {
	net.Listener
	places chan struct{} // holds one for each that is taken
	closed chan struct{}
	once   sync.Once

	mu sync.Mutex
	// idle are the connections between two requests, longest first, and where
	// each stands among them.
	idle   list.List
	idleAt map[net.Conn]*list.Element
}

func limit(l net.Listener, most int) *limiter {
	return &limiter{Listener: l, places: make(chan struct{}, most), closed: make(chan struct{}), idleAt: map[net.Conn]*list.Element{}}
}

// open gives the number of open connections, without one that waits.
func (l *limiter) open() int { return len(l.places) }

// lookForPlace is how often one more is asked to make way while one waits.
const lookForPlace = 10 * time.Millisecond

// Accept waits for a connection and for a place for it.
func (l *limiter) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}

	held := &limitedConn{Conn: c, release: sync.OnceFunc(func() { <-l.places })}
	select {
	case l.places <- struct{}{}:
		return held, nil
	default:
	}

	again := time.NewTicker(lookForPlace)
	defer again.Stop()

	for n := 1; ; n++ {
		l.makeWay(n)
		select {
		case l.places <- struct{}{}:
			return held, nil
		case <-l.closed:
			return nil, errors.Join(net.ErrClosed, c.Close())
		case <-again.C:
		}
	}
}

// makeWay ends the n connections that have been idle longest. They are not closed
// but waited for no longer: a request that comes at this moment is either answered
// or not read. Those that were asked before are asked again: net/http says that one
// is idle before it says how long that may last, and the later word counts.
func (l *limiter) makeWay(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := l.idle.Front(); c != nil && n > 0; c, n = c.Next(), n-1 {
		_ = c.Value.(net.Conn).SetReadDeadline(time.Unix(1, 0)) // one that is closed makes way as well
	}
}

// follow hears of what becomes of connections.
func (l *limiter) follow(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.idleAt[c]; ok {
		l.idle.Remove(at)
		delete(l.idleAt, c)
	}
	if state == http.StateIdle {
		l.idleAt[c] = l.idle.PushBack(c)
	}
}

// Close also ends the wait for a place.
func (l *limiter) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// A limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite lets a client read the refusal of what it is still sending:
// net/http looks for this method.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
