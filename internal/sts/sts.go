package sts

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/ratelimit"
	"github.com/lockstephq/lockstep/internal/sigv4"
)

const (
	version = "2011-06-15"
	// maxBody leaves room for a token of 20,000 characters, each escaped as three.
	maxBody = 64 << 10
)

// Options are what the service is made of.
type Options struct {
	// Directory verifies who asks for its own name.
	Directory *identity.Directory
	// WebIdentities turns tokens into sessions. If nil, nobody can assume a role.
	WebIdentities *identity.TokenExchange
	// PerSecond is how many unsigned requests an address may send in the long run,
	// and Burst how many at once. They default to 10 and 50; a negative PerSecond
	// lets everybody send as many as they like.
	PerSecond float64
	Burst     int
	// Observe is told of each answer: the service, the operation ("" where it is
	// none of ours), the code of its error ("" for none) and how long it took.
	// Defaults to nothing.
	Observe func(service, operation, code string, took time.Duration)
	// Log takes a line for each request. Defaults to nothing.
	Log *slog.Logger
}

type service struct {
	Options
	verifier sigv4.Verifier
	limit    *ratelimit.Limiter
}

// New makes the service. Requests that Wants does not want get an error.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.PerSecond == 0 {
		o.PerSecond = 10
	}
	if o.Burst == 0 {
		o.Burst = 50
	}
	return &service{Options: o, limit: ratelimit.New(o.PerSecond, o.Burst)}
}

// Wants says whether a request speaks this service's protocol, and so is meant
// for it and not for the API on the same port.
func Wants(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded" && r.Method == http.MethodPost && r.Header.Get("X-Amz-Target") == ""
}

func protocol() awsquery.Service {
	return awsquery.Service{Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}
}

// A call is one request.
type call struct {
	*service
	r    *http.Request
	body []byte
	form awsquery.Form
	// notes are what the log line says beside what all say.
	notes []slog.Attr
}

func (c *call) note(attrs ...slog.Attr) { c.notes = append(c.notes, attrs...) }

// ServeHTTP answers a request.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	requestID := uuid.NewString()
	c := &call{service: s, r: r}
	action, result, err := c.serve(w)
	if err == nil {
		err = protocol().WriteResult(w, action, result, requestID)
	}

	level, code := slog.LevelInfo, ""
	if err != nil {
		shown := shown(err)
		code = shown.Code
		if shown.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
			level = slog.LevelError
		}

		c.note(slog.String("outcome", shown.Code), slog.Any("err", err))
		protocol().WriteError(w, shown, requestID)
	}

	if s.Observe != nil {
		s.Observe("sts", action, code, time.Since(begun))
	}

	attrs := append([]slog.Attr{slog.String("op", action), slog.String("request_id", requestID), slog.String("remote", r.RemoteAddr),
		slog.Duration("duration", time.Since(begun))}, c.notes...)
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// serve finds the operation and runs it. The action is given only where it is
// known: it goes into the answer's element names and the log.
func (c *call) serve(w http.ResponseWriter) (action string, result any, err error) {
	signed := c.r.Header.Get("Authorization") != ""
	if !signed && !c.limit.Allow(c.r.RemoteAddr, time.Now()) {
		return "", nil, throttled()
	}
	if !Wants(c.r) {
		return "", nil, &awsquery.Error{Code: "InvalidAction", Message: "Requests are sent with POST, as application/x-www-form-urlencoded."}
	}

	if c.body, err = io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxBody)); err != nil {
		return "", nil, &awsquery.Error{Code: "RequestEntityTooLarge", Message: "The request cannot be read, or is too large.",
			Status: http.StatusRequestEntityTooLarge}
	}
	if c.form, err = awsquery.Read(c.body); err != nil {
		return "", nil, err
	}

	action = c.form.Text("Action")
	switch {
	case action == "":
		return "", nil, &awsquery.Error{Code: "MissingAction", Message: "The request must contain the parameter Action."}
	case action == "AssumeRoleWithWebIdentity" && c.form.Text("Version") == version:
		// A signature means nothing here, so it must not spare anybody the limit.
		if signed && !c.limit.Allow(c.r.RemoteAddr, time.Now()) {
			return action, nil, throttled()
		}

		result, err = c.assumeRoleWithWebIdentity()
		return action, result, err
	case action == "GetCallerIdentity" && c.form.Text("Version") == version:
		result, err = c.getCallerIdentity()
		return action, result, err
	}

	return "", nil, &awsquery.Error{Code: "InvalidAction",
		Message: "Could not find operation " + clip(action) + " for version " + clip(c.form.Text("Version"))}
}

func throttled() error { return &awsquery.Error{Code: "Throttling", Message: "Rate exceeded"} }

// shown turns an error into what the client is told.
func shown(err error) *awsquery.Error {
	if e, ok := errors.AsType[*awsquery.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return &awsquery.Error{Code: e.QueryCode(), Message: e.Message, Status: http.StatusForbidden}
	}

	message := lockstep.Shown(err)
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		return shown(sigv4.UnknownKeyError())
	case errors.Is(err, identity.ErrSessionRequired):
		return &awsquery.Error{Code: "InvalidClientTokenId", Message: message, Status: http.StatusForbidden}
	case errors.Is(err, identity.ErrExpiredToken):
		return &awsquery.Error{Code: "ExpiredToken", Message: message, Status: http.StatusForbidden}
	}

	switch lockstep.KindOf(err) { // as identity.WebIdentities.Assume says them
	case lockstep.Invalid:
		return &awsquery.Error{Code: "InvalidIdentityToken", Message: message}
	case lockstep.Stale:
		return &awsquery.Error{Code: "ExpiredTokenException", Message: message}
	case lockstep.Unavailable:
		return &awsquery.Error{Code: "IDPCommunicationError", Message: message}
	case lockstep.Limit:
		return &awsquery.Error{Code: "ValidationError", Message: message}
	case lockstep.Denied:
		return &awsquery.Error{Code: "AccessDenied", Message: message, Status: http.StatusForbidden}
	}

	return &awsquery.Error{Code: "InternalFailure", Message: "Internal error.", Status: http.StatusInternalServerError}
}

// clip keeps a caller's text from flooding an answer.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
