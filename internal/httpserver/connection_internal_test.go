package httpserver

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An addressedConn is a connection from an address.
type addressedConn struct {
	net.Conn
	remote net.Addr
}

func (c addressedConn) RemoteAddr() net.Addr { return c.remote }

// A crowd connects to a listener from many addresses.
type crowd struct {
	t        *testing.T
	conns    chan net.Conn
	listener *Listener
}

// newCrowd returns a crowd at a listener with limits. The test calls leave at its end.
func newCrowd(t *testing.T, handler http.Handler, most, mostPerAddress int, log io.Writer) (c *crowd, leave func()) {
	t.Helper()
	conns := make(chan net.Conn)
	listener := New(Options{
		Listener:       pipeListener{conns},
		Handler:        handler,
		MaxConnections: most,
		MaxPerAddress:  mostPerAddress,
		Log:            slog.New(slog.NewTextHandler(log, nil)),
	})
	served := make(chan error, 1)
	go func() { served <- listener.Serve() }()

	return &crowd{t, conns, listener}, func() {
		close(conns)
		if err := listener.server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}
}

// connect returns the client's end of a connection from an address.
func (c *crowd) connect(address string) net.Conn {
	c.t.Helper()
	client, conn := net.Pipe()
	c.t.Cleanup(func() { client.Close() })
	c.conns <- addressedConn{conn, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}
	synctest.Wait()
	return client
}

// isAnswered reports whether a request on a connection is answered, once the connection is
// idle.
func (c *crowd) isAnswered(conn net.Conn) bool {
	c.t.Helper()
	defer synctest.Wait()
	return request(conn)
}

// request reports whether a request on a connection is answered.
func request(conn net.Conn) bool {
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return false
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func TestAttack23OneAddressCannotTakeAllConnections(t *testing.T) {
	for name, addresses := range map[string]func(i int) string{
		"IPv4":           func(int) string { return "192.0.2.1:1000" },
		"IPv6 network":   func(i int) string { return netip.AddrPortFrom(addressInNetwork(i), 1000).String() },
		"IPv4 as IPv6":   func(int) string { return "[::ffff:192.0.2.1]:1000" },
		"IPv6 with zone": func(int) string { return "[fe80::1%eth0]:1000" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				release := make(chan struct{})
				busy := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if !strings.HasPrefix(r.RemoteAddr, "198.51.100.7:") {
						<-release
					}
				})
				c, leave := newCrowd(t, busy, 8, 4, &log)
				defer leave()
				defer close(release)

				for i := range 20 { // each waits for its response
					go request(c.connect(addresses(i)))
					synctest.Wait()
				}
				if open := c.listener.OpenConnections(); open != 4 {
					t.Errorf("%d connections are open, want 4", open)
				}
				if got := strings.Count(log.String(), "connections refused"); got != 1 {
					t.Errorf("%d log lines about refused connections, want 1 a minute: %s", got, log.String())
				}

				if !c.isAnswered(c.connect("198.51.100.7:1000")) {
					t.Error("another address gets no answer")
				}
			})
		})
	}
}

// addressInNetwork returns an address of one IPv6 network of 64 bits.
func addressInNetwork(i int) netip.Addr {
	address := netip.MustParseAddr("2001:db8:1:2::").As16()
	address[8], address[15] = byte(i), byte(i)
	return netip.AddrFrom16(address)
}

func TestAttack23ConnectionsWithoutARequestDoNotLockOutTheirAddress(t *testing.T) {
	for name, start := range map[string]string{
		"silent":     "",
		"header":     "POST / HTTP/1.1\r\nHo",
		"small body": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
		"large body": "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				readAll := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
				})
				c, leave := newCrowd(t, readAll, 8, 4, io.Discard)
				defer leave()

				for range 20 {
					conn := c.connect("192.0.2.1:1000")
					go func() {
						_, _ = io.WriteString(conn, start)
						_, _ = io.Copy(io.Discard, conn)
					}()
					synctest.Wait()
				}
				if open := c.listener.OpenConnections(); open != 4 {
					t.Errorf("%d connections are open, want 4", open)
				}

				began := time.Now()
				if !c.isAnswered(c.connect("192.0.2.1:1000")) {
					t.Error("a request from the same address gets no answer")
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("the answer took %s", took)
				}
			})
		})
	}
}

func TestAConnectionBeyondThoseOfItsAddressReplacesAnIdleOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		c, leave := newCrowd(t, ok, 8, 2, io.Discard)
		defer leave()

		var conns []net.Conn
		for i := range 5 {
			conns = append(conns, c.connect("192.0.2.1:1000"))
			if !c.isAnswered(conns[i]) {
				t.Fatalf("connection %d gets no answer", i)
			}
		}

		if open := c.listener.OpenConnections(); open != 2 {
			t.Errorf("%d connections are open, want 2", open)
		}
		if c.isAnswered(conns[0]) {
			t.Error("the connection that was idle longest is still open")
		}
		if !c.isAnswered(conns[4]) {
			t.Error("the newest connection is closed")
		}
	})
}

func TestAnAddressMayConnectAgainWhenItsConnectionsHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		c, leave := newCrowd(t, ok, 8, 2, io.Discard)
		defer leave()

		for range 2 {
			c.connect("192.0.2.1:1000").Close()
			synctest.Wait()
		}
		if !c.isAnswered(c.connect("192.0.2.1:1000")) {
			t.Error("a connection gets no answer")
		}
		if got := len(c.listener.connections.open); got != 1 {
			t.Errorf("the listener remembers %d networks, want 1", got)
		}
	})
}

func TestAHandlerMayTakeLongerThanTheBodyOfItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var contextError error
		slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			time.Sleep(2 * requestTimeout)
			contextError = r.Context().Err()
		})
		client, _, closeAll := serveOne(t, slow, nil)
		defer closeAll()

		if _, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatalf("the request is not answered: %v", err)
		}
		resp.Body.Close()
		if contextError != nil {
			t.Errorf("the context of the handler ended: %v", contextError)
		}
	})
}
