package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/ratelimit"
	"github.com/lockstephq/lockstep/internal/seal"
)

// Options configure a Console. All fields are required except Observe.
type Options struct {
	DB   *db.DB
	Seal *seal.Key
	Log  *slog.Logger
	// PublicURL is the URL of this server for people: https://HOST or http://HOST,
	// optionally with a path that a proxy removes.
	PublicURL string
	// Observe is called with the outcome of each request: "" for a page, or one of a
	// fixed set. Optional.
	Observe func(outcome string, took time.Duration)
}

// A Console is the handler of /commits/. The listener must bound connections,
// headers and the duration of requests.
type Console struct {
	options Options
	logger  *slog.Logger
	limiter *ratelimit.Limiter
	slots   chan struct{} // one for each page that is being rendered
}

const (
	// invalidPerSecond and invalidBurst limit requests without a valid key, by
	// client network.
	invalidPerSecond = 5
	invalidBurst     = 50
	// maxConcurrent is the number of pages that are rendered at a time. A caller
	// with a key is not limited otherwise, and syncs use the same database.
	maxConcurrent = 8
	// pageTimeout bounds the time that a page waits for a slot and is rendered.
	pageTimeout = 10 * time.Second
)

// New returns a Console.
func New(options Options) *Console {
	return &Console{
		options: options,
		logger:  options.Log.With(slog.String("component", "console")),
		limiter: ratelimit.New(invalidPerSecond, invalidBurst),
		slots:   make(chan struct{}, maxConcurrent),
	}
}

// CommitURL returns the URL of the page of a commit of a link in an environment. It
// is always the same. Anyone who has it can read the page.
func (c *Console) CommitURL(linkID string, sha lockstep.SHA, environment string) string {
	return commitAddress{linkID, sha, environment}.url(c.options.PublicURL, c.options.Seal)
}

// A visit is one request and its response.
type visit struct {
	address  commitAddress // zero unless the key was shown
	response response
	err      error
}

// ServeHTTP serves one request. A panic fails that request only.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	var v visit
	defer func() { c.logRequest(r.Context(), v, time.Since(began)) }()
	c.handle(r, &v)
	v.response.write(w)
}

// handle sets the response of a request. Its checks are ordered so that requests
// without a key cost least.
func (c *Console) handle(r *http.Request, visit *visit) {
	defer func() {
		if p := recover(); p != nil {
			visit.response, visit.err = internalError, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()

	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		visit.response = methodNotAllowed
		return
	}

	at, ok := parsePath(r.URL.Path)
	key, number, strict := parseQuery(r.URL.RawQuery)
	if !ok || !strict || !at.verifyKey(c.options.Seal, key) {
		visit.response = notFound
		if !c.limiter.Allow(r.RemoteAddr, time.Now()) {
			visit.response = tooManyRequests
		}
		return
	}

	visit.address = at
	visit.response, visit.err = c.renderPage(r.Context(), at, number)
}

// renderPage returns the page at an address whose key is verified.
func (c *Console) renderPage(ctx context.Context, at commitAddress, number int) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()

	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return unavailable, ctx.Err()
	}

	page, err := c.readCommit(ctx, at, number)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return notFound, nil
	}
	if err != nil {
		return unavailable, err
	}

	page.Key = at.key(c.options.Seal)
	text, err := render("commit.html", page)
	if err != nil {
		return internalError, err
	}

	return response{status: http.StatusOK, body: text}, nil
}

// logRequest logs a request. It does not log the key, or anything that is sent
// without a valid key.
func (c *Console) logRequest(ctx context.Context, visit visit, took time.Duration) {
	if c.options.Observe != nil {
		c.options.Observe(visit.response.outcome, took)
	}

	level := slog.LevelInfo
	switch visit.response.status {
	case tooManyRequests.status:
		level = slog.LevelDebug
	case unavailable.status:
		if ctx.Err() == nil { // else the client has disconnected
			level = slog.LevelWarn
		}
	case internalError.status:
		level = slog.LevelError
	}

	attrs := []slog.Attr{
		slog.String("link", visit.address.link),
		slog.String("sha", string(visit.address.sha)),
		slog.String("environment", visit.address.environment),
		slog.String("outcome", visit.response.outcome),
		slog.Int("status", visit.response.status),
		slog.Duration("duration", took),
	}
	if visit.err != nil {
		attrs = append(attrs, slog.Any("err", visit.err))
	}

	c.logger.LogAttrs(ctx, level, "commit page", attrs...)
}

// A response is a status and a page. Its outcome is "" for a page that was found.
type response struct {
	status  int
	outcome string
	body    []byte
}

func (a response) write(w http.ResponseWriter) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	header.Set("Referrer-Policy", "no-referrer") // the URL contains the key
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")

	switch a.status {
	case methodNotAllowed.status:
		header.Set("Allow", "GET, HEAD")
	case tooManyRequests.status, unavailable.status:
		header.Set("Retry-After", "5")
	}

	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // an error means that the client has disconnected
}
