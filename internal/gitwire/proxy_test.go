package gitwire_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire"
	"github.com/lockstephq/lockstep/internal/gitwire/giterr"
	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

const proxyPair = "lockstep:canary-of-a-proxy"

func TestHTTPGoesThroughTheProxyWhichResolvesTheName(t *testing.T) {
	for _, secureProxy := range []bool{false, true} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("TLS to the proxy %v, to the host %v", secureProxy, secure), func(t *testing.T) {
				repo, srv, _ := served(t, gitwiretest.Options{TLS: secure, Token: "canary-of-a-token"})
				sha := id(t, repo.Commit(map[string]string{"a": "1"}))
				proxy := newProxy(t, srv.URL, secureProxy)
				proxy.pair = proxyPair
				// The network itself may reach nothing of this machine.
				options := transport.NetworkOptions{Proxy: proxy.address(t, proxyPair)}
				for _, s := range []*httptest.Server{srv.Server, proxy.Server} {
					if s.TLS != nil {
						options.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
					}
				}

				network := transport.NewNetwork(options)
				t.Cleanup(network.Close)
				address, want := "http://example.com/team/app.git", "POST example.com"
				if secure {
					address, want = "https://example.com/team/app.git", "CONNECT example.com:443"
				}

				remote := open(t, gitwire.Options{
					URL:     address,
					Network: network,
					Auth:    transport.Bearer(address, "canary-of-a-token"),
				})
				if got, err := mainOf(t, remote); err != nil || got != sha {
					t.Fatalf("got %v, %v", got, err)
				}

				if asked, _ := proxy.requests(); len(asked) == 0 || asked[len(asked)-1] != want {
					t.Errorf("the proxy was asked for %q; the last should be %q", asked, want)
				}

				for _, remote := range srv.Requests() {
					if remote.Header.Get("Proxy-Authorization") != "" {
						t.Errorf("the host was sent the proxy's password: %s", remote.Header)
					}
				}
			})
		}
	}
}

func TestAttack17InATunnelTheProxySeesNoCredential(t *testing.T) {
	repo, srv, _ := served(t, gitwiretest.Options{TLS: true, Token: "canary-of-a-token"})
	repo.Commit(map[string]string{"a": "1"})
	proxy := newProxy(t, srv.URL, false)
	proxy.pair = proxyPair
	network := transport.NewNetwork(transport.NetworkOptions{
		Proxy: proxy.address(t, proxyPair), RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	})
	t.Cleanup(network.Close)
	const address = "https://example.com/team/app.git"
	remote := open(t, gitwire.Options{
		URL:     address,
		Network: network,
		Auth:    transport.Bearer(address, "canary-of-a-token"),
	})
	if _, err := mainOf(t, remote); err != nil {
		t.Fatal(err)
	}

	asked, clear := proxy.requests()
	if len(asked) != 1 {
		t.Errorf("the proxy got %d requests, want 1: %q", len(asked), asked)
	}

	if strings.Contains(clear, "canary-of-a-token") {
		t.Errorf("%q contains %q", clear, "canary-of-a-token")
	}

	if strings.Contains(clear, "\nAuthorization") {
		t.Errorf("%q contains %q", clear, "\nAuthorization")
	}

	seen := 0
	for _, remote := range srv.Requests() {
		if remote.Header.Get("Authorization") == "Bearer canary-of-a-token" {
			seen++
		}
		if strings.Contains(fmt.Sprint(remote.Header), "canary-of-a-proxy") ||
			remote.Header.Get("Proxy-Authorization") != "" {
			t.Errorf("the host was sent the proxy's password: %s", remote.Header)
		}
	}

	if seen == 0 {
		t.Error("the host was not sent the credential")
	}
}

