package cli_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
)

// screen is what a person reads of standard error while the program runs.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

var authorization = regexp.MustCompile(`http://127\.0\.0\.1:\d+/authorize\?\S+`)

// A sitting is `connect --oauth` with a person before it.
type sitting struct {
	testing.TB
	stderr screen
	stdout bytes.Buffer
	code   chan int
}

// sit runs a command in the background.
func (i installation) sit(t testing.TB, ctx context.Context, stdin io.Reader, args ...string) *sitting {
	t.Helper()
	s := &sitting{TB: t, code: make(chan int, 1)}
	env := getenv(t, i.env)
	go func() { s.code <- cli.Run(ctx, args, env, stdin, &s.stdout, &s.stderr) }()
	return s
}

// url waits until the URL for the browser is shown.
func (s *sitting) url() string {
	s.Helper()
	for range 1000 {
		if found := authorization.FindString(s.stderr.String()); found != "" {
			return found
		}

		select {
		case code := <-s.code:
			s.Fatalf("it ended with %d: %s", code, &s.stderr)
		case <-time.After(10 * time.Millisecond):
		}
	}

	s.Fatalf("no URL is shown: %s", &s.stderr)
	return ""
}

// ends waits for the end of the command.
func (s *sitting) ends() int {
	s.Helper()
	select {
	case code := <-s.code:
		return code
	case <-time.After(30 * time.Second):
		s.Fatal("the command does not end")
		return 0
	}
}

// sentTo gives where the host sends the browser.
func sentTo(t testing.TB, address string) *url.URL {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}

	defer resp.Body.Close()

	to, err := resp.Location()
	if err != nil {
		t.Fatalf("the host answers %s", resp.Status)
	}

	return to
}

func page(t testing.TB, address string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestLockstepIsLetInFromABrowser(t *testing.T) {
	i := newInstallation(t)
	s := i.sit(t, t.Context(), strings.NewReader(connectiontest.ClientSecret+"\n"),
		"connect", "lab", "--provider", "GitLab", "--oauth", "--client-id", connectiontest.ClientID, "--client-secret-stdin", "-o", "json")
	back := sentTo(t, s.url())
	forged := *back
	forged.RawQuery = url.Values{"code": {"canary-forged"}, "state": {"guessed"}}.Encode()

	if resp, body := page(t, forged.String()); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "Nobody waits") {
		t.Errorf("a forged redirect is answered %s: %s", resp.Status, body)
	}

	resp, body := page(t, back.String())
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "has been let in") || resp.Header.Get("Cache-Control") != "no-store" ||
		!strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the redirect is answered %s %v: %s", resp.Status, resp.Header, body)
	}

	if code := s.ends(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &s.stderr)
	}

	var out struct{ ConnectionStatus string }
	if err := json.Unmarshal(s.stdout.Bytes(), &out); err != nil || out.ConnectionStatus != "AVAILABLE" {
		t.Errorf("it prints %s, %v", &s.stdout, err)
	}

	if held := i.held(t); len(held) != 1 || held[0].Kind != lockstep.OAuthCredential {
		t.Errorf("it holds %v", held)
	}

	if shown := s.stdout.String() + s.stderr.String() + body; strings.Contains(shown, "canary") {
		t.Errorf("a secret is shown: %s", shown)
	}

	for _, want := range []string{"Status      AVAILABLE", "Credential  OAUTH", "Renewed by  20", "Checked     20"} {
		if out := i.run(t, "connect", "show", "lab").ok(t).stdout; !strings.Contains(out, want) {
			t.Errorf("connect show does not say %q:\n%s", want, out)
		}
	}
}

func TestLockstepIsLetInByWhatIsPasted(t *testing.T) {
	i := newInstallation(t)
	for name, paste := range map[string]func(back *url.URL) string{
		"code":    func(back *url.URL) string { return back.Query().Get("code") },
		"address": (*url.URL).String,
	} {
		stdin, typed := io.Pipe()
		s := i.sit(t, t.Context(), stdin, "connect", name, "--provider", "GitLab", "--oauth", "--client-id", connectiontest.ClientID,
			"--client-secret-stdin", "--redirect-uri", "https://app.example.com/callback")
		if _, err := io.WriteString(typed, connectiontest.ClientSecret+"\n"); err != nil {
			t.Fatal(err)
		}

		if _, err := io.WriteString(typed, paste(sentTo(t, s.url()))+"\n"); err != nil {
			t.Fatal(err)
		}

		if code := s.ends(); code != 0 || !strings.Contains(s.stdout.String(), name+" connected (AVAILABLE)") {
			t.Errorf("exit code %d: %s%s", code, &s.stdout, &s.stderr)
		}
	}
}

