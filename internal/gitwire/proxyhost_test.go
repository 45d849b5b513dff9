package gitwire_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/lockstephq/lockstep/internal/gitwire/transport"
)

// A testProxy is a proxy that resolves one name, example.com on any port, and sends
// its requests to one server.
type testProxy struct {
	*httptest.Server
	to      string // HOST:PORT
	refuse  int    // a status to answer with, if it is not 0
	say     string // what it says then
	pair    string // USER:PASSWORD that it wants
	mu      sync.Mutex
	asked   []string
	clear   strings.Builder // headers that it could read
	tunnels sync.WaitGroup
}

func newProxy(t testing.TB, to string, secure bool) *testProxy {
	t.Helper()
	address, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}

	proxy := &testProxy{to: address.Host}
	proxy.Server = httptest.NewUnstartedServer(proxy)
	if secure {
		proxy.StartTLS()
	} else {
		proxy.Start()
	}

	t.Cleanup(func() {
		proxy.Close()
		proxy.requests() // takes the lock, so that no tunnel is being begun
		proxy.tunnels.Wait()
	})

	return proxy
}

func (p *testProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	fmt.Fprintln(&p.clear, r.Header)
	p.mu.Unlock()
	given, _ := strings.CutPrefix(r.Header.Get("Proxy-Authorization"), "Basic ")
	host, _, _ := strings.Cut(r.Host, ":")
	switch {
	case p.refuse != 0:
		http.Error(w, p.say, p.refuse)
	case p.pair != "" && given != base64.StdEncoding.EncodeToString([]byte(p.pair)):
		http.Error(w, "who are you, "+given+"?", http.StatusProxyAuthRequired)
	case host != "example.com":
		http.Error(w, "no such host", http.StatusBadGateway)
	case r.Method == http.MethodConnect:
		p.tunnel(w)
	case r.URL.IsAbs():
		r.Header.Del("Proxy-Authorization")
		(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Host = p.to }}).ServeHTTP(w, r)
	default:
		http.Error(w, "this is a proxy", http.StatusBadRequest)
	}
}

func (p *testProxy) tunnel(w http.ResponseWriter) {
	there, err := net.Dial("tcp", p.to)
	if err != nil {
		http.Error(w, "nobody is there", http.StatusBadGateway)
		return
	}

	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		there.Close()
		return
	}

	_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	p.mu.Lock() // Close does not wait for what was hijacked
	defer p.mu.Unlock()

	for from, to := range map[net.Conn]net.Conn{here: there, there: here} {
		p.tunnels.Go(func() { _, _ = io.Copy(to, from); to.Close(); from.Close() })
	}
}

// requests returns what was asked so far, and forgets it.
func (p *testProxy) requests() (asked []string, clear string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, clear = p.asked, p.clear.String()
	p.asked = nil
	p.clear.Reset()
	return asked, clear
}

// address returns the proxy's, with a user and a password if pair is not "".
func (p *testProxy) address(t testing.TB, pair string) *url.URL {
	t.Helper()
	raw := p.URL
	if pair != "" {
		raw = strings.Replace(raw, "://", "://"+pair+"@", 1)
	}
	address, err := transport.ParseProxy(raw)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
