package netaddr_test

import (
	"testing"

	"github.com/lockstephq/lockstep/internal/netaddr"
)

func TestLoopbackIsLocalhostAndLoopbackAddresses(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost":            true,
		"LocalHost":            true,
		"127.0.0.1":            true,
		"127.255.0.9":          true,
		"::1":                  true,
		"::ffff:127.0.0.1":     true,
		"":                     false,
		"localhost.":           false,
		"app.localhost":        false,
		"localhost.example":    false,
		"127.0.0.1.example":    false,
		"127.1":                false,
		"2130706433":           false,
		"0x7f000001":           false,
		"0.0.0.0":              false,
		"::":                   false,
		"10.0.0.1":             false,
		"[::1]":                false,
		"::1%eth0":             false,
		"127.0.0.1:80":         false,
		"64:ff9b::7f00:1":      false,
		"::ffff:10.0.0.1":      false,
		"lockstep.example.com": false,
	} {
		if got := netaddr.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v, want %v", host, got, want)
		}
	}
}

func TestLoopbackURLsAreThoseWhoseHostIsLoopback(t *testing.T) {
	for rawURL, want := range map[string]bool{
		"http://localhost":                  true,
		"http://localhost:4747/path":        true,
		"https://[::1]:8443":                true,
		"http://user:pw@127.0.0.1:80":       true,
		"http://127.0.0.1@example.com":      false,
		"http://example.com/localhost":      false,
		"http://localhost.example.com:4747": false,
		"file:///srv/git":                   false,
		"localhost:80":                      false,
		"http://%zz":                        false,
		"":                                  false,
	} {
		if got := netaddr.IsLoopbackURL(rawURL); got != want {
			t.Errorf("IsLoopbackURL(%q) = %v, want %v", rawURL, got, want)
		}
	}
}

func TestOriginIsSchemeHostAndPort(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"https://git.example.com", "https://git.example.com/api/v1?x=1#y", true},
		{"https://git.example.com", "HTTPS://Git.Example.Com", true},
		{"https://git.example.com:8443/a", "https://git.example.com:8443/b", true},
		{"https://git.example.com", "http://git.example.com", false},
		{"https://git.example.com", "https://git.example.com:443", false},
		{"https://git.example.com", "https://git.example.com.evil.example", false},
		{"https://git.example.com", "https://evil.example/git.example.com", false},
		{"https://git.example.com", "https://git.example.com@evil.example", false},
		{"https://git.example.com", "file:///srv/git", false},
		{"file:///srv/git", "https://git.example.com", false},
		{"file:///srv/git", "file:///srv/git", true},
		{"file:///srv/git", "file:///srv/other", false},
		{"file:///srv/git", "file:///srv/git/", false},
		{"https://git.example.com", "https://%zz", false},
		{"https://%zz", "https://%zz", false},
	} {
		if got := netaddr.SameOriginURLs(test.a, test.b); got != test.want {
			t.Errorf("SameOriginURLs(%q, %q) = %v, want %v", test.a, test.b, got, test.want)
		}
	}
}
