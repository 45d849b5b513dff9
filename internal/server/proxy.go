package server

import (
	"net/url"

	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// parseProxy reads the setting git-proxy, of which "" is none. Its error does not
// repeat it.
func parseProxy(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	return transport.ParseProxy(raw)
}

// hidePassword gives a URL as it may be shown.
func hidePassword(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.User != nil {
		return u.Redacted()
	}
	return raw
}
