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

// A Network keeps the connections of any number of Remotes and decides which
// addresses may be dialled. One Network serves all repositories of the same
// trust. It is safe for concurrent use.
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

const DefaultUserAgent = "git/lockstep"

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
		// Redirects are answers here; advertise decides about them.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if options.Proxy != nil {
		network.client.Transport = newProxyTransport(options, network.agent, proxyTLS)
	}

	return network
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
	n.ssh.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.trusting {
		other.Close()
	}
}

// UserAgent is what is sent as such with every request.
func (n *Network) UserAgent() string { return n.agent }

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
		return nil, fmt.Errorf("%w: the host's TLS certificate is not a certificate in PEM", giterr.ErrCertificate)
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
