package trigger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/ratelimit"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/worker"
)

// WebhookOptions are what webhooks need.
type WebhookOptions struct {
	DB   *db.DB
	Seal *seal.Key
	Log  *slog.Logger
	// OnHint is called when a hint was committed: Poller.Wake. nil is nobody.
	OnHint func()
	// Observe is told of each delivery's outcome, "" for an accepted one, else one
	// of a fixed set. nil is nobody.
	Observe func(outcome string, took time.Duration)
}

// Webhooks is the handler of /webhooks/KIND/ID. Whoever listens bounds
// connections, headers and the time that a request may take.
type Webhooks struct {
	o        WebhookOptions
	log      *slog.Logger
	schemes  map[string]scheme // by kind, as in the path
	known    *known
	failures *ratelimit.Limiter // of what proves nothing
}

const (
	// maxDelivery is what the Git hosts themselves send at most. It is hashed as it
	// comes and never held.
	maxDelivery = 25 << 20
	// idLength is that of crypto/rand.Text.
	idLength = 26
	// patience is how long recording a delivery may take, also where the Git host
	// has hung up meanwhile.
	patience = 8 * time.Second
)

// NewWebhooks makes the handler.
func NewWebhooks(o WebhookOptions) *Webhooks {
	return &Webhooks{o: o, log: o.Log.With(slog.String("room", "trigger")), schemes: schemes(), known: newKnown(), failures: ratelimit.New(failuresPerSecond, failuresAtOnce)}
}

// An answer is what a Git host is told, and who operates the server.
type answer struct {
	status  int
	outcome string // "" is accepted
	text    string
}

var (
	accepted    = answer{http.StatusAccepted, "", "accepted"}
	repeated    = answer{http.StatusAccepted, "repeated", "accepted before"}
	unmoving    = answer{http.StatusAccepted, "unmoving", "accepted: moves no branch"}
	refused     = answer{http.StatusUnauthorized, "refused", "not verified"}
	limited     = answer{http.StatusTooManyRequests, "limited", "too many requests"}
	tooLarge    = answer{http.StatusRequestEntityTooLarge, "too large", "too large"}
	cutOff      = answer{http.StatusBadRequest, "cut off", "the body did not arrive"}
	wrongMethod = answer{http.StatusMethodNotAllowed, "wrong method", "POST only"}
	unavailable = answer{http.StatusServiceUnavailable, "unavailable", "try again"}
	failed      = answer{http.StatusInternalServerError, "failed", "internal error"}
)

// ServeHTTP takes one delivery. A panic ends that delivery alone.
func (h *Webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	kind, id := parsePath(r.URL.Path)
	d := delivery{kind: kind, id: id}
	if err := worker.Guard(func() error { h.take(w, r, &d); return nil }); err != nil {
		d.answer, d.err = failed, err
	}

	d.write(w)
	h.report(r.Context(), d, time.Since(began))
}

// A delivery is one request, and what came of it.
type delivery struct {
	kind, id string // as the path has them; id proves nothing
	link     string // "" unless the delivery was verified
	answer   answer
	err      error
}

func (d delivery) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch d.answer {
	case wrongMethod:
		w.Header().Set("Allow", http.MethodPost)
	case limited, unavailable:
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(d.answer.status)
	_, _ = io.WriteString(w, d.answer.text+"\n") // it may have hung up
}

// take decides on a delivery, in the order that costs an attacker most and us
// least. Nothing of the body is parsed, ever: it is a hint, and whose it is says
// the path.
func (h *Webhooks) take(w http.ResponseWriter, r *http.Request, d *delivery) {
	if r.Method != http.MethodPost {
		d.answer = wrongMethod
		return
	}

	now := time.Now()
	if h.failures.Exhausted(r.RemoteAddr, now) {
		d.answer = limited
		return
	}

	hook, answer, err := h.verify(w, r, d)
	if d.answer, d.err = answer, err; answer != accepted {
		if answer != unavailable {
			h.failures.Allow(r.RemoteAddr, now)
		}
		return
	}

	d.link = hook.LinkID
	s := h.schemes[d.kind]
	if event := r.Header.Get(s.event); event != "" && !slices.Contains(s.moving, event) {
		d.answer = unmoving
		return
	}

	d.answer, d.err = h.record(r.Context(), hook, s.deliveryOf(r.Header))
}

