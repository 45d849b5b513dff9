package cli

import (
	"bufio"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// letIn is how a person lets Lockstep in at a Git host.
type letIn struct {
	clientID, clientSecret string
	// redirectURI is where the host sends the browser, listener who waits there; nil
	// where the person pastes what came.
	redirectURI string
	listener    net.Listener
	pasted      *bufio.Reader
}

const (
	// letInFor is how long a person has, as long as the server remembers.
	letInFor = 10 * time.Minute
	// maxPasted is the longest line that is read.
	maxPasted = 8192
)

// prepareLetIn reads the client's secret and listens to the redirect.
func (p *program) prepareLetIn(g *giving) (*letIn, error) {
	l := &letIn{clientID: g.clientID, redirectURI: g.redirectURI, pasted: bufio.NewReader(io.LimitReader(p.stdin, 2*maxPasted))}
	if g.secretStdin {
		if terminal(p.stdin) {
			return nil, usagef("--client-secret-stdin reads standard input, and that is a terminal, which would show the secret.").
				try("Pass it by a pipe or a file.")
		}

		var err error
		if l.clientSecret, err = l.line(); err != nil || l.clientSecret == "" {
			return nil, usagef("--client-secret-stdin: the first line of standard input holds no secret.")
		}
	}

	if l.redirectURI != "" {
		return l, nil
	}

	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(g.port)))
	if err != nil {
		return nil, &failure{problem: fmt.Sprintf("Port %d of this machine cannot be listened to: %s.", g.port, err),
			remedy: "Take another with --port, and register the application with it."}
	}

	l.listener, l.redirectURI = listener, "http://"+listener.Addr().String()+"/callback"
	return l, nil
}

// close lets go of the port; of none it does nothing.
func (l *letIn) close() {
	if l != nil && l.listener != nil {
		_ = l.listener.Close() // whoever served at it has closed it already
	}
}

// line reads a line that was passed or pasted. What it holds is in no error.
func (l *letIn) line() (string, error) {
	text, err := l.pasted.ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || text == "") {
		return "", errors.New("standard input has ended")
	}
	return strings.TrimSpace(text), nil
}

// letIn sends a person to the host and gives what the host sends back.
func (p *program) letIn(ctx context.Context, remote *client.Client, arn string, l *letIn) (wire.Credential, error) {
	started, err := remote.StartConnectionHandshake(ctx, &wire.StartConnectionHandshakeInput{
		ConnectionArn: arn, ClientId: l.clientID, ClientSecret: l.clientSecret, RedirectUri: l.redirectURI})
	if err != nil {
		return wire.Credential{}, err
	}

	// Beside standard output, which may be a document.
	_, _ = fmt.Fprintf(p.stderr, "Open this in a browser, and let Lockstep in there:\n\n  %s\n\n", plain(started.AuthorizationUrl))
	ctx, cancel := context.WithTimeout(ctx, letInFor)
	defer cancel()

	wait := l.redirected
	if l.listener == nil {
		_, _ = fmt.Fprintln(p.stderr, "Then paste the address that the browser is sent to, or the code in it:")
		wait = l.paste
	}

	code, err := wait(ctx, started.State)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &failure{problem: fmt.Sprintf("Nobody has let Lockstep in within %s.", letInFor), remedy: "Call the command again."}
	}

	return wire.Credential{Kind: wire.CredentialOAuthCode, Secret: code, State: started.State}, err
}

// paste reads the code, or the address with the code in it.
func (l *letIn) paste(ctx context.Context, state string) (string, error) {
	type read struct {
		text string
		err  error
	}
	lines := make(chan read, 1)
	go func() { // ends with standard input, or with the program
		text, err := l.line()
		lines <- read{text, err}
	}()

	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-lines:
		if r.err != nil {
			return "", usagef("There is no code on standard input.")
		}

		u, err := url.Parse(r.text)
		if err != nil || u.Scheme == "" || u.RawQuery == "" {
			return r.text, nil
		}

		return sentBack(u.Query(), state)
	}
}

// A returned is what a host sent a browser back with.
type returned struct {
	code string
	err  error
}

// redirected waits for the browser. What has another state is not what was
// waited for.
func (l *letIn) redirected(ctx context.Context, state string) (string, error) {
	came := make(chan returned, 1)
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: log.New(io.Discard, "", 0),
		Handler:  redirectPage(state, l.listener.Addr().String(), came),
	}

	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l.listener) // until Shutdown
	}()
	defer func() {
		// The page is to reach the browser first.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()

		if server.Shutdown(ending) != nil {
			_ = server.Close()
		}

		<-served
	}()

	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-came:
		return r.code, r.err
	}
}

// redirectPage answers the browser.
func redirectPage(state, address string, came chan<- returned) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		q := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/callback" || r.Host != address || !sameState(q.Get("state"), state) {
			w.WriteHeader(http.StatusNotFound)
			_ = page.Execute(w, "Nobody waits for this.")
			return
		}

		code, err := sentBack(q, state)
		says := "Lockstep has been let in. You can close this page; the command line says what came of it."
		if err != nil {
			says = err.Error()
		}

		_ = page.Execute(w, says)
		select {
		case came <- returned{code, err}:
		default: // the browser asks twice
		}
	})
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lockstep</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 40em"><p>{{.}}</p></body></html>
`))

func sameState(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// sentBack takes the code out of what a host sends a browser back with.
func sentBack(q url.Values, state string) (string, error) {
	switch {
	case !sameState(q.Get("state"), state):
		return "", usagef("This address belongs to another handshake.").try("Paste the one that the browser was sent to just now.")
	case q.Get("error") != "":
		return "", &failure{problem: fmt.Sprintf("The Git host has not let Lockstep in: %s.", plain(cut(strings.TrimSpace(q.Get("error")+" "+q.Get("error_description")), 300)))}
	case q.Get("code") == "":
		return "", &failure{problem: "The Git host sends no code."}
	}
	return q.Get("code"), nil
}
