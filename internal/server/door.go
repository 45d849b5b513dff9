package server

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
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
// certificate.
func newDoor(l net.Listener, h http.Handler, most int, c *certificate, log *slog.Logger) *door {
	d := &door{limiter: limit(l, most), http: newHTTPServer(h, l.Addr(), log)}
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

// A limiter is a listener that holds only so many connections at once. Further
// ones wait, in the system's own queue, until one has ended: the timeouts of
// newHTTPServer see to it that each does.
type limiter struct {
	net.Listener
	places chan struct{} // holds one for each that is taken
	taken  atomic.Int64  // by connections, not by the wait for one
	closed chan struct{}
	once   sync.Once
}

func limit(l net.Listener, most int) *limiter {
	return &limiter{Listener: l, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// open gives the number of open connections.
func (l *limiter) open() int { return int(l.taken.Load()) }

// Accept waits for a connection and for a place for it.
func (l *limiter) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	l.taken.Add(1)
	return &limitedConn{Conn: c, release: sync.OnceFunc(func() {
		l.taken.Add(-1)
		<-l.places
	})}, nil
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