// verify says whether whoever sends the request knows the webhook's secret. A
// webhook that is not there is verified like any other, with a secret that nobody
// knows.
func (h *Webhooks) verify(w http.ResponseWriter, r *http.Request, d *delivery) (lockstep.Webhook, answer, error) {
	s, ok := h.schemes[d.kind]
	if !ok || len(d.id) != idLength {
		return lockstep.Webhook{}, refused, nil
	}
	if r.ContentLength > maxDelivery {
		return lockstep.Webhook{}, tooLarge, nil
	}

	hook, secret, err := h.find(r.Context(), d.id)
	switch {
	case lockstep.KindOf(err) == lockstep.NotFound:
		secret = s.nobodys
	case err != nil:
		return hook, unavailable, err
	case hook.Kind != s.kind || secret.Reveal() == "":
		hook, secret = lockstep.Webhook{}, s.nobodys
	}

	body, proven := s.prove(secret.Reveal(), r, time.Now())
	if _, err := io.Copy(body, http.MaxBytesReader(w, r.Body, maxDelivery)); err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return hook, tooLarge, nil
		}
		return hook, cutOff, nil
	}

	if !proven() || hook.LinkID == "" {
		return lockstep.Webhook{}, refused, nil
	}

	return hook, accepted, nil
}

// find reads a webhook, or remembers it.
func (h *Webhooks) find(ctx context.Context, id string) (hook lockstep.Webhook, secret seal.Secret, err error) {
	if hook, secret, ok := h.known.get(id, time.Now()); ok {
		return hook, secret, nil
	}
	err = h.o.DB.ViewOnce(ctx, func(tx *db.Tx) (err error) {
		hook, secret, err = store.OpenWebhook(tx, h.o.Seal, id)
		return err
	})
	if err == nil {
		h.known.put(hook, secret, time.Now())
	}
	return hook, secret, err
}

var errRepeated = errors.New("accepted before")

// record commits the hint and that it was given. Only then it is answered.
func (h *Webhooks) record(ctx context.Context, hook lockstep.Webhook, key string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()

	err := h.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := store.RequestPoll(tx, hook.LinkID); err != nil {
			return err
		}

		news, err := store.RecordDelivery(tx, hook, key)
		if err == nil && !news {
			return errRepeated // which takes the hint back
		}

		return err
	})
	switch {
	case errors.Is(err, errRepeated):
		return repeated, nil
	case lockstep.KindOf(err) == lockstep.NotFound: // since it was remembered
		h.known.forget(hook.ID)
		return refused, nil
	case err != nil:
		return unavailable, err
	}

	if h.o.OnHint != nil {
		h.o.OnHint()
	}

	return accepted, nil
}

// report writes the one line that there is of a delivery. Nothing that a stranger
// has sent is in it.
func (h *Webhooks) report(ctx context.Context, d delivery, took time.Duration) {
	if h.o.Observe != nil {
		h.o.Observe(d.answer.outcome, took)
	}

	level := slog.LevelInfo
	switch d.answer {
	case limited:
		level = slog.LevelDebug
	case unavailable:
		level = slog.LevelWarn
	case failed:
		level = slog.LevelError
	}

	if _, ok := h.schemes[d.kind]; !ok {
		d.kind = "unknown"
	}

	h.log.LogAttrs(ctx, level, "webhook", slog.String("kind", d.kind), slog.String("link", d.link),
		slog.String("outcome", d.answer.text), slog.Int("status", d.answer.status), slog.Duration("duration", took), slog.Any("err", d.err))
}

func parsePath(path string) (kind, id string) {
	rest, ok := strings.CutPrefix(path, "/webhooks/")
	if !ok {
		return "", ""
	}
	kind, id, _ = strings.Cut(rest, "/")
	return kind, id
}

// deliveryOf gives what a delivery is known again by, of one length whatever was
// sent; "" where the Git host names none.
func (s scheme) deliveryOf(header http.Header) string {
	for _, name := range s.delivery {
		if id := header.Get(name); id != "" {
			sum := sha256.Sum256([]byte(id))
			return hex.EncodeToString(sum[:])
		}
	}
	return ""
}