// The proxy resolves or dials the requested address, so a forbidden address in a URL
// is refused before a request is sent.
func TestAttack16AProxyIsNotAskedForAForbiddenAddress(t *testing.T) {
	proxy := newProxy(t, "http://127.0.0.1:1", false)
	everything := transport.NetworkOptions{AllowPrivate: true, AllowLoopback: true}
	for _, row := range []struct {
		o     transport.NetworkOptions
		hosts []string
	}{
		{transport.NetworkOptions{}, []string{
			"10.0.0.1",
			"192.168.1.1:8080",
			"[fd12::1]",
			"[::ffff:10.0.0.1]",
			"[64:ff9b::a00:1]",
			"10.0.0.1.",
		}},
		{transport.NetworkOptions{AllowPrivate: true}, []string{
			"127.0.0.1", "127.0.0.1.", "localhost", "LOCALHOST.:80", "a.localhost", "[::1]",
			"[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
		}},
		{everything, []string{
			"169.254.169.254", "169.254.169.254.", "[fd00:ec2::254]", "[::ffff:169.254.169.254]",
			"[64:ff9b::a9fe:a9fe]", "100.100.100.200",
			"[fe80::1]", "[fe80::1%25eth0]", "0.0.0.0", "[::]", "224.0.0.1", "2852039166", "0xa9fea9fe",
			"169.254.43518", "0251.0376.0251.0376",
			"169.254.169.0xfe", "127.1", "0", "１６９.254.169.254", "169。254。169。254", "ｌocalhost", "a..", "example.com,x",
		}},
	} {
		row.o.Proxy = proxy.address(t, "")
		network := transport.NewNetwork(row.o)
		t.Cleanup(network.Close)

		for _, host := range row.hosts {
			for _, scheme := range []string{"http://", "https://"} {
				r := open(t, gitwire.Options{URL: scheme + host + "/app", Network: network})
				if _, err := r.Head(t.Context()); !errors.Is(err, giterr.ErrAddress) {
					t.Errorf("%s%s: got %v", scheme, host, err)
				}
			}
		}
	}

	if asked, _ := proxy.requests(); len(asked) > 0 {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

func TestAttack16ARedirectDoesNotLeadTheProxyToAForbiddenAddress(t *testing.T) {
	for _, to := range []string{
		"http://169.254.169.254/latest/info/refs", "http://[fd00:ec2::254]/info/refs",
		"http://2852039166/info/refs", "http://10.0.0.1/info/refs",
		"http://localhost/info/refs", "https://127.0.0.1/info/refs",
	} {
		_, srv, _ := served(t, gitwiretest.Options{Wrap: redirects(http.MethodGet, func(*http.Request) string {
			return to
		}, http.StatusFound)})
		proxy := newProxy(t, srv.URL, false)
		network := transport.NewNetwork(transport.NetworkOptions{Proxy: proxy.address(t, "")})
		t.Cleanup(network.Close)
		_, err := open(t, gitwire.Options{URL: "http://example.com/team/app.git", Network: network}).Head(t.Context())
		if asked, _ := proxy.requests(); !errors.Is(err, giterr.ErrAddress) || len(asked) != 1 {
			t.Errorf("%s: the proxy was asked for %q, and it ends with %v", to, asked, err)
		}
	}
}

// Behind the proxy localhost would be another machine.
func TestThisMachineIsReachedWithoutTheProxy(t *testing.T) {
	repo, srv, _ := served(t, gitwiretest.Options{})
	sha := id(t, repo.Commit(map[string]string{"a": "1"}))
	proxy := newProxy(t, srv.URL, false)
	network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, Proxy: proxy.address(t, "")})
	t.Cleanup(network.Close)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(srv.URL, "http://"))
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		r := open(t, gitwire.Options{URL: "http://" + host + ":" + port + "/team/app.git", Network: network})
		if got, err := mainOf(t, r); err != nil || got != sha {
			t.Errorf("%s: got %v, %v", host, got, err)
		}
	}

	if asked, _ := proxy.requests(); len(asked) > 0 {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

func TestAttack18AProxysRefusalNamesItAndHidesItsPassword(t *testing.T) {
	pair := base64.StdEncoding.EncodeToString([]byte(proxyPair))
	for _, row := range []struct {
		status int
		tunnel error // of https
		clear  error // of http
	}{
		{http.StatusProxyAuthRequired, giterr.ErrProxy, giterr.ErrProxy},
		{http.StatusForbidden, giterr.ErrProxy, giterr.ErrUnauthorized},
		{http.StatusMethodNotAllowed, giterr.ErrProxy, giterr.ErrProtocol},
		{http.StatusTooManyRequests, giterr.ErrUnavailable, giterr.ErrUnavailable},
		{http.StatusBadGateway, giterr.ErrUnavailable, giterr.ErrUnavailable},
	} {
		proxy := newProxy(t, "http://127.0.0.1:1", false)
		proxy.refuse, proxy.say = row.status, "you sent Basic "+pair+" which is "+proxyPair
		network := transport.NewNetwork(transport.NetworkOptions{Proxy: proxy.address(t, proxyPair)})
		t.Cleanup(network.Close)

		for address, want := range map[string]error{
			"https://example.com/app": row.tunnel,
			"http://example.com/app":  row.clear,
		} {
			_, err := open(t, gitwire.Options{URL: address, Network: network}).Head(t.Context())
			if !errors.Is(err, want) || !strings.Contains(err.Error(), "the proxy "+proxy.URL) {
				t.Errorf("%d for %s: got %v; want %v", row.status, address, err, want)
			}

			if shown := fmt.Sprintf("%v %+v", err, err); strings.Contains(shown, "canary") ||
				strings.Contains(shown, pair[:8]) {
				t.Errorf("%d for %s: the password is shown: %s", row.status, address, shown)
			}
		}
	}
}

func TestAProxyThatIsNotThereOrNotItselfIsNamed(t *testing.T) {
	secure := newProxy(t, "http://127.0.0.1:1", true)
	gone := newProxy(t, "http://127.0.0.1:1", false)
	away := gone.address(t, proxyPair)
	gone.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	var served sync.WaitGroup
	served.Go(func() {
		for c, err := silent.Accept(); err == nil; c, err = silent.Accept() {
			c.Close()
		}
	})

	t.Cleanup(func() { silent.Close(); served.Wait() })
	for raw, want := range map[string]error{
		secure.URL:                         giterr.ErrCertificate,
		away.String():                      giterr.ErrUnavailable,
		"http://169.254.169.254:3128":      giterr.ErrAddress,
		"http://" + silent.Addr().String(): giterr.ErrUnavailable,
	} {
		proxy, err := transport.ParseProxy(raw)
		if err != nil {
			t.Fatal(err)
		}

		network := transport.NewNetwork(transport.NetworkOptions{AllowLoopback: true, AllowPrivate: true, Proxy: proxy})
		t.Cleanup(network.Close)
		for _, scheme := range []string{"http", "https"} {
			_, err = open(t, gitwire.Options{URL: scheme + "://example.com/app", Network: network}).Head(t.Context())
			if !errors.Is(err, want) {
				t.Fatalf("%s: got %v, want %v", scheme, err, want)
			}

			if !strings.Contains(err.Error(), "the proxy "+proxy.Scheme+"://"+proxy.Host) {
				t.Errorf("%s: %q does not contain %q", scheme, err.Error(), "the proxy "+proxy.Scheme+"://"+proxy.Host)
			}

			if strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %q contains %q", scheme, err.Error(), "canary")
			}
		}
	}
}

