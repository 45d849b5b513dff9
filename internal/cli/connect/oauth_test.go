package connect_test

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
	"github.com/lockstephq/lockstep/internal/cli/clitest"
	"github.com/lockstephq/lockstep/internal/connection/connectiontest"
)

// A buffer may be read while the program writes to it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var authorizationURL = regexp.MustCompile(`http://127\.0\.0\.1:\d+/authorize\?\S+`)

// A login is a running `connect --oauth`.
type login struct {
	testing.TB
	stderr buffer
	stdout bytes.Buffer
	code   chan int
}

// startLogin runs a command in the background.
func startLogin(
	t testing.TB, ctx context.Context, i clitest.Installation, stdin io.Reader, args ...string,
) *login {
	t.Helper()
	l := &login{TB: t, code: make(chan int, 1)}
	env := clitest.Getenv(t, i.Env)
	go func() { l.code <- cli.Run(ctx, args, env, stdin, &l.stdout, &l.stderr) }()
	return l
}

// authorizationURL waits until the URL for the browser is printed.
func (l *login) authorizationURL() string {
	l.Helper()
	for range 1000 {
		if found := authorizationURL.FindString(l.stderr.String()); found != "" {
			return found
		}

		select {
		case code := <-l.code:
			l.Fatalf("the command ended with code %d: %s", code, &l.stderr)
		case <-time.After(10 * time.Millisecond):
		}
	}

	l.Fatalf("no URL is printed: %s", &l.stderr)
	return ""
}

// wait waits for the end of the command, and returns its exit code.
func (l *login) wait() int {
	l.Helper()
	select {
	case code := <-l.code:
		return code
	case <-time.After(30 * time.Second):
		l.Fatal("the command does not end")
		return 0
	}
}

// authorize authorizes Lockstep at the host, and returns the address that the host
// redirects the browser to.
func authorize(t testing.TB, address string) *url.URL {
	t.Helper()
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()

	redirect, err := response.Location()
	if err != nil {
		t.Fatalf("the host answers %s", response.Status)
	}

	return redirect
}

