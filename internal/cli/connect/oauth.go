package connect

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	// oauthTimeout is how long a person has to authorize Lockstep. The server
	// remembers the request as long.
	oauthTimeout = 10 * time.Minute
	// maxPastedLine is the longest line that is read, in bytes.
	maxPastedLine = 8192
)

// An oauthLogin lets a person authorize Lockstep at a Git host, in a browser.
type oauthLogin struct {
	clientID, clientSecret string
	redirectURI            string
	listener               net.Listener // serves redirectURI; nil if the person pastes the code
	stdin                  *bufio.Reader
}

// prepareOAuth reads the client secret and listens on the redirect URI.
func prepareOAuth(env *command.Env, credentials *credentialFlags) (*oauthLogin, error) {
	login := &oauthLogin{
		clientID:    credentials.clientID,
		redirectURI: credentials.redirectURI,
		stdin:       bufio.NewReader(io.LimitReader(env.Stdin, 2*maxPastedLine)),
	}

	if credentials.clientSecretStdin {
		if err := env.RequirePipe("client-secret-stdin"); err != nil {
			return nil, err
		}

		var err error
		if login.clientSecret, err = login.readLine(); err != nil || login.clientSecret == "" {
			return nil, command.Usagef("--client-secret-stdin: the first line of standard input is empty.")
		}
	}

	if login.redirectURI != "" {
		return login, nil
	}

	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(credentials.port)))
	if err != nil {
		return nil, command.Errorf("Cannot listen on port %d: %s.", credentials.port, err).
			WithHint("Use another --port, and register the application with it.")
	}

	login.listener, login.redirectURI = listener, "http://"+listener.Addr().String()+"/callback"
	return login, nil
}

// close closes the listener. It may be called on nil.
func (l *oauthLogin) close() {
	if l != nil && l.listener != nil {
		_ = l.listener.Close() // the HTTP server may have closed it already
	}
}

// readLine reads a line of standard input. Errors do not show it.
func (l *oauthLogin) readLine() (string, error) {
	text, err := l.stdin.ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || text == "") {
		return "", errors.New("standard input has ended")
	}
	return strings.TrimSpace(text), nil
}

// login sends a person to the Git host, and returns the authorization code that
// the host sends back.
func (l *oauthLogin) login(
	ctx context.Context, env *command.Env, remote *client.Client, arn string,
) (wire.Credential, error) {
	handshake, err := remote.StartConnectionHandshake(ctx, &wire.StartConnectionHandshakeInput{
		ConnectionArn: arn,
		ClientId:      l.clientID,
		ClientSecret:  l.clientSecret,
		RedirectUri:   l.redirectURI,
	})
	if err != nil {
		return wire.Credential{}, err
	}

	// On standard error, since standard output may be a document.
	_ = output.Fprintf(env.Stderr, "Open this address in a browser, and authorize Lockstep there:\n\n  %s\n\n",
		handshake.AuthorizationUrl)
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()

	waitForCode := l.waitForRedirect
	if l.listener == nil {
		_ = output.Fprintf(env.Stderr, "Then paste the address that the browser is sent to, or the code in it:\n")
		waitForCode = l.waitForPaste
	}

	code, err := waitForCode(ctx, handshake.State)
	if errors.Is(err, context.DeadlineExceeded) {
		err = command.Errorf("Lockstep was not authorized within %s.", oauthTimeout).WithHint("Run the command again.")
	}

	return wire.Credential{Kind: wire.CredentialOAuthCode, Secret: code, State: handshake.State}, err
}

// waitForPaste reads the code, or the address with the code in it.
func (l *oauthLogin) waitForPaste(ctx context.Context, state string) (string, error) {
	lines := make(chan string, 1)
	go func() { // ends with standard input, or with the program
		if line, err := l.readLine(); err == nil {
			lines <- line
		}
		close(lines)
	}()

	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case line, ok := <-lines:
		if !ok {
			return "", command.Usagef("Standard input ended without a code.")
		}

		parsed, err := url.Parse(line)
		if err != nil || parsed.Scheme == "" || parsed.RawQuery == "" {
			return line, nil
		}

		return codeFrom(parsed.Query(), state)
	}
}

// A redirect is what the host sent the browser back with.
type redirect struct {
	code string
	err  error
}

// waitForRedirect serves the redirect URI until the browser comes. It ignores
// requests with another state.
func (l *oauthLogin) waitForRedirect(ctx context.Context, state string) (string, error) {
	redirects := make(chan redirect, 1)
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),
		Handler:           redirectHandler(state, l.listener.Addr().String(), redirects),
	}

	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l.listener) // until Shutdown
	}()
	defer func() {
		// The page has to reach the browser first.
		shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()

		if server.Shutdown(shutdown) != nil {
			_ = server.Close()
		}

		<-served
	}()

	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case received := <-redirects:
		return received.code, received.err
	}
}

// redirectHandler answers the browser, and sends the first redirect.
func redirectHandler(state, address string, redirects chan<- redirect) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")

		query := r.URL.Query()
		expected := r.Method == http.MethodGet && r.URL.Path == "/callback" && r.Host == address
		if !expected || !sameState(query.Get("state"), state) {
			w.WriteHeader(http.StatusNotFound)
			_ = redirectPage.Execute(w, "Not found.")
			return
		}

		code, err := codeFrom(query, state)
		message := "Lockstep is authorized. You can close this page; the command line shows the result."
		if err != nil {
			message = err.Error()
		}

		_ = redirectPage.Execute(w, message)
		select {
		case redirects <- redirect{code, err}:
		default: // the browser repeats its request
		}
	})
}

var redirectPage = template.Must(template.New("redirect").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lockstep</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 40em"><p>{{.}}</p></body></html>
`))

func sameState(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// codeFrom returns the code of the query that a host redirects a browser with.
func codeFrom(query url.Values, state string) (string, error) {
	switch {
	case !sameState(query.Get("state"), state):
		return "", command.Usagef("This address belongs to another login.").
			WithHint("Paste the address that the browser was sent to just now.")
	case query.Get("error") != "":
		reason := query.Get("error") + " " + query.Get("error_description")
		return "", command.Errorf("The Git host did not authorize Lockstep: %s.", output.Truncate(reason, 300))
	case query.Get("code") == "":
		return "", command.Errorf("The Git host sent no code.")
	}
	return query.Get("code"), nil
}
