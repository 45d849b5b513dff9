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

// Options are what the console needs.
type Options struct {
	DB   *db.DB
	Seal *seal.Key
	Log  *slog.Logger
	// PublicURL is where people reach this server: https://HOST or http://HOST, with
	// a path perhaps, that of a proxy which takes it away.
	PublicURL string
	// Observe is told of each request's outcome, "" for a page that was shown, else
	// one of a fixed set. nil is nobody.
	Observe func(outcome string, took time.Duration)
}

// A Console is the handler of /commits/. Whoever listens bounds connections,
// headers and the time that a request may take.
type Console struct {
	o         Options
	log       *slog.Logger
	strangers *ratelimit.Limiter
	places    chan struct{} // holds one for each page that is being made
}

const (
	// strangersPerSecond is how often an address may come without a key, after some
	// at once. With one it costs nothing.
	strangersPerSecond = 5
	strangersAtOnce    = 50
	// atOnce is how many pages are made at the same time: whoever has a key may ask
	// as often as they like, and the syncs use the same database.
	atOnce = 8
	// patience is how long a page may wait for its turn, and then take.
	patience = 10 * time.Second
)

// New makes the console.
func New(o Options) *Console {
	return &Console{o: o, log: o.Log.With(slog.String("room", "console")),
		strangers: ratelimit.New(strangersPerSecond, strangersAtOnce), places: make(chan struct{}, atOnce)}
}

// CommitURL gives the address of the page of a commit of a link in an environment.
// It is the same every time, and whoever knows it can read the page.
func (c *Console) CommitURL(linkID string, sha lockstep.SHA, environment string) string {
	return place{linkID, sha, environment}.url(c.o.PublicURL, c.o.Seal)
}

// A visit is one request, and what came of it.
type visit struct {
	place  place // zero unless the key was shown
	answer answer
	err    error
}

// ServeHTTP answers one request. A panic ends that alone.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	var v visit
	defer func() { c.report(r.Context(), v, time.Since(began)) }()
	c.attend(r, &v)
	v.answer.write(w)
}

// attend decides on a request, in the order that costs an attacker most and us
// least.
func (c *Console) attend(r *http.Request, v *visit) {
	defer func() {
		if p := recover(); p != nil {
			v.answer, v.err = failed, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()

	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		v.answer = wrongMethod
		return
	}

	at, ok := parsePath(r.URL.Path)
	key, number, strict := parseQuery(r.URL.RawQuery)
	if !ok || !strict || !at.opens(c.o.Seal, key) {
		v.answer = missing
		if !c.strangers.Allow(r.RemoteAddr, time.Now()) {
			v.answer = limited
		}
		return
	}

	v.place = at
	v.answer, v.err = c.page(r.Context(), at, number)
}

// page makes the page of a place whose key was shown.
func (c *Console) page(ctx context.Context, at place, number int) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return unavailable, ctx.Err()
	}

	page, err := c.readCommit(ctx, at, number)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return missing, nil
	}
	if err != nil {
		return unavailable, err
	}

	page.Key = at.key(c.o.Seal)
	text, err := render("commit.html", page)
	if err != nil {
		return failed, err
	}

	return answer{status: http.StatusOK, body: text}, nil
}

// report writes the one line that there is of a request. The key is not in it, nor
// anything else that a stranger has sent.
func (c *Console) report(ctx context.Context, v visit, took time.Duration) {
	if c.o.Observe != nil {
		c.o.Observe(v.answer.outcome, took)
	}

	level := slog.LevelInfo
	switch v.answer.status {
	case limited.status:
		level = slog.LevelDebug
	case unavailable.status:
		if ctx.Err() == nil { // else they have hung up
			level = slog.LevelWarn
		}
	case failed.status:
		level = slog.LevelError
	}

	attrs := []slog.Attr{slog.String("link", v.place.link), slog.String("sha", string(v.place.sha)),
		slog.String("environment", v.place.environment), slog.String("outcome", v.answer.outcome),
		slog.Int("status", v.answer.status), slog.Duration("duration", took)}
	if v.err != nil {
		attrs = append(attrs, slog.Any("err", v.err))
	}

	c.log.LogAttrs(ctx, level, "page of a commit", attrs...)
}

// An answer is a status and a page. Outcome is "" for one that was asked for.
type answer struct {
	status  int
	outcome string
	body    []byte
}

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	h.Set("Referrer-Policy", "no-referrer") // the address has the key
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")

	switch a.status {
	case wrongMethod.status:
		h.Set("Allow", "GET, HEAD")
	case limited.status, unavailable.status:
		h.Set("Retry-After", "5")
	}

	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // they may have hung up
}