// visit follows a redirect as the browser does.
func visit(t testing.TB, address *url.URL) (*http.Response, string) {
	t.Helper()
	response, err := http.Get(address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()

	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

var oauthArgs = []string{"connect", "lab", "--provider", "GitLab", "--oauth", "--client-id", connectiontest.ClientID}

func TestLockstepIsAuthorizedInABrowser(t *testing.T) {
	i := clitest.NewInstallation(t)
	stdin := strings.NewReader(connectiontest.ClientSecret + "\n")
	login := startLogin(t, t.Context(), i, stdin, append(oauthArgs, "--client-secret-stdin", "-o", "json")...)
	redirect := authorize(t, login.authorizationURL())
	forged := *redirect
	forged.RawQuery = url.Values{"code": {"canary-forged"}, "state": {"guessed"}}.Encode()

	if response, body := visit(t, &forged); response.StatusCode != http.StatusNotFound {
		t.Errorf("a forged redirect is answered %s: %s", response.Status, body)
	}

	response, body := visit(t, redirect)
	if response.StatusCode != http.StatusOK || !strings.Contains(body, "Lockstep is authorized.") {
		t.Errorf("the redirect is answered %s: %s", response.Status, body)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the page has Cache-Control %q", got)
	}
	if got := response.Header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") {
		t.Errorf("the page has Content-Security-Policy %q", got)
	}

	if code := login.wait(); code != 0 {
		t.Fatalf("exit code %d: %s", code, &login.stderr)
	}

	var document struct{ ConnectionStatus string }
	if err := json.Unmarshal(login.stdout.Bytes(), &document); err != nil || document.ConnectionStatus != "AVAILABLE" {
		t.Errorf("it prints %s, %v", &login.stdout, err)
	}
	if stored := i.Credentials(t); len(stored) != 1 || stored[0].Kind != lockstep.OAuthCredential {
		t.Errorf("stored %v", stored)
	}
	if shown := login.stdout.String() + login.stderr.String() + body; strings.Contains(shown, "canary") {
		t.Errorf("a secret is shown: %s", shown)
	}

	i.Run(t, "connect", "show", "lab").OK(t).
		Prints(t, "Status      AVAILABLE", "Credential  OAUTH", "Renewed by  20", "Checked     20")
}

func TestLockstepIsAuthorizedWithAPastedCode(t *testing.T) {
	i := clitest.NewInstallation(t)
	for name, paste := range map[string]func(redirect *url.URL) string{
		"code":    func(redirect *url.URL) string { return redirect.Query().Get("code") },
		"address": (*url.URL).String,
	} {
		t.Run(name, func(t *testing.T) {
			stdin, typed := io.Pipe()
			login := startLogin(t, t.Context(), i, stdin, "connect", name, "--provider", "GitLab", "--oauth",
				"--client-id", connectiontest.ClientID, "--client-secret-stdin",
				"--redirect-uri", "https://app.example.com/callback")
			if _, err := io.WriteString(typed, connectiontest.ClientSecret+"\n"); err != nil {
				t.Fatal(err)
			}

			redirect := authorize(t, login.authorizationURL())
			if _, err := io.WriteString(typed, paste(redirect)+"\n"); err != nil {
				t.Fatal(err)
			}

			if code := login.wait(); code != 0 {
				t.Fatalf("exit code %d: %s", code, &login.stderr)
			}
			if want := "Created connection " + name + " (AVAILABLE)"; !strings.Contains(login.stdout.String(), want) {
				t.Errorf("it prints %s", &login.stdout)
			}
		})
	}
}

func TestAnOAuthErrorOfTheHostIsPrinted(t *testing.T) {
	i := clitest.NewInstallation(t)
	login := startLogin(t, t.Context(), i, strings.NewReader(""), oauthArgs...)
	redirect := authorize(t, login.authorizationURL())
	redirect.RawQuery = url.Values{
		"error":             {"access_denied"},
		"error_description": {"<script>alert(1)</script>\x1b[31m"},
		"state":             redirect.Query()["state"],
	}.Encode()

	if _, body := visit(t, redirect); strings.Contains(body, "<script>") || !strings.Contains(body, "access_denied") {
		t.Errorf("the page is: %s", body)
	}

	code, stderr := login.wait(), login.stderr.String()
	if code != 1 || !strings.Contains(stderr, "did not authorize Lockstep: access_denied") {
		t.Errorf("exit code %d: %q", code, stderr)
	}
	if strings.Contains(stderr, "\x1b") {
		t.Errorf("stderr has control characters: %q", stderr)
	}
}

func TestAnInterruptedLoginLeavesThePendingConnection(t *testing.T) {
	i := clitest.NewInstallation(t)
	ctx, cancel := context.WithCancel(t.Context())
	login := startLogin(t, ctx, i, strings.NewReader(""), oauthArgs...)
	login.authorizationURL()
	cancel() // Ctrl-C

	if code := login.wait(); code == 0 {
		t.Error("exit code 0 without authorization")
	}

	i.Run(t, "connect", "list").OK(t).Prints(t, "PENDING")
}

func TestAGitHubAppIsConnectedWithItsKeyFile(t *testing.T) {
	i := clitest.NewInstallation(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}

	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	keyText := string(pem.EncodeToMemory(block))
	keyFile := filepath.Join(t.TempDir(), "app.pem")
	clitest.WriteFile(t, keyFile, keyText)

	i.Run(t, "connect", "hub", "--provider", "GitHub", "--app", "12", "--installation", "34",
		"--app-key", keyFile).OK(t)

	checkCredentials(t, i, lockstep.Credential{Kind: "APP", AppID: "12", InstallationID: "34", Secret: keyText})
}

func TestTheCertificateOfAHostIsReadFromAFile(t *testing.T) {
	i := clitest.NewInstallation(t)
	i.Git.Update(func() { i.Git.Tokens["good-token"] = true })
	connectLab := func(token, certificate string) clitest.Result {
		file := filepath.Join(t.TempDir(), "host.pem")
		clitest.WriteFile(t, file, certificate)
		return clitest.RunWith(t, t.Context(), i.Env, token, "connect", "lab", "--provider", "GitLabSelfManaged",
			"--endpoint", i.Git.URL, "--token-stdin", "--certificate", file)
	}

	connectLab("good-token", privateKey).Fails(t, 2, "must be a certificate in PEM")
	connectLab("good-token", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").Fails(t, 1, "in PEM")
	connectLab("good-token", connectiontest.Certificate(t)).OK(t)
	connectLab("canary-bad", connectiontest.Certificate(t)).
		Fails(t, 1, "The credential was not stored because it does not work")
}

func TestACredentialThatDoesNotWorkIsNotStored(t *testing.T) {
	i := clitest.NewInstallation(t)

	i.Run(t, "connect", "lab", "--provider", "GitLabSelfManaged", "--endpoint", i.Git.URL, "--none").
		Fails(t, 1, "does not work")

	i.Run(t, "connect", "list").OK(t).Prints(t, "PENDING")
}
