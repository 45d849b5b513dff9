package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// listen takes an address. The error of one that is taken says by whom, as far
// as can be told, and names the flag.
func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by %s; choose another address with --listen", addr, holder(addr))
	}
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return l, nil
}

// serverName is what answers say of who gave them.
const serverName = "Lockstep"

// newHTTPServer bounds what a client can make us hold: header size and the time
// it may take to send.
func newHTTPServer(h http.Handler, addr net.Addr, log *slog.Logger) *http.Server {
	srv := &http.Server{
		Handler:           named(knownHosts(h, addr)),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	hangUp(srv)
	return srv
}

// hangUp closes, when srv shuts down, the connections on which nothing was ever
// sent. Shutdown would wait five seconds for each; browsers, and Go's own client,
// open such in advance.
func hangUp(srv *http.Server) {
	var mu sync.Mutex
	silent, down := map[net.Conn]bool{}, false
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case state != http.StateNew:
			delete(silent, c)
		case down:
			c.Close()
		default:
			silent[c] = true
		}
	}
	srv.RegisterOnShutdown(func() {
		mu.Lock()
		defer mu.Unlock()
		down = true
		for c := range silent {
			c.Close()
		}
	})
}

func named(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", serverName)
		h.ServeHTTP(w, r)
	})
}

// knownHosts refuses, on a loopback address, requests for any other host: a
// page in a browser on this machine can be made to send such.
func knownHosts(h http.Handler, addr net.Addr) http.Handler {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "This server answers only for this machine.", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
