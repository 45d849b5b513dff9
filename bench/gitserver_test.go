package bench

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// serveGit names the variable that makes this binary a Git server for a folder.
const serveGit = "LOCKSTEP_BENCH_GIT"

// gitServer serves a folder of bare repositories over HTTPS, below /v0/ in the old
// protocol and below /nofilter/ without filters, until its standard input ends.
// It reports at /bytes how many bytes have gone over its sockets.
func gitServer(folder string) error {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return err
	}

	backend := func(filter string) http.Handler {
		return &cgi.Handler{
			Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
			Env: []string{"GIT_PROJECT_ROOT=" + folder, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null",
				"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=uploadpack.allowFilter", "GIT_CONFIG_VALUE_0=" + filter},
		}
	}

	var wire atomic.Int64
	handler, served := backend("true"), http.NewServeMux()
	served.Handle("/", handler)
	served.Handle("/v0/", http.StripPrefix("/v0", old(handler)))
	served.Handle("/nofilter/", http.StripPrefix("/nofilter", backend("false")))
	mux := http.NewServeMux()
	mux.HandleFunc("/bytes", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, wire.Load()) })
	mux.Handle("/canned/", &canned{next: http.StripPrefix("/canned", served)})
	mux.Handle("/", served)
	server := httptest.NewUnstartedServer(mux)
	server.Listener = counted{server.Listener, &wire}
	server.StartTLS()
	defer server.Close()

	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{
		"url":  server.URL,
		"cert": string(cert),
	}); err != nil {
		return err
	}

	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// old takes the wish for protocol version 2 away, as servers before it do.
func old(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Git-Protocol")
		next.ServeHTTP(w, r)
	})
}

// canned answers what it was asked before from memory, so that a client can be
// compared with a server that costs next to nothing: git starts two processes
// for each request, on the same cores.
type canned struct {
	next    http.Handler
	answers sync.Map // of *httptest.ResponseRecorder, by request
}

func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}

	key := r.Method + " " + r.URL.String() + " " + r.Header.Get("Git-Protocol") + " " + string(body)
	known, ok := c.answers.Load(key)
	if !ok {
		r.Body = io.NopCloser(bytes.NewReader(body))
		known = httptest.NewRecorder()
		c.next.ServeHTTP(known.(*httptest.ResponseRecorder), r)
		c.answers.Store(key, known)
	}

	answer := known.(*httptest.ResponseRecorder)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // a client that left is its own business
}

type counted struct {
	net.Listener
	n *atomic.Int64
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l.n}, err
}

type countedConn struct {
	net.Conn
	n *atomic.Int64
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// A gitHost is a gitServer in a process of its own.
type gitHost struct {
	url   string
	roots *x509.CertPool
}

func startGit(b *testing.B, folder string) *gitHost {
	b.Helper()
	var said struct{ URL, Cert string }
	startServer(b, serveGit, folder, &said)
	h := &gitHost{url: said.URL, roots: x509.NewCertPool()}
	h.roots.AppendCertsFromPEM([]byte(said.Cert))
	return h
}

// wire returns the bytes that have gone over the server's sockets. The question
// goes over a connection of its own, whose bytes are about the same each time.
func (h *gitHost) wire(b *testing.B) int64 {
	b.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: h.roots},
	}}
	resp, err := client.Get(h.url + "/bytes")
	if err != nil {
		b.Fatalf("ask the server for its bytes: %v", err)
	}

	defer resp.Body.Close()

	var n int64
	if _, err := fmt.Fscan(resp.Body, &n); err != nil {
		b.Fatal(err)
	}

	return n
}

// startServer runs this binary as the server that a variable names, for a folder,
// until the benchmark ends, and reads the line that it says at its start.
func startServer(b *testing.B, variable, folder string, said any) {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}

	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), variable+"="+folder)
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		b.Fatal("the Git server does not start")
	}

	b.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}

	if err := json.Unmarshal(line, said); err != nil {
		b.Fatal(err)
	}
}