// A host's own certificate, which its owner gives, vouches for that host and not
// for the proxy.
func TestAHostsOwnCertificateDoesNotVouchForTheProxy(t *testing.T) {
	proxy := newProxy(t, "http://127.0.0.1:1", true)
	network := transport.NewNetwork(transport.NetworkOptions{Proxy: proxy.address(t, proxyPair)})
	t.Cleanup(network.Close)
	trusting, err := network.Trusting(inPEM(proxy.Certificate()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = open(t, gitwire.Options{URL: "https://example.com/app", Network: trusting}).Head(t.Context())
	if asked, _ := proxy.requests(); !errors.Is(err, giterr.ErrCertificate) || len(asked) > 0 {
		t.Errorf("the proxy was asked for %q: %v", asked, err)
	}
}

// What a host says in a tunnel is the host's, also where it plays the proxy.
func TestAHostInATunnelDoesNotSpeakForTheProxy(t *testing.T) {
	_, srv, _ := served(t, gitwiretest.Options{TLS: true})
	srv.Fail(http.StatusProxyAuthRequired, nil)
	proxy := newProxy(t, srv.URL, false)
	network := transport.NewNetwork(transport.NetworkOptions{
		Proxy: proxy.address(t, ""), RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	})
	t.Cleanup(network.Close)
	_, err := open(t, gitwire.Options{URL: "https://example.com/app", Network: network}).Head(t.Context())
	if !errors.Is(err, giterr.ErrProtocol) || strings.Contains(err.Error(), "proxy http") {
		t.Errorf("got %v", err)
	}
}

func TestSSHGoesDirectly(t *testing.T) {
	repo, srv := servedSSH(t, gitwiretest.SSHOptions{})
	sha := id(t, repo.Commit(map[string]string{"a": "1"}))
	proxy := newProxy(t, "http://127.0.0.1:1", false)
	network := transport.NewNetwork(transport.NetworkOptions{
		AllowLoopback: true,
		KnownHosts:    srv.KnownHosts,
		Proxy:         proxy.address(t, ""),
	})
	t.Cleanup(network.Close)
	address := srv.URL + "/team/app.git"
	got, err := mainOf(t, open(t, gitwire.Options{URL: address, Network: network, Auth: sshKey(t, address, srv.Key)}))
	if asked, _ := proxy.requests(); err != nil || got != sha || len(asked) > 0 {
		t.Errorf("got %v, %v; the proxy was asked for %q", got, err, asked)
	}
}

func TestAttack16TheEnvironmentsProxyIsNotUsedBesideTheChosenOne(t *testing.T) {
	other := newProxy(t, "http://127.0.0.1:1", false)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY"} {
		t.Setenv(name, other.URL)
	}

	t.Setenv("NO_PROXY", "example.com")
	proxy := newProxy(t, "http://127.0.0.1:1", false)
	proxy.refuse = http.StatusForbidden
	network := transport.NewNetwork(transport.NetworkOptions{Proxy: proxy.address(t, "")})
	t.Cleanup(network.Close)
	_, err := open(t, gitwire.Options{URL: "https://example.com/app", Network: network}).Head(t.Context())
	asked, _ := proxy.requests()
	if others, _ := other.requests(); !errors.Is(err, giterr.ErrProxy) || len(asked) != 1 || len(others) > 0 {
		t.Errorf("asked %q, and the environment's %q: %v", asked, others, err)
	}
}

func TestAProxyThatSaysNothingIsLeftWithTheCaller(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { listener.Close() })
	proxy, err := transport.ParseProxy("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}

	network := transport.NewNetwork(transport.NetworkOptions{Proxy: proxy})
	t.Cleanup(network.Close)
	for _, scheme := range []string{"http", "https"} {
		ctx, cancel := context.WithCancel(t.Context())
		var accepted sync.WaitGroup
		accepted.Go(func() {
			defer cancel()
			if c, err := listener.Accept(); err == nil {
				t.Cleanup(func() { c.Close() })
				_, _ = c.Read(make([]byte, 1)) // it was asked, and does not answer
			}
		})

		remote := open(t, gitwire.Options{URL: scheme + "://example.com/app", Network: network})
		if _, err := remote.Head(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", scheme, err)
		}

		accepted.Wait()
	}
}

func TestProxyAddressesHaveOneForm(t *testing.T) {
	for raw, want := range map[string]bool{
		"http://proxy.example:3128":              true,
		"https://u:p@proxy.example:443/":         true,
		"http://[fd00::1]:80":                    true,
		"http://10.0.0.1:8080":                   true,
		"":                                       false,
		"proxy.example:3128":                     false,
		"http://proxy.example":                   false,
		"http://proxy.example:":                  false,
		"http://:3128":                           false,
		"http://proxy.example:0":                 false,
		"http://proxy.example:65536":             false,
		"socks5://proxy.example:1080":            false,
		"http://proxy.example:3128/canary":       false,
		"http://proxy.example:3128?canary":       false,
		"http://proxy.example:3128#canary":       false,
		"http://canary@proxy.example:3128":       false,
		"http://:canary@proxy.example:3128":      false,
		"http://me:@proxy.example:3128":          false,
		"http://me:canary%zz@proxy.example:3128": false,
		"http://me:canary@proxy.example:port":    false,
		"//me:canary@proxy.example:3128":         false,
	} {
		u, err := transport.ParseProxy(raw)
		if (err == nil) != want || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v, %v", raw, u, err)
		}
	}
}
