package gitwire

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// A Network keeps the connections of any number of Remotes and decides which
// addresses may be dialled. One Network serves all repositories of the same
// trust. It is safe for concurrent use.
type Network struct {
	options  NetworkOptions
	client   *http.Client
	proxyTLS *tls.Config
	ssh      *sshPool
	agent    string

	mu       sync.Mutex
	trusting map[[sha256.Size]byte]*Network // by the certificates of Trusting
}

// NetworkOptions say what a Network may reach.
type NetworkOptions struct {
	// AllowPrivate lets through the private ranges, where self-hosted servers
	// are. Defaults to public addresses only.
	AllowPrivate bool
	// AllowLoopback lets through this machine. Defaults to no.
	AllowLoopback bool
	// Proxy carries all HTTP and HTTPS, as ParseProxy gives it, and resolves the
	// names: which addresses these may have is then for the proxy to decide. URLs
	// that say an address are refused as ever. This machine is reached directly, and
	// SSH always. Defaults to none.
	Proxy *url.URL
	// RootCAs replaces the system's certificate authorities. Defaults to those.
	RootCAs *x509.CertPool
	// KnownHosts is a file in OpenSSH's form with the keys of SSH servers, read
	// for each connection. Defaults to none: then only the keys that the large Git
	// hosts publish are accepted.
	KnownHosts string
	// UserAgent is sent with every request. Hosts tell clients by it. Defaults to
	// "git/lockstep": some hosts serve Git only to agents that begin with git/.
	UserAgent string
}

const (
	dialTimeout   = 10 * time.Second
	answerTimeout = time.Minute // until the first byte of an answer
	idleTimeout   = 10 * time.Minute
	idlePerHost   = 64
)

// NewNetwork makes a Network. Of proxies only NetworkOptions.Proxy is used,
// whatever the environment says: behind a proxy the address that is dialled is not
// the host's, and whether that may be is for the administrator to say.
//
// HTTP/1.1 is spoken on purpose: a poll costs less than over HTTP/2, and an
// answer that stalls stops no other.
func NewNetwork(o NetworkOptions) *Network {
	return newNetwork(o, &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12})
}

// newNetwork makes a Network whose proxy, if it has one, is trusted by a
// configuration of its own.
func newNetwork(o NetworkOptions, proxyTLS *tls.Config) *Network {
	dialer := newDialer(func(address string) error { return checkAddress(address, o) })
	n := &Network{
		options: o, agent: o.UserAgent, proxyTLS: proxyTLS, ssh: newSSHPool(dialer, o.KnownHosts),
		trusting: map[[sha256.Size]byte]*Network{},
	}
	if n.agent == "" {
		n.agent = "git/lockstep"
	}

	n.client = &http.Client{
		Transport: newTransport(dialer, o.RootCAs),
		// Redirects are answers here; advertise decides about them.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if o.Proxy != nil {
		n.client.Transport = newProxied(o, n.agent, proxyTLS)
	}

	return n
}

// newDialer makes a dialer that connects to addresses that check lets through.
func newDialer(check func(address string) error) *net.Dialer {
	return &net.Dialer{
		Timeout:   dialTimeout,
		KeepAlive: 30 * time.Second,
		// Control sees the address after name resolution, right before connect: a
		// name that changes its address between check and use gains nothing.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error { return check(address) },
	}
}

func newTransport(dialer *net.Dialer, roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    idlePerHost,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // packs are compressed, and what inflates must be counted
	}
}

// Close lets go of the connections that are not in use.
func (n *Network) Close() {
	n.client.CloseIdleConnections()
	n.ssh.close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.trusting {
		other.Close()
	}
}

// Transport carries other requests than Git's to the same hosts: only the
// addresses that may be dialled, or the proxy, no redirect of its own.
func (n *Network) Transport() http.RoundTripper { return n.client.Transport }

// maxTrusting bounds how many hosts have certificates of their own.
const maxTrusting = 256

// Trusting gives a Network like this one that also trusts certificates in PEM:
// those of a host that no public authority vouches for. Equal certificates give
// the same Network, which is closed with this one. "" gives this one.
func (n *Network) Trusting(certificates string) (*Network, error) {
	if certificates == "" {
		return n, nil
	}

	n.mu.Lock()
	defer n.mu.Unlock()

	key := sha256.Sum256([]byte(certificates))
	if other, ok := n.trusting[key]; ok {
		return other, nil
	}

	roots, err := n.roots()
	if err != nil {
		return nil, err
	}
	if !roots.AppendCertsFromPEM([]byte(certificates)) {
		return nil, fmt.Errorf("%w: the host's TLS certificate is not a certificate in PEM", ErrCertificate)
	}

	if len(n.trusting) >= maxTrusting {
		for old, other := range n.trusting { // whoever holds it goes on with it
			other.Close()
			delete(n.trusting, old)
			break
		}
	}

	o := n.options
	o.RootCAs = roots
	other := newNetwork(o, n.proxyTLS)
	n.trusting[key] = other

	return other, nil
}

// roots gives a copy of the authorities that are trusted.
func (n *Network) roots() (*x509.CertPool, error) {
	if n.options.RootCAs != nil {
		return n.options.RootCAs.Clone(), nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificate authorities: %w", err)
	}
	return roots, nil
}

func checkAddress(address string, o NetworkOptions) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, quote([]byte(address)))
	}
	if why := refuse(ap.Addr(), o); why != "" {
		return fmt.Errorf("%w: %s is %s", ErrAddress, ap.Addr(), why)
	}
	return nil
}

// refuse says why an address may not be dialled, or nothing. Instance metadata
// and link-local addresses are refused whatever the options say.
func refuse(a netip.Addr, o NetworkOptions) string {
	a = embedded(a.Unmap().WithZone(""))
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast():
		return "not the address of a host"
	case contains(a, metadata...):
		return "an instance metadata address"
	case a.IsLinkLocalUnicast(), contains(a, "fec0::/10"):
		return "a link-local address"
	case a.IsLoopback():
		if !o.AllowLoopback {
			return "a loopback address"
		}
	case a.IsPrivate(), contains(a, "100.64.0.0/10", "198.18.0.0/15"):
		if !o.AllowPrivate {
			return "a private address"
		}
	case contains(a, reserved...):
		return "a reserved address"
	}

	return ""
}

// metadata are addresses at which clouds give out credentials: AWS, Google,
// Alibaba, Oracle and Azure. The link-local ones are refused as such.
var metadata = []string{
	"169.254.0.0/16", "fd00:ec2::/32", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32",
}

// reserved are ranges of the IANA special-purpose registries that are no
// host's, and tunnels (6to4, Teredo, IPv4-compatible) that hide another address.
var reserved = []string{
	"0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
}

func contains(a netip.Addr, prefixes ...string) bool {
	for _, p := range prefixes {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// embedded gives the IPv4 address that a NAT64 address stands for.
func embedded(a netip.Addr) netip.Addr {
	if !a.Is6() || !contains(a, "64:ff9b::/96") {
		return a
	}
	b := a.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}
