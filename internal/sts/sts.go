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
	// maxBody allows a token of 20,000 characters, each escaped as three.
	maxBody = 64 << 10
)

// Options configure the service. Fields without a default are required.
type Options struct {
	// Directory verifies the signatures of GetCallerIdentity.
	Directory *identity.Directory
	// WebIdentities exchanges tokens for sessions. If it is nil, no role can be
	// assumed.
	WebIdentities *identity.TokenExchange
	// PerSecond and Burst limit the unsigned requests of a client network. They
	// default to 10 and 50. A negative PerSecond means no limit.
	PerSecond float64
	Burst     int
	// Observe is called for each response with the service, the operation ("" if
	// unknown), the error code ("" for none) and the duration. Optional.
	Observe func(service, operation, code string, took time.Duration)
	// Logger gets one line a request. Defaults to none.
	Logger *slog.Logger
}

type service struct {
	Options
	verifier sigv4.Verifier
	limiter  *ratelimit.Limiter
}

// New returns a handler. It serves requests for which [IsRequest] reports true.
func New(options Options) http.Handler {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.PerSecond == 0 {
		options.PerSecond = 10
	}
	if options.Burst == 0 {
		options.Burst = 50
	}
	return &service{Options: options, limiter: ratelimit.New(options.PerSecond, options.Burst)}
}

// IsRequest reports whether a request uses the Query protocol, and so is meant for
// this service and not for the API on the same port.
func IsRequest(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded" && r.Method == http.MethodPost &&
		r.Header.Get("X-Amz-Target") == ""
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
	// authorization is nil if unidentified says why the request's signature cannot be
	// valid.
	authorization *sigv4.Authorization
	unidentified  error
	// attrs are additional attributes of the log line.
	attrs []slog.Attr
}

func (c *call) annotate(attrs ...slog.Attr) { c.attrs = append(c.attrs, attrs...) }

// ServeHTTP serves one request.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	requestID := uuid.NewString()
	call := &call{service: s, r: r}
	action, result, err := call.serve(w)
	if err == nil {
		err = protocol().WriteResult(w, action, result, requestID)
	}

	level, code := slog.LevelInfo, ""
	if err != nil {
		shown := toQueryError(err)
		code = shown.Code
		if shown.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
			level = slog.LevelError
		}

		call.annotate(slog.String("outcome", shown.Code), slog.Any("err", err))
		protocol().WriteError(w, shown, requestID)
	}

	if s.Observe != nil {
		s.Observe("sts", action, code, time.Since(begun))
	}

	attrs := append([]slog.Attr{
		slog.String("op", action),
		slog.String("request_id", requestID),
		slog.String("remote", r.RemoteAddr),
		slog.Duration("duration", time.Since(begun)),
	}, call.attrs...)
	s.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}

// serve runs the operation of a request. It returns the action only if it is known,
// since the action becomes part of element names and logs.
func (c *call) serve(w http.ResponseWriter) (action string, result any, err error) {
	c.authorization, c.unidentified = c.identify()
	isCounted := c.unidentified != nil
	if isCounted && !c.limiter.Allow(c.r.RemoteAddr, time.Now()) {
		return "", nil, throttled()
	}
	if !IsRequest(c.r) {
		return "", nil, &awsquery.Error{
			Code:    "InvalidAction",
			Message: "Send requests with POST, as application/x-www-form-urlencoded.",
		}
	}

	if c.body, err = io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxBody)); err != nil {
		return "", nil, &awsquery.Error{
			Code:    "RequestEntityTooLarge",
			Message: "The request cannot be read, or is too large.",
			Status:  http.StatusRequestEntityTooLarge,
		}
	}
	if c.form, err = awsquery.Read(c.body); err != nil {
		return "", nil, err
	}

	action = c.form.Text("Action")
	switch {
	case action == "":
		return "", nil, &awsquery.Error{
			Code:    "MissingAction",
			Message: "The request must contain the parameter Action.",
		}
	case action == "AssumeRoleWithWebIdentity" && c.form.Text("Version") == version:
		// A signature is not verified here, so it must not avoid the limit.
		if !isCounted && !c.limiter.Allow(c.r.RemoteAddr, time.Now()) {
			return action, nil, throttled()
		}

		result, err = c.assumeRoleWithWebIdentity()
		return action, result, err
	case action == "GetCallerIdentity" && c.form.Text("Version") == version:
		result, err = c.getCallerIdentity()
		return action, result, err
	}

	return "", nil, &awsquery.Error{Code: "InvalidAction",
		Message: "Could not find operation " + truncate(action) + " for version " + truncate(c.form.Text("Version"))}
}

func throttled() error { return &awsquery.Error{Code: "Throttling", Message: "Rate exceeded"} }

// toQueryError returns the response for an error.
func toQueryError(err error) *awsquery.Error {
	if refusal, ok := errors.AsType[*awsquery.Error](err); ok {
		return refusal
	}
	if refusal, ok := errors.AsType[*sigv4.Error](err); ok {
		return &awsquery.Error{Code: refusal.QueryCode(), Message: refusal.Message, Status: http.StatusForbidden}
	}

	message := lockstep.Shown(err)
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		return toQueryError(sigv4.UnknownKeyError())
	case errors.Is(err, identity.ErrSessionRequired):
		return &awsquery.Error{Code: "InvalidClientTokenId", Message: message, Status: http.StatusForbidden}
	case errors.Is(err, identity.ErrExpiredToken):
		return &awsquery.Error{Code: "ExpiredToken", Message: message, Status: http.StatusForbidden}
	}

	switch lockstep.KindOf(err) { // of identity.TokenExchange.AssumeRole
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

// truncate shortens text of the client for a message.
func truncate(text string) string {
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}
