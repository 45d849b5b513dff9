package netaddr

import (
	"net/netip"
	"net/url"
	"strings"
)

// IsLoopback reports whether host, without port and brackets, is localhost or a
// loopback address. Names within .localhost are not, because resolvers and
// container networks may lead them to another machine; neither are addresses with
// a zone.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Zone() == "" && address.Unmap().IsLoopback()
}

// IsLoopbackURL reports whether the host of a URL is loopback, as [IsLoopback]
// has it. What is no URL is not.
func IsLoopbackURL(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && IsLoopback(u.Hostname())
}

// SameOrigin reports whether a credential for one URL may be sent to the other:
// scheme, host and port are the same. An explicit default port counts as another
// port. File URLs are of the same origin only if they are equal, because a path
// is all they have.
func SameOrigin(a, b *url.URL) bool {
	if a.Scheme == "file" {
		return a.String() == b.String()
	}
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Host, b.Host)
}

// SameOriginURLs is [SameOrigin] for URLs that are not parsed. It returns false if
// either is no URL.
func SameOriginURLs(a, b string) bool {
	first, err := url.Parse(a)
	if err != nil {
		return false
	}
	second, err := url.Parse(b)
	return err == nil && SameOrigin(first, second)
}

// Network returns the network of a client by its address, host:port: the IPv4 address
// itself, or the /64 network of an IPv6 address, which is what one subscriber gets. It
// returns the zero Prefix if address cannot be parsed.
func Network(address string) netip.Prefix {
	client, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{}
	}

	ip, bits := client.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}

	network, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}

	return network
}
