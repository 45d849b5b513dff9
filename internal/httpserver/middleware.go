package httpserver

import (
	"net"
	"net/http"
	"strings"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

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
