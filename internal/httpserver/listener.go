package httpserver

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// DefaultMaxConnections is the number of connections that a listener holds at once by default.
const DefaultMaxConnections = 1024

// minPerAddress is how many connections an address may have even if that is more than its share.
const minPerAddress = 16

// serverName is the Server header of every response.
const serverName = "Lockstep"

// Options describe a [Listener]. Listener, Handler and Log are required.
type Options struct {
	Listener net.Listener
	Handler  http.Handler
	// MaxConnections is the number of connections held at once. Defaults to DefaultMaxConnections.
	MaxConnections int
	// MaxPerAddress is how many of them one client may have: an IPv4 address, or an IPv6 network of
	// 64 bits. Defaults to DefaultMaxPerAddress of MaxConnections.
	MaxPerAddress int
	// Certificate makes the listener speak TLS. Defaults to none: plain HTTP.
	Certificate *Certificate
	// AnyHost serves requests for any host on a loopback address too: for paths that a proxy or a
	// tunnel on this machine forwards with the public host name, and that check a secret.
	AnyHost bool
	Log     *slog.Logger
}

// connectionKey is the context key of a request's connection.
type connectionKey struct{}

// A Listener serves HTTP on one address, with limits on connections and bodies.
type Listener struct {
	connections *limitedListener
	server      *http.Server
}

// New returns a listener that does not serve yet.
func New(options Options) *Listener {
	if options.MaxConnections == 0 {
		options.MaxConnections = DefaultMaxConnections
	}

	if options.MaxPerAddress == 0 {
		options.MaxPerAddress = DefaultMaxPerAddress(options.MaxConnections)
	}

	connections := limitConnections(
		options.Listener, options.MaxConnections, options.MaxPerAddress, options.Log)
	handler := limitBodies(options.Handler, largeBodiesPerNetwork(options), func(r *http.Request) {
		if conn, ok := r.Context().Value(connectionKey{}).(net.Conn); ok {
			connections.received(conn)
		}
	})
	if !options.AnyHost && IsLoopback(options.Listener.Addr()) {
		handler = requireLoopbackHost(handler)
	}

	listener := &Listener{
		connections: connections,
		server:      newServer(handler, options.Log),
	}

	listener.server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connectionKey{}, conn)
	}
	silent := trackSilent(listener.server)
	listener.server.ConnState = func(conn net.Conn, state http.ConnState) {
		silent(conn, state)
		listener.connections.track(conn, state)
	}
	if options.Certificate != nil {
		listener.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: options.Certificate.get}
	}

	return listener
}

// DefaultMaxPerAddress returns how many of a listener's connections one client may have by default: a
// quarter.
func DefaultMaxPerAddress(maxConnections int) int { return max(maxConnections/4, minPerAddress) }

// largeBodiesPerNetwork returns a network's share of the large bodies: as large as its share of the
// connections.
func largeBodiesPerNetwork(options Options) int {
	share := maxLargeBodies * options.MaxPerAddress / options.MaxConnections
	return min(max(share, 1), maxLargeBodies)
}

// Serve accepts connections until Shutdown or Close. It always returns an error; after either of
// the two it is [http.ErrServerClosed].
func (l *Listener) Serve() error {
	if l.server.TLSConfig != nil {
		return l.server.ServeTLS(l.connections, "", "")
	}
	return l.server.Serve(l.connections)
}

// Shutdown stops accepting and waits for the requests under way. When ctx ends, the remaining
// connections are closed.
func (l *Listener) Shutdown(ctx context.Context) error {
	if err := l.server.Shutdown(ctx); err != nil {
		return l.server.Close()
	}
	return nil
}

// OpenConnections returns the number of open connections, without those that wait to be accepted.
func (l *Listener) OpenConnections() int { return len(l.connections.slots) }

// newServer bounds the size of headers and the time that a client may take. It speaks HTTP/1.1
// alone.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)

	return &http.Server{
		Handler:           setServerHeader(handler),
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// trackSilent closes, when server shuts down, the connections that never sent anything: Shutdown
// would wait five seconds for each, and browsers and Go's own client open connections in advance.
// The caller passes each change of a connection's state to the returned function.
func trackSilent(server *http.Server) func(net.Conn, http.ConnState) {
	var mu sync.Mutex
	silent, closing := map[net.Conn]bool{}, false

	server.RegisterOnShutdown(func() {
		mu.Lock()
		defer mu.Unlock()

		closing = true
		for conn := range silent {
			conn.Close()
		}
	})

	return func(conn net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()

		switch {
		case state != http.StateNew:
			delete(silent, conn)
		case closing:
			conn.Close()
		default:
			silent[conn] = true
		}
	}
}