func TestWhoeverIsNotLetInIsToldWhy(t *testing.T) {
	i := newInstallation(t)
	args := []string{"connect", "lab", "--provider", "GitLab", "--oauth", "--client-id", connectiontest.ClientID}
	s := i.sit(t, t.Context(), strings.NewReader(""), args...)
	back := sentTo(t, s.url())
	back.RawQuery = url.Values{"error": {"access_denied"}, "error_description": {"<script>alert(1)</script>\x1b[31m"}, "state": back.Query()["state"]}.Encode()

	if _, body := page(t, back.String()); strings.Contains(body, "<script>") || !strings.Contains(body, "access_denied") {
		t.Errorf("the page says: %s", body)
	}

	if code := s.ends(); code != 1 || !strings.Contains(s.stderr.String(), "has not let Lockstep in: access_denied") || strings.Contains(s.stderr.String(), "\x1b") {
		t.Errorf("exit code %d: %q", code, s.stderr.String())
	}

	ctx, cancel := context.WithCancel(t.Context())
	s = i.sit(t, ctx, strings.NewReader(""), args...)
	s.url()
	cancel() // Ctrl-C

	if code := s.ends(); code == 0 {
		t.Error("it ends well although nobody was let in")
	}

	for _, conn := range []string{"PENDING", "The connection has no credential yet."} {
		if out := i.run(t, "connect", "list").ok(t).stdout; !strings.Contains(out, conn) {
			t.Errorf("connect list does not say %q:\n%s", conn, out)
		}
	}
}

func TestAnAppAndACertificateAreGivenByFiles(t *testing.T) {
	i := newInstallation(t)
	folder := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}

	pemKey := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	write(t, filepath.Join(folder, "app.pem"), pemKey)
	i.run(t, "connect", "hub", "--provider", "GitHub", "--app", "12", "--installation", "34", "--app-key", filepath.Join(folder, "app.pem")).ok(t)

	if held := i.held(t); len(held) != 1 || held[0] != (lockstep.Credential{Kind: "APP", AppID: "12", InstallationID: "34", Secret: pemKey}) {
		t.Errorf("it holds %v", held)
	}

	i.git.Update(func() { i.git.Tokens["good-token"] = true })
	base := []string{"connect", "lab", "--provider", "GitLabSelfManaged", "--endpoint", i.git.URL, "--token-stdin", "--certificate"}
	give := func(token, file string) result {
		return runWith(t, t.Context(), i.env, token, append(base[:len(base):len(base)], filepath.Join(folder, file))...)
	}
	give("good-token", "app.pem").refused(t, 2, "--certificate: this is no certificate")
	write(t, filepath.Join(folder, "bad.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	give("good-token", "bad.pem").refused(t, 1, "one certificate in PEM")
	write(t, filepath.Join(folder, "host.pem"), connectiontest.Certificate(t))
	give("good-token", "host.pem").ok(t)
	give("canary-bad", "host.pem").refused(t, 1, "The credential was not stored because it does not work")
	i.run(t, "connect", "again", "--provider", "GitLabSelfManaged", "--none").refused(t, 1, "does not work") // the one host of its type

	for want, args := range map[string]string{
		"--installation goes with --app":       "--none --installation 3",
		"--client-id goes with --oauth":        "--token-stdin --client-id x",
		"--installation, --app-key is missing": "--app 3",
		"--client-id is missing":               "--oauth",
		"--redirect-uri does without one":      "--oauth --client-id x --port 80 --redirect-uri https://x.example",
		"it goes with --endpoint":              "--none --certificate x.pem",
	} {
		i.run(t, append([]string{"connect", "x", "--provider", "GitLab"}, strings.Fields(args)...)...).refused(t, 2, want)
	}
}
