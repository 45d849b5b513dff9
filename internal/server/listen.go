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

	"github.com/lockstephq/lockstep/internal/netaddr"
)

// listen takes the address of a setting. The error of one that is taken says by
// whom, as far as can be told, and names the flag.
func listen(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by %s; choose another address with --%s", addr, holder(addr), setting)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", setting, err)
	}
	return l, nil
}

// onThisMachine says whether only this machine can reach a listener.
func onThisMachine(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// reachable gives HOST:PORT at which this machine reaches a listener.
func reachable(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return addr.String()
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
	if !onThisMachine(addr) {
		return h
	}

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}

		if !netaddr.IsLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "This server answers only for this machine.", http.StatusMisdirectedRequest)
			return
		}

		h.ServeHTTP(w, r)
	})
}
