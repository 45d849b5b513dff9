package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codeconnections"

	"github.com/lockstephq/lockstep/internal/gitwire/gitwiretest"
	"github.com/lockstephq/lockstep/internal/server/servertest"
)

// certificateFiles are the files of a certificate and its key, which can be renewed.
type certificateFiles struct {
	t         testing.TB
	cert, key string
	roots     *x509.CertPool
}

// newCertificateFiles creates a certificate for this machine that is valid for an hour.
func newCertificateFiles(t testing.TB) *certificateFiles {
	t.Helper()
	dir := t.TempDir()
	files := &certificateFiles{
		t:     t,
		cert:  filepath.Join(dir, "cert.pem"),
		key:   filepath.Join(dir, "key.pem"),
		roots: x509.NewCertPool(),
	}
	return files.renew("first", time.Hour)
}

// renew replaces the certificate like certbot: each file atomically, one after the other.
func (p *certificateFiles) renew(name string, validity time.Duration) *certificateFiles {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}

	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:             time.Now().Add(-24 * time.Hour),
		NotAfter:              time.Now().Add(validity),
	}

	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		p.t.Fatal(err)
	}

	cert, err := x509.ParseCertificate(der)
	if err != nil {
		p.t.Fatal(err)
	}

	p.roots.AddCert(cert)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}

	p.write(p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
	p.write(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
	return p
}

func (p *certificateFiles) write(name string, text []byte, mode os.FileMode) {
	p.t.Helper()
	if err := os.WriteFile(name+".new", text, mode); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		p.t.Fatal(err)
	}
}

func (p *certificateFiles) flags() []string {
	return []string{"--tls-cert", p.cert, "--tls-key", p.key}
}

// client returns an HTTP client that trusts the certificate.
func (p *certificateFiles) client() *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.roots}, ForceAttemptHTTP2: true}
	p.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: servertest.Timeout}
}

// presentedName returns the name on the certificate of a new connection.
func (p *certificateFiles) presentedName(url string) string {
	p.t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{RootCAs: p.roots})
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestOverTLSTheAPIAndTheSandboxWork(t *testing.T) {
	t.Parallel()
	dir, pair := t.TempDir(), newCertificateFiles(t)
	repo := gitwiretest.NewRepoAt(t, filepath.Join(dir, "infra.git"))
	first := repo.Commit(map[string]string{
		"topic.yaml":    servertest.DeploymentFile,
		"template.yaml": servertest.TopicTemplate,
	})
	args := []string{
		"--db",
		"sqlite:" + filepath.Join(dir, "l.db"),
		"--target",
		"sandbox",
		"--git-roots",
		dir,
		"--poll-interval",
		"1s",
	}
	key := createKey(t, args[1], "")
	plain := servertest.Serve(t, args...)
	localStacks(dir, 1).configure(t, key, plain.URL())
	waitForSync(t, apiClient(key, plain.URL()), "s0", first)
	plain.Stop()
	second := repo.Commit(map[string]string{
		"template.yaml": servertest.TopicTemplate + "  More:\n    Type: AWS::SNS::Topic\n",
	})
	run := servertest.Serve(t, append(append(args, pair.flags()...), "--listen", "0.0.0.0:0")...)
	if !strings.HasPrefix(run.URL(), "https://127.0.0.1:") {
		t.Fatalf("the printed URL is %s", run.URL())
	}

	resp, err := pair.client().Get(run.URL() + "/livez")
	if err != nil {
		t.Fatal(err)
	}

	resp.Body.Close()
	// The client prefers HTTP/2, which would carry many requests in one connection.
	if resp.ProtoMajor != 1 || resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("%s over %s", resp.Proto, tls.VersionName(resp.TLS.Version))
	}

	trusting := codeconnections.New(
		apiClient(key, run.URL()).Options(),
		func(o *codeconnections.Options) { o.HTTPClient = pair.client() },
	)
	waitForSync(t, trusting, "s0", second)
	run.Stop()
}

