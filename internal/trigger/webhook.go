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

// WebhookOptions configure Webhooks.
type WebhookOptions struct {
	DB   *db.DB
	Seal *seal.Key
	Log  *slog.Logger
	// OnHint is called after a poll was requested: Poller.Wake. Optional.
	OnHint func()
	// Observe is called with the outcome of each delivery: "" for an accepted one,
	// else one of a fixed set. Optional.
	Observe func(outcome string, took time.Duration)
}

// Webhooks handles /webhooks/KIND/ID. The HTTP server must limit connections,
// headers and the duration of a request.
type Webhooks struct {
	options  WebhookOptions
	logger   *slog.Logger
	schemes  map[string]scheme  // by kind, as in the path
	failures *ratelimit.Limiter // unverified requests
}

const (
	// maxBody is the largest payload of the Git hosts, in bytes. It is hashed while
	// read and not kept.
	maxBody = 25 << 20
	// idLength is the length of crypto/rand.Text.
	idLength = 26
	// recordTimeout bounds the recording of a delivery, which continues if the Git
	// host closes the connection.
	recordTimeout = 8 * time.Second
	// failuresPerSecond is the sustained rate of unverified requests per address,
	// after a burst of failuresAtOnce. Verified ones are not limited: a Git host
	// sends for all its repositories from few addresses.
	failuresPerSecond = 20
	failuresAtOnce    = 100
)

// NewWebhooks returns the handler.
func NewWebhooks(o WebhookOptions) *Webhooks {
	return &Webhooks{
		options:  o,
		logger:   o.Log.With(slog.String("component", "trigger")),
		schemes:  schemes(),
		failures: ratelimit.New(failuresPerSecond, failuresAtOnce),
	}
}

// A response is what the Git host gets, and the outcome for metrics.
type response struct {
	status  int
	outcome string // "" is accepted
	text    string
}

var (
	accepted    = response{http.StatusAccepted, "", "accepted"}
	duplicate   = response{http.StatusAccepted, "duplicate", "already accepted"}
	irrelevant  = response{http.StatusAccepted, "ignored", "accepted: event ignored"}
	refused     = response{http.StatusUnauthorized, "refused", "not verified"}
	limited     = response{http.StatusTooManyRequests, "limited", "too many requests"}
	tooLarge    = response{http.StatusRequestEntityTooLarge, "too large", "too large"}
	incomplete  = response{http.StatusBadRequest, "incomplete", "incomplete body"}
	wrongMethod = response{http.StatusMethodNotAllowed, "wrong method", "use POST"}
	unavailable = response{http.StatusServiceUnavailable, "unavailable", "try again"}
	failed      = response{http.StatusInternalServerError, "failed", "internal error"}
)

// ServeHTTP handles one delivery. A panic fails only that delivery.
func (h *Webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	kind, id := parsePath(r.URL.Path)
	delivery := delivery{kind: kind, id: id}
	if err := worker.Guard(func() error { h.handle(w, r, &delivery); return nil }); err != nil {
		delivery.response, delivery.err = failed, err
	}

	delivery.write(w)
	h.log(r.Context(), delivery, time.Since(began))
}

// A delivery is a request and its result.
type delivery struct {
	kind, id string // as in the path; id is not verified
	link     string // "" unless the delivery was verified
	response response
	err      error
}

func (d delivery) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	switch d.response {
	case wrongMethod:
		w.Header().Set("Allow", http.MethodPost)
	case limited, unavailable:
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(d.response.status)
	_, _ = io.WriteString(w, d.response.text+"\n") // the client may have closed the connection
}

// handle handles a delivery. The cheap checks come first. The body is never parsed:
// a delivery only requests a poll of the link in the path.
func (h *Webhooks) handle(w http.ResponseWriter, r *http.Request, delivery *delivery) {
	if r.Method != http.MethodPost {
		delivery.response = wrongMethod
		return
	}

	now := time.Now()
	if h.failures.Exhausted(r.RemoteAddr, now) {
		delivery.response = limited
		return
	}

	hook, answer, err := h.verify(w, r, delivery)
	if delivery.response, delivery.err = answer, err; answer != accepted {
		if answer != unavailable {
			h.failures.Allow(r.RemoteAddr, now)
		}
		return
	}

	delivery.link = hook.LinkID
	scheme := h.schemes[delivery.kind]
	if event := firstHeader(r.Header, scheme.event); event != "" && !slices.Contains(scheme.relevantEvents, event) {
		delivery.response = irrelevant
		return
	}

	delivery.response, delivery.err = h.recordDelivery(r.Context(), hook, scheme.deliveryKey(r.Header))
}

