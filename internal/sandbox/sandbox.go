package sandbox

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/spec"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/ratelimit"
	"github.com/lockstephq/lockstep/internal/sandbox/store"
	"github.com/lockstephq/lockstep/internal/sigv4"
)

// Options configure a sandbox. The zero value works.
type Options struct {
	// Log receives a line for each request. Defaults to discarding them.
	Log *slog.Logger
	// LookUpKey returns an access key, with an empty secret if there is no such key. It
	// is not called for keys of AssumeRole. If nil, every well-formed signature is
	// accepted without verification, as one of Account, with access to all accounts.
	LookUpKey func(ctx context.Context, accessKeyID string) (Key, error)
	// Account is the account of unverified access keys. Defaults to 000000000000.
	Account string
	// ResourceDuration is how long a resource without a Delay takes. If zero, a whole
	// operation takes about a fifth of a second and a change set 20 ms. Below a
	// millisecond, everything is complete at once.
	ResourceDuration time.Duration
}

// A Sandbox serves CloudFormation and STS over HTTP. It is safe for concurrent use.
type Sandbox struct {
	options    Options
	database   *db.DB
	catalog    *spec.Catalog
	verifier   *sigv4.Verifier
	failures   *ratelimit.Limiter // failed authentications
	operations map[string]operation
}

const (
	// failuresPerSecond is the sustained rate of failed authentications per address
	// that are answered with their reason, after a burst of failuresAtOnce.
	failuresPerSecond = 10
	failuresAtOnce    = 100
)

// Open opens the database at path, creating it (0600) if it is missing. Only one
// Sandbox may have it open.
func Open(ctx context.Context, path string, opt Options) (*Sandbox, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}

	if opt.Account == "" {
		opt.Account = "000000000000"
	}

	known, err := spec.New()
	if err != nil {
		return nil, err
	}

	database, err := store.Open(ctx, path)
	if err != nil {
		return nil, err
	}

	sandbox := &Sandbox{
		options:  opt,
		database: database,
		catalog:  known,
		verifier: &sigv4.Verifier{},
		failures: ratelimit.New(failuresPerSecond, failuresAtOnce),
	}
	sandbox.operations = operations()
	if err := database.Update(ctx, store.Purge); err != nil {
		return nil, errors.Join(err, database.Close())
	}

	return sandbox, nil
}

// Close closes the database. Requests must have ended.
func (s *Sandbox) Close() error { return s.database.Close() }

// ServeHTTP serves one request.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := time.Now()
	requestID := uuid.NewString()
	action, service, result, err := s.serve(w, r)
	if err == nil {
		err = service.WriteResult(w, action, result, requestID)
	} else {
		service.WriteError(w, s.toQueryError(r.Context(), action, err), requestID)
	}

	s.options.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("op", action),
		slog.String("request_id", requestID), slog.Duration("duration", time.Since(begun)), slog.Any("err", err))
}

// toQueryError converts an error to one for the client, and logs internal errors.
func (s *Sandbox) toQueryError(ctx context.Context, action string, err error) *awsquery.Error {
	if queryErr, ok := errors.AsType[*awsquery.Error](err); ok {
		return queryErr
	}
	if queryErr, ok := errors.AsType[*syntax.Error](err); ok {
		return &awsquery.Error{Code: "ValidationError", Message: queryErr.Message}
	}
	if queryErr, ok := errors.AsType[*sigv4.Error](err); ok {
		return &awsquery.Error{Code: queryErr.QueryCode(), Message: queryErr.Message, Status: http.StatusForbidden}
	}

	if ctx.Err() == nil {
		s.options.Log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("op", action), slog.Any("err", err))
	}

	return &awsquery.Error{Code: "InternalFailure", Message: "Internal error.", Status: http.StatusInternalServerError}
}

// serve authenticates a request and runs its operation in a transaction. It looks at
// the access key before it reads the body.
func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request) (
	action string, service awsquery.Service, result any, err error,
) {
	service = cloudformation()
	if r.Method != http.MethodPost {
		return "", service, nil, &awsquery.Error{
			Code:    "MethodNotAllowed",
			Message: "The Query protocol uses POST.",
			Status:  http.StatusMethodNotAllowed,
		}
	}

	authorization, who, secret, err := s.identify(r)
	if err != nil {
		return "", service, nil, s.refuse(r, err)
	}

	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, awsquery.MaxBody))
	if err != nil {
		return "", service, nil, &awsquery.Error{
			Code:    "RequestEntityTooLarge",
			Message: "Request entity too large",
			Status:  http.StatusRequestEntityTooLarge,
		}
	}
	if err := s.verify(r, body, authorization, secret); err != nil {
		return "", service, nil, s.refuse(r, err)
	}

	form, err := awsquery.Read(body)
	if err != nil {
		return "", service, nil, err
	}

	action = form.Text("Action")
	operation, known := s.operations[action]
	if known {
		service = operation.service
	}

	switch {
	case action == "":
		return action, service, nil, &awsquery.Error{Code: "MissingAction",
			Message: "The request must contain the parameter Action."}
	case !known:
		return action, service, nil, &awsquery.Error{Code: "InvalidAction",
			Message: "Could not find operation " + syntax.Clip(action) +
				" for version " + syntax.Clip(form.Text("Version"))}
	}

	if err := who.authorize(action, operation); err != nil {
		return action, service, nil, err
	}

	run := s.database.View
	if operation.writes {
		run = s.database.Update
	}

	err = run(r.Context(), func(tx *db.Tx) error {
		result, err = operation.run(&call{
			Scope: store.Scope{
				Tx:        tx,
				Account:   who.account,
				Region:    who.region,
				Partition: who.partition(),
			},
			sandbox: s,
			caller:  who,
			form:    requestForm{form},
			action:  action,
		})
		return err
	})
	return action, service, result, err
}
