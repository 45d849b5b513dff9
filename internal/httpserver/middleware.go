package httpserver

import (
	"net"
	"net/http"
	"strings"
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
)

// limitLargeBodies bounds the memory that bodies use. A body is read whole before its signature can
// be verified, so without a limit unauthenticated clients could make the server hold a large one on
// each connection. A body of unknown length counts as large.
func limitLargeBodies(next http.Handler) http.Handler {
	slots := make(chan struct{}, maxLargeBodies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength >= 0 && r.ContentLength <= smallBody {
			next.ServeHTTP(w, r)
			return
		}

		wait := time.NewTimer(largeBodyWait)
		defer wait.Stop()

		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		case <-wait.C:
			http.Error(w, "Too many large requests at once. Try again.", http.StatusServiceUnavailable)
		case <-r.Context().Done():
		}
	})
}

func setServerHeader(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", serverName)
		next.ServeHTTP(w, r)
	})
}

// requireLoopbackHost refuses requests for a host other than this machine: a page in a browser on
// this machine can be made to send such requests (DNS rebinding).
func requireLoopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}

		if !netaddr.IsLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "This server answers only for this machine.", http.StatusMisdirectedRequest)
			return
		}

		next.ServeHTTP(w, r)
	})
}
