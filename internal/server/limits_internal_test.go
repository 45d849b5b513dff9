package server

import (
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

// serveOne lets a door answer one connection in fake time, and gives the
// client's end of it. It ends when shut is called.
func serveOne(t *testing.T, h http.Handler, c *certificate) (client net.Conn, d *door, shut func()) {
	t.Helper()
	ours, theirs := net.Pipe()
	l := pipe{make(chan net.Conn, 1)}
	l.conns <- theirs
	d = newDoor(l, h, 1, c, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- d.serve() }()

	return ours, d, func() {
		t.Helper()
		close(l.conns)
		if err := d.http.Close(); err != nil {
			t.Error(err)
		}

		<-served
	}
}

func TestAttack12WhoHoldsAConnectionLosesIt(t *testing.T) {
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})

	short := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, tt := range map[string]struct {
		sends   string
		handler http.Handler
		reads   bool
		tls     *certificate
		within  time.Duration
	}{
		"silent from the start":  {"", short, true, nil, 10 * time.Second},
		"silent, in TLS":         {"", short, true, &certificate{current: &tls.Certificate{}}, 10 * time.Second},
		"silent after an answer": {request, short, true, nil, 2 * time.Minute},
		"reads nothing":          {request, endless, false, nil, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, d, shut := serveOne(t, tt.handler, tt.tls)
				defer shut()

				if tt.reads {
					go func() { _, _ = io.Copy(io.Discard, client) }()
				}

				if _, err := io.WriteString(client, tt.sends); err != nil {
					t.Fatal(err)
				}

				synctest.Wait()
				if d.limiter.open() != 1 {
					t.Fatalf("%d connections are open", d.limiter.open())
				}

				time.Sleep(tt.within - time.Second)
				synctest.Wait()
				if d.limiter.open() != 1 {
					t.Error("cut off too early")
				}

				time.Sleep(2 * time.Second)
				synctest.Wait()
				if d.limiter.open() != 0 {
					t.Errorf("not cut off within %s", tt.within)
				}
			})
		})
	}
}

func TestAttack12FewLargeBodiesAreHeldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := make(chan struct{})
		h := fewLarge(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Hold") != "" {
				<-end
			}
		}))
		send := func(size int64, hold string) int {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
			r.ContentLength = size
			r.Header.Set("Hold", hold)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)

			return w.Code
		}
		for range largeAtOnce {
			go send(smallBody+1, "it")
		}

		synctest.Wait()
		begun := time.Now()
		if got := send(smallBody, ""); got != http.StatusOK || time.Since(begun) != 0 {
			t.Errorf("a small body is answered with %d after %v", got, time.Since(begun))
		}

		for what, size := range map[string]int64{"a large body": smallBody + 1, "one of no told length": -1} {
			if got := send(size, ""); got != http.StatusServiceUnavailable {
				t.Errorf("%s is answered with %d", what, got)
			}
		}

		go func() { time.Sleep(largePatience / 2); close(end) }()
		if got := send(smallBody+1, ""); got != http.StatusOK {
			t.Errorf("who waited for a place is answered with %d", got)
		}
	})
}