func TestTLSIsNoOlderThan12(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	pair := newCertificateFiles(t)
	address := strings.TrimPrefix(servertest.ServeSandbox(t, pair.flags()...).URL(), "https://")
	for version, taken := range map[uint16]bool{
		tls.VersionTLS10: false,
		tls.VersionTLS11: false,
		tls.VersionTLS12: true,
		tls.VersionTLS13: true,
	} {
		conn, err := tls.Dial("tcp", address, &tls.Config{
			RootCAs:    pair.roots,
			MinVersion: version,
			MaxVersion: version,
		})
		if (err == nil) != taken {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}

		if err == nil {
			conn.Close()
		}
	}

	// Plain HTTP is refused with a reason, and other hosts are refused as without TLS.
	if status, body, _ := get(
		t,
		"http://"+address,
		"",
	); status != http.StatusBadRequest || !strings.Contains(body, "HTTPS") {
		t.Errorf("plain HTTP: %d %s", status, body)
	}

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}

	req.Host = "attacker.example"
	resp, err := pair.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("as host attacker.example: %s", resp.Status)
	}

	servertest.ServeSandbox(t, "--listen", address).WantExit(1, "is already in use by another Lockstep: ")
}

func TestARenewedCertificateIsUsedWithoutARestart(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	pair := newCertificateFiles(t)
	run := servertest.ServeSandbox(t, pair.flags()...)
	if got := pair.presentedName(run.URL()); got != "first" {
		t.Fatalf("the certificate is %s", got)
	}

	idle := pair.client()
	ask := func() {
		t.Helper()
		resp, err := idle.Get(run.URL() + "/livez")
		if err != nil {
			t.Fatal(err)
		}

		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}

	ask()
	pair.renew("second", time.Hour)
	pair.waitForName(run, "second")
	ask() // over the connection with the first certificate

	// A certificate that cannot be used is logged once, with its file, and changes nothing.
	pair.write(pair.cert, []byte("no certificate"), 0o644)
	logged := func() int { return strings.Count(run.Errs(), "not renewed") }
	pair.waitUntil(func() bool { pair.presentedName(run.URL()); return logged() > 0 })

	if !strings.Contains(run.Errs(), pair.cert) {
		t.Errorf("the log does not name %s:\n%s", pair.cert, run.Errs())
	}

	for began := time.Now(); time.Since(began) < 1200*time.Millisecond; {
		if got := pair.presentedName(run.URL()); got != "second" {
			t.Fatalf("the certificate is %s", got)
		}
	}

	if count := logged(); count != 1 {
		t.Errorf("it is logged %d times:\n%s", count, run.Errs())
	}

	pair.renew("third", -time.Hour)
	pair.waitUntil(func() bool { pair.presentedName(run.URL()); return strings.Contains(run.Errs(), "has expired") })
	pair.renew("fourth", time.Hour)
	pair.waitForName(run, "fourth")
}

// waitForName waits until the server presents the certificate of a name.
func (p *certificateFiles) waitForName(run *servertest.Run, name string) {
	p.t.Helper()
	p.waitUntil(func() bool { return p.presentedName(run.URL()) == name })
}

func (p *certificateFiles) waitUntil(ok func() bool) {
	p.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(servertest.Timeout); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatal("the condition does not become true")
		}
	}
}

func TestAnUnusableCertificateIsNamedAtTheStart(t *testing.T) {
	servertest.SkipIfShort(t)
	t.Parallel()
	good, other := newCertificateFiles(t), newCertificateFiles(t)
	open := newCertificateFiles(t)
	if err := os.Chmod(open.key, 0o604); err != nil {
		t.Fatal(err)
	}

	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, tt := range []struct {
		cert, key string
		want      []string
	}{
		{"/nowhere/cert.pem", good.key, []string{"--tls-cert: ", "/nowhere/cert.pem"}},
		{good.cert, "/nowhere/key.pem", []string{"--tls-key: ", "/nowhere/key.pem"}},
		{empty, good.key, []string{"--tls-cert " + empty}},
		{good.cert, empty, []string{"--tls-key " + empty}},
		{good.cert, other.key, []string{good.cert, other.key, "does not match"}},
		{good.key, good.cert, []string{good.cert}}, // the wrong way round
		{t.TempDir(), good.key, []string{"--tls-cert: ", "not a regular file"}},
		{open.cert, open.key, []string{"--tls-key: " + open.key + " has mode 0604", "chmod o-rwx"}},
	} {
		servertest.ServeSandbox(t, "--tls-cert", tt.cert, "--tls-key", tt.key).WantExit(1, tt.want...)
	}

	// The group may read the key.
	if err := os.Chmod(open.key, 0o640); err != nil {
		t.Fatal(err)
	}

	servertest.ServeSandbox(t, open.flags()...).URL()
}
