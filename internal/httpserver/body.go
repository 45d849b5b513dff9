package httpserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

const (
	// smallBody is larger than anything clients send except large policies and templates.
	smallBody = 64 << 10
	// maxLargeBodies is how many larger bodies a listener holds at once.
	maxLargeBodies = 64
	// largeBodyWait is how long a larger body waits for its turn.
	largeBodyWait = 10 * time.Second

	// requestTimeout is how long a client may take to send a request with a large body.
	requestTimeout = 30 * time.Second
	// smallBodyTimeout is how long it may take to send a small body.
	smallBodyTimeout = 5 * time.Second
	// discardTimeout is how long the rest of a body is awaited that the handler did not read.
	discardTimeout = 500 * time.Millisecond
)

// limitBodies bounds the time that small bodies take, and the memory that large ones use, perNetwork
// of them for one client network. A body is read whole before its signature can be verified, so
// without limits clients that have no key could occupy the server. A body of unknown length counts
// as large.
//
// received is called when a request has arrived whole.
func limitBodies(next http.Handler, perNetwork int, received func(*http.Request)) http.Handler {
	large := &largeBodies{
		slots:      make(chan struct{}, maxLargeBodies),
		perNetwork: perNetwork,
		networks:   map[netip.Prefix]*networkSlots{},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			received(r)
			next.ServeHTTP(w, r)
			return
		}

		body := &trackedBody{ReadCloser: r.Body, received: func() { received(r) }}
		r.Body = body
		w = &discardingWriter{ResponseWriter: w, body: body}

		if r.ContentLength > 0 && r.ContentLength <= smallBody {
			// net/http clears the deadline when the body has been read. Only tests have writers
			// without a deadline.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(smallBodyTimeout))
			next.ServeHTTP(w, r)
			return
		}

		release, ok := large.acquire(r.Context(), netaddr.Network(r.RemoteAddr))
		if !ok {
			http.Error(w, "Too many large requests at once. Try again.", http.StatusServiceUnavailable)
			return
		}
		defer release()

		next.ServeHTTP(w, r)
	})
}

// A trackedBody knows whether it has been read.
type trackedBody struct {
	io.ReadCloser
	isRead   bool
	received func() // called when it has been read
}

func (b *trackedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && !b.isRead {
		b.isRead = true
		b.received()
	}
	return n, err
}

// A discardingWriter responds without waiting long for a body that the handler refused unread:
// net/http reads what remains of it before it sends the response, so that the client can send
// further requests on the connection.
type discardingWriter struct {
	http.ResponseWriter
	body        *trackedBody
	wroteHeader bool
}

func (w *discardingWriter) WriteHeader(status int) {
	if !w.wroteHeader && !w.body.isRead {
		_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now().Add(discardTimeout))
	}
	w.wroteHeader = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *discardingWriter) Write(content []byte) (int, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(content)
}

// Unwrap returns the writer for [http.ResponseController].
func (w *discardingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// largeBodies are the slots for large bodies, of all clients and of each network.
type largeBodies struct {
	slots      chan struct{}
	perNetwork int

	mu       sync.Mutex
	networks map[netip.Prefix]*networkSlots
}

// networkSlots are those of one network. They are kept while requests use them or wait for them.
type networkSlots struct {
	slots chan struct{}
	users int
}

// acquire waits for a slot of a network and one of all. It reports false if there is none in time,
// or if ctx ends.
func (l *largeBodies) acquire(ctx context.Context, network netip.Prefix) (release func(), ok bool) {
	ctx, cancel := context.WithTimeout(ctx, largeBodyWait)
	defer cancel()

	own := l.use(network)
	for i, slots := range []chan struct{}{own.slots, l.slots} {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			if i == 1 {
				<-own.slots
			}
			l.leave(network, own)
			return nil, false
		}
	}

	return func() {
		<-l.slots
		<-own.slots
		l.leave(network, own)
	}, true
}

func (l *largeBodies) use(network netip.Prefix) *networkSlots {
	l.mu.Lock()
	defer l.mu.Unlock()

	own := l.networks[network]
	if own == nil {
		own = &networkSlots{slots: make(chan struct{}, l.perNetwork)}
		l.networks[network] = own
	}

	own.users++
	return own
}

func (l *largeBodies) leave(network netip.Prefix, own *networkSlots) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if own.users--; own.users == 0 {
		delete(l.networks, network)
	}
}