// verify verifies that the sender knows the webhook's secret. An unknown webhook is
// verified like any other, against a dummy secret.
func (h *Webhooks) verify(
	w http.ResponseWriter,
	r *http.Request,
	delivery *delivery,
) (lockstep.Webhook, response, error) {
	scheme, ok := h.schemes[delivery.kind]
	if !ok || len(delivery.id) != idLength {
		return lockstep.Webhook{}, refused, nil
	}
	if r.ContentLength > maxBody {
		return lockstep.Webhook{}, tooLarge, nil
	}

	hook, secret, err := h.lookup(r.Context(), delivery.id)
	switch {
	case lockstep.KindOf(err) == lockstep.NotFound:
		secret = scheme.dummySecret
	case err != nil:
		return hook, unavailable, err
	case hook.Kind != scheme.kind || secret.Reveal() == "":
		hook, secret = lockstep.Webhook{}, scheme.dummySecret
	}

	body, proven := scheme.newVerifier(secret.Reveal(), r, time.Now())
	if _, err := io.Copy(body, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return hook, tooLarge, nil
		}
		return hook, incomplete, nil
	}

	if !proven() || hook.LinkID == "" {
		return lockstep.Webhook{}, refused, nil
	}

	return hook, accepted, nil
}

// lookup returns a webhook and its secret. It reads the database for each delivery, so
// that a new secret is valid at once on every node.
func (h *Webhooks) lookup(ctx context.Context, id string) (hook lockstep.Webhook, secret seal.Secret, err error) {
	err = h.options.DB.ViewOnce(ctx, func(tx *db.Tx) (err error) {
		hook, secret, err = store.OpenWebhook(tx, h.options.Seal, id)
		return err
	})
	return hook, secret, err
}

var errDuplicate = errors.New("already accepted")

// recordDelivery commits the delivery and the request for a poll, before the
// response is sent.
func (h *Webhooks) recordDelivery(ctx context.Context, hook lockstep.Webhook, key string) (response, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()

	err := h.options.DB.Update(ctx, func(tx *db.Tx) error {
		if err := store.RequestPoll(tx, hook.LinkID); err != nil {
			return err
		}

		news, err := store.RecordDelivery(tx, hook, key)
		if err == nil && !news {
			return errDuplicate // rolls back
		}

		return err
	})
	switch {
	case errors.Is(err, errDuplicate):
		return duplicate, nil
	case lockstep.KindOf(err) == lockstep.NotFound: // deleted since it was read
		return refused, nil
	case err != nil:
		return unavailable, err
	}

	if h.options.OnHint != nil {
		h.options.OnHint()
	}

	return accepted, nil
}

// log writes the one log line of a delivery. It contains nothing unverified from
// the request.
func (h *Webhooks) log(ctx context.Context, delivery delivery, took time.Duration) {
	if h.options.Observe != nil {
		h.options.Observe(delivery.response.outcome, took)
	}

	level := slog.LevelInfo
	switch delivery.response {
	case limited:
		level = slog.LevelDebug
	case unavailable:
		level = slog.LevelWarn
	case failed:
		level = slog.LevelError
	}

	if _, ok := h.schemes[delivery.kind]; !ok {
		delivery.kind = "unknown"
	}

	h.logger.LogAttrs(ctx, level, "webhook", slog.String("kind", delivery.kind), slog.String("link", delivery.link),
		slog.String("outcome", delivery.response.text),
		slog.Int("status", delivery.response.status), slog.Duration("duration", took), slog.Any("err", delivery.err))
}

func parsePath(path string) (kind, id string) {
	rest, ok := strings.CutPrefix(path, "/webhooks/")
	if !ok {
		return "", ""
	}
	kind, id, _ = strings.Cut(rest, "/")
	return kind, id
}

// deliveryKey returns a key of fixed length that identifies a repeated delivery, or
// "" if the Git host sends no id.
func (s scheme) deliveryKey(header http.Header) string {
	id := firstHeader(header, s.delivery)
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// firstHeader returns the value of the first present header, "" if none is.
func firstHeader(header http.Header, names []string) string {
	for _, name := range names {
		if value := header.Get(name); value != "" {
			return value
		}
	}
	return ""
}
