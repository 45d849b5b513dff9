package transport

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/sshpool"
)

// A Network keeps the connections of any number of repositories and decides which addresses may
// be dialled. One Network serves all repositories of the same trust. It is safe for concurrent
// use.
type Network struct {
	options  NetworkOptions
	client   *http.Client
	proxyTLS *tls.Config
	ssh      *sshpool.Pool
	agent    string

	mu       sync.Mutex
	trusting map[[sha256.Size]byte]*Network // by the certificates of Trusting
}

// NetworkOptions say what a Network may reach.
type NetworkOptions struct {
	// AllowPrivate allows the private ranges, for self-hosted servers. Defaults to public
	// addresses only.
	AllowPrivate bool
	// AllowLoopback allows loopback addresses. Defaults to no.
	AllowLoopback bool
	// Proxy carries all HTTP and HTTPS, as ParseProxy returns it. It resolves names, and so
	// decides which addresses they have. URLs with an address are checked as without a proxy.
	// Loopback and SSH never use the proxy. Defaults to none.
	Proxy *url.URL
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool
	// KnownHosts is a known_hosts file with the keys of SSH servers, read for each connection.
	// Defaults to none: then only the keys that the large Git hosts publish are accepted.
	KnownHosts string
	// UserAgent is sent with every request. Defaults to "git/lockstep": some hosts serve Git
	// only to agents that begin with git/.
	UserAgent string
}

const DefaultUserAgent = "git/lockstep"

const (
	dialTimeout   = 10 * time.Second
	answerTimeout = time.Minute // until the first byte of an answer
	idleTimeout   = 10 * time.Minute
	idlePerHost   = 64
)

// NewNetwork returns a Network. It ignores the proxies of the environment: behind a proxy the
// dialled address is not that of the host, which only the administrator may allow.
//
// It uses HTTP/1.1 on purpose: a poll costs less than over HTTP/2, and an answer that stalls
// affects no other.
func NewNetwork(o NetworkOptions) *Network {
	return newNetwork(o, &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12})
}

// newNetwork returns a Network with its own TLS configuration for the proxy.
func newNetwork(options NetworkOptions, proxyTLS *tls.Config) *Network {
	dialer := newDialer(func(address string) error { return checkAddress(address, options) })
	network := &Network{
		options: options, agent: options.UserAgent, proxyTLS: proxyTLS, ssh: sshpool.New(dialer, options.KnownHosts),
		trusting: map[[sha256.Size]byte]*Network{},
	}
	if network.agent == "" {
		network.agent = DefaultUserAgent
	}

	network.client = &http.Client{
		Transport: newTransport(dialer, options.RootCAs),
		// Redirects are responses here; Advertise decides about them.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if options.Proxy != nil {
		network.client.Transport = newProxyTransport(options, network.agent, proxyTLS)
	}

	return network
}

// newDialer returns a dialer that connects to the addresses that check allows.
func newDialer(check func(address string) error) *net.Dialer {
	return &net.Dialer{
		Timeout:   dialTimeout,
		KeepAlive: 30 * time.Second,
		// Control gets the address after name resolution, right before the connection, so that
		// a name cannot change its address between check and use.
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
		DisableCompression:     true, // packs are compressed already, and inflated bytes must be counted
	}
}

// Close closes idle connections.
func (n *Network) Close() {
	n.client.CloseIdleConnections()
	n.ssh.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.trusting {
		other.Close()
	}
}

// UserAgent returns the User-Agent of every request.
func (n *Network) UserAgent() string { return n.agent }

// Transport returns the transport for other requests to the same hosts. It dials only allowed
// addresses, or the proxy, and follows no redirects.
func (n *Network) Transport() http.RoundTripper { return n.client.Transport }

// maxTrusting bounds how many hosts have certificates of their own.
const maxTrusting = 256

// Trusting returns a Network that also trusts certificates in PEM, for a host without a
// certificate from a public authority. It returns the same Network for equal certificates;
// Close of the first one closes it. It returns n for "".
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
		return nil, fmt.Errorf("%w: the host's TLS certificate is not in PEM", giterr.ErrCertificate)
	}

	if len(n.trusting) >= maxTrusting {
		for old, other := range n.trusting { // its users keep it
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

// roots returns a copy of the trusted authorities.
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
