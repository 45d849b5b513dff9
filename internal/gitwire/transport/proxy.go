package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
)

// ParseProxy parses the address of a proxy: http://[USER:PASSWORD@]HOST:PORT, or https:// for
// one that is reached over TLS. Its errors do not repeat the address, which may contain a
// password.
func ParseProxy(raw string) (*url.URL, error) {
	address, err := url.Parse(raw)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Hostname() == "" ||
		strings.Trim(address.Path, "/") != "" ||
		address.RawQuery != "" || address.ForceQuery || address.Fragment != "" {
		return nil, errors.New("a proxy is http://HOST:PORT or https://HOST:PORT")
	}
	if port, err := strconv.ParseUint(address.Port(), 10, 16); err != nil || port == 0 {
		return nil, errors.New("a proxy has a port, http://HOST:PORT")
	}

	if password, _ := address.User.Password(); address.User != nil &&
		(password == "" || address.User.Username() == "") {
		return nil, errors.New("a proxy's user is USER:PASSWORD@ before the host, or absent")
	}

	return address, nil
}

// A proxyTransport sends requests through a proxy, and those to this machine directly: behind
// the proxy, localhost is another machine. The proxy resolves names, so only what a URL spells
// out can be checked.
type proxyTransport struct {
	through *http.Transport // dials the proxy alone
	direct  *http.Transport // dials loopback alone
	options NetworkOptions
	proxy   string // as errors show it
}

// newProxyTransport returns both transports. The authorities that Trusting adds are for hosts:
// proxyTLS, for the proxy itself, does not have them.
func newProxyTransport(options NetworkOptions, agent string, proxyTLS *tls.Config) *proxyTransport {
	shown := url.URL{Scheme: options.Proxy.Scheme, Host: options.Proxy.Host}
	made := &proxyTransport{options: options, proxy: shown.String()}
	made.direct = newTransport(newDialer(checkLoopback), options.RootCAs)

	// The administrator chose the proxy, so private and loopback addresses are allowed.
	dialer := newDialer(func(address string) error {
		return checkAddress(address, NetworkOptions{AllowPrivate: true, AllowLoopback: true})
	})
	made.through = newTransport(dialer, options.RootCAs)
	made.through.Proxy = http.ProxyURL(options.Proxy)
	made.through.ProxyConnectHeader = http.Header{"User-Agent": {agent}}
	made.through.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request,
		resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return made.statusError(resp.StatusCode)
		}
		return nil
	}
	made.through.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := dialer.DialContext(ctx, network, address)
		return connection, made.dialError(err)
	}
	secure := tls.Dialer{NetDialer: dialer, Config: proxyTLS}
	made.through.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := secure.DialContext(ctx, network, address)
		return connection, made.dialError(err)
	}

	return made
}

// RoundTrip sends one request, or refuses it before anything is sent.
func (p *proxyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	host := plainHost(req.URL)
	if why := hostRefusal(host, p.options); why != "" {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("%w: %s is %s", giterr.ErrAddress, giterr.Quote([]byte(host)), why)
	}

	if isLocal(host) {
		return p.direct.RoundTrip(req)
	}

	resp, err := p.through.RoundTrip(req)
	if fault, ok := errors.AsType[*proxyError](err); ok {
		return nil, fault
	}
	if err != nil {
		return nil, fmt.Errorf("through the proxy %s: %w", p.proxy, err)
	}

	if resp.StatusCode == http.StatusProxyAuthRequired &&
		req.URL.Scheme == "http" { // in a tunnel it would be the host's
		resp.Body.Close()
		return nil, p.statusError(resp.StatusCode)
	}

	return resp, nil
}

// CloseIdleConnections closes those to the proxy and to this machine.
func (p *proxyTransport) CloseIdleConnections() {
	p.through.CloseIdleConnections()
	p.direct.CloseIdleConnections()
}

// A proxyError is an error of the proxy itself.
type proxyError struct{ error }

func (e *proxyError) Unwrap() error { return e.error }

// statusError returns what a proxy's response means. It does not repeat the response, which may
// contain what was sent.
func (p *proxyTransport) statusError(status int) error {
	kind, hint := giterr.ErrUnavailable, ""
	switch {
	case status == http.StatusProxyAuthRequired:
		kind, hint = giterr.ErrProxy, ": it requires another user and password"
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
	case status/100 == 4:
		kind, hint = giterr.ErrProxy, ": it does not allow this host"
	}
	return &proxyError{fmt.Errorf("%w: the proxy %s answers %d %s%s", kind, p.proxy, status,
		http.StatusText(status), hint)}
}

// dialError adds the proxy to an error of dialling it.
func (p *proxyTransport) dialError(err error) error {
	certificate, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case err == nil:
		return nil
	case isCertificate:
		err = fmt.Errorf("%w: the proxy %s: %w", giterr.ErrCertificate, p.proxy, certificate)
	case errors.Is(err, giterr.ErrAddress):
		err = fmt.Errorf("the proxy %s: %w", p.proxy, err)
	default:
		err = fmt.Errorf("%w: the proxy %s: %w", giterr.ErrUnavailable, p.proxy, err)
	}

	return &proxyError{err}
}

// WithProxy adds the proxy to a message about a response of u that came in plain HTTP, because
// it may be the proxy's own, and redacts its password.
func (n *Network) WithProxy(u *url.URL, message string) string {
	proxy, ok := n.client.Transport.(*proxyTransport)
	if !ok || u.Scheme != "http" || isLocal(plainHost(u)) {
		return message
	}
	if user := proxy.options.Proxy.User; user != nil {
		password, _ := user.Password()
		message = Basic("", user.Username(), password).Redact(message)
	}
	return message + " through the proxy " + proxy.proxy
}
