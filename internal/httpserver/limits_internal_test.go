package httpserver

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A pipeListener accepts the connections of a channel. Unlike those of the system they work in fake
// time.
type pipeListener struct{ conns chan net.Conn }

func (l pipeListener) Accept() (net.Conn, error) {
	conn, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// serveOne serves one connection in fake time and returns the client's end of it. The test calls
// closeAll at its end.
func serveOne(t *testing.T, handler http.Handler, certificate *Certificate) (client net.Conn, listener *Listener, closeAll func()) {
	t.Helper()
	client, conn := net.Pipe()
	pipe := pipeListener{make(chan net.Conn, 1)}
	pipe.conns <- conn

	listener = New(Options{
		Listener:       pipe,
		Handler:        handler,
		MaxConnections: 1,
		Certificate:    certificate,
		Log:            slog.New(slog.DiscardHandler),
	})
	served := make(chan error, 1)
	go func() { served <- listener.Serve() }()

	return client, listener, func() {
		t.Helper()
		close(pipe.conns)
		if err := listener.server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}
}

func TestEveryTimeoutAndTheHeaderSizeAreBounded(t *testing.T) {
	server := newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{
		"header":                 server.ReadHeaderTimeout,
		"request":                server.ReadTimeout,
		"response":               server.WriteTimeout,
		"pause between requests": server.IdleTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("the timeout of a %s is %s", name, limit)
		}
	}

	if server.MaxHeaderBytes <= 0 || server.MaxHeaderBytes > 1<<20 {
		t.Errorf("a header may have %d bytes", server.MaxHeaderBytes)
	}
}

func TestAttack12AClientThatSendsSlowlyIsCutOff(t *testing.T) {
	for name, tt := range map[string]struct {
		sends  string // and then a byte a second
		within time.Duration
	}{
		"header":     {"POST / HTTP/1.1\r\nHost: localhost\r\nX: ", 10 * time.Second},
		"small body": {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", 5 * time.Second},
		"large body": {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				readAll := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
				client, _, closeAll := serveOne(t, readAll, nil)
				defer closeAll()

				go func() { _, _ = io.Copy(io.Discard, client) }()
				began := time.Now()
				_, err := io.WriteString(client, tt.sends)
				for err == nil && time.Since(began) < time.Hour {
					time.Sleep(time.Second)
					_, err = client.Write([]byte("x"))
				}

				if took := time.Since(began); took > tt.within+2*time.Second {
					t.Errorf("cut off after %s, want %s", took, tt.within)
				}
			})
		})
	}
}

func TestAttack12AClientThatHoldsAConnectionLosesIt(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	empty := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

	for name, tt := range map[string]struct {
		sends       string
		handler     http.Handler
		reads       bool
		certificate *Certificate
		within      time.Duration
	}{
		"silent from the start":   {"", empty, true, nil, 10 * time.Second},
		"silent, in TLS":          {"", empty, true, &Certificate{current: &tls.Certificate{}}, 10 * time.Second},
		"silent after a response": {request, empty, true, nil, 2 * time.Minute},
		"reads nothing":           {request, endless, false, nil, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, listener, closeAll := serveOne(t, tt.handler, tt.certificate)
				defer closeAll()

				if tt.reads {
					go func() { _, _ = io.Copy(io.Discard, client) }()
				}
				if _, err := io.WriteString(client, tt.sends); err != nil {
					t.Fatal(err)
				}

				synctest.Wait()
				if open := listener.OpenConnections(); open != 1 {
					t.Fatalf("%d connections are open, want 1", open)
				}

				time.Sleep(tt.within - time.Second)
				synctest.Wait()
				if listener.OpenConnections() != 1 {
					t.Error("cut off too early")
				}

				time.Sleep(2 * time.Second)
				synctest.Wait()
				if listener.OpenConnections() != 0 {
					t.Errorf("not cut off within %s", tt.within)
				}
			})
		})
	}
}

func TestAttack12FewLargeBodiesAreHeldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		handler := limitBodies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Hold") != "" {
				<-release
			}
		}), maxLargeBodies, func(*http.Request) {})
		send := func(size int64, hold string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
			r.ContentLength = size
			r.Header.Set("Hold", hold)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w.Code
		}
		for range maxLargeBodies {
			go send(smallBody+1, "yes")
		}
		synctest.Wait()

		began := time.Now()
		if got := send(smallBody, ""); got != http.StatusOK {
			t.Errorf("a small body is answered with %d", got)
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("a small body waits %s", waited)
		}

		for what, size := range map[string]int64{"large body": smallBody + 1, "body of unknown length": -1} {
			if got := send(size, ""); got != http.StatusServiceUnavailable {
				t.Errorf("a %s is answered with %d", what, got)
			}
		}

		go func() { time.Sleep(largeBodyWait / 2); close(release) }()
		if got := send(smallBody+1, ""); got != http.StatusOK {
			t.Errorf("a large body that got its turn is answered with %d", got)
		}
	})
}

func TestAttack12ARefusalDoesNotWaitForTheBody(t *testing.T) {
	for name, length := range map[string]string{"small": "1000", "large": "1000000"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					http.Error(w, "refused", http.StatusForbidden)
				})
				client, listener, closeAll := serveOne(t, refuse, nil)
				defer closeAll()

				began := time.Now()
				head := "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + length + "\r\n\r\n{"
				if _, err := io.WriteString(client, head); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()

				if took := time.Since(began); took > time.Second {
					t.Errorf("the refusal took %s", took)
				}

				time.Sleep(time.Second)
				synctest.Wait()
				if listener.OpenConnections() != 0 {
					t.Error("the connection stays open")
				}
			})
		})
	}
}

func TestARefusedRequestThatWasSentWholeKeepsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "refused", http.StatusForbidden)
		})
		client, _, closeAll := serveOne(t, refuse, nil)
		defer closeAll()

		responses := bufio.NewReader(client)
		for range 3 {
			go func() {
				_, _ = io.WriteString(client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
			}()
			resp, err := http.ReadResponse(responses, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.Close {
				t.Error("the connection is closed")
			}
			time.Sleep(time.Minute) // longer than any deadline of the request
		}
	})
}

func TestAttack12OneAddressCannotTakeTheLargeBodiesOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const share = 16
		release := make(chan struct{})
		handler := limitBodies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Hold") != "" {
				<-release
			}
		}), share, func(*http.Request) {})
		send := func(address, hold string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
			r.ContentLength, r.RemoteAddr = smallBody+1, address
			r.Header.Set("Hold", hold)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			return w.Code
		}
		for range maxLargeBodies {
			go send("192.0.2.1:1000", "yes")
		}
		synctest.Wait()

		if got := send("198.51.100.7:1000", ""); got != http.StatusOK {
			t.Errorf("a large body of another address is answered with %d", got)
		}
		if got := send("192.0.2.1:1001", ""); got != http.StatusServiceUnavailable {
			t.Errorf("a large body beyond the share of its address is answered with %d", got)
		}

		close(release)
		synctest.Wait()
		if got := send("192.0.2.1:1001", ""); got != http.StatusOK {
			t.Errorf("a large body is answered with %d when the others have ended", got)
		}
	})
}
