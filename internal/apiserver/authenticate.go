package apiserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/ratelimit"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/sigv4"
	"github.com/lockstephq/lockstep/internal/wire"
)

// awsKeyMessage answers a request that is signed with an AWS access key. The
// secret has not left its owner, but calls meant for AWS came here, or the other
// way round.
const awsKeyMessage = "A real AWS access key was used to call Lockstep, which is not AWS. " +
	"Lockstep has access keys of its own, which begin with LSAK: use the profile that holds one, for instance with " +
	"AWS_PROFILE=lockstep."

const (
	// failuresPerSecond is the sustained rate of failed authentications per address
	// that are answered with their reason, after a burst of failuresAtOnce.
	failuresPerSecond = 10
	failuresAtOnce    = 100
)

// An authenticator finds the caller of a request.
type authenticator struct {
	api       *api.Service
	directory *identity.Directory
	verifier  sigv4.Verifier
	limiter   *access.Limiter
	failures  *ratelimit.Limiter
}

// authenticate checks everything about a request's signature for which its body is
// not needed: the scope, the date and the access key. The scope must name the
// service that X-Amz-Target names. At AWS each service has an endpoint of its own.
func (a *authenticator) authenticate(r *http.Request, service string) (awsjson.Verify, error) {
	authorization, err := a.identify(r, service)
	if err != nil {
		return nil, a.refuse(r, err)
	}

	return func(body []byte) (context.Context, error) {
		principal, err := a.verify(r, body, authorization)
		if err != nil {
			return nil, a.refuse(r, err)
		}
		return a.admit(r, principal, authorization.Region, service)
	}, nil
}

// identify returns the authorization of a request, if its key is a known one and its
// date is now.
func (a *authenticator) identify(r *http.Request, service string) (*sigv4.Authorization, error) {
	authorization, err := a.verifier.Parse(r, service)
	if err != nil {
		return nil, err
	}
	if identity.IsAWSKeyID(authorization.AccessKeyID) {
		return nil, badRequest("UnrecognizedClientException", awsKeyMessage)
	}

	if err := a.directory.CheckID(r.Context(), authorization.AccessKeyID, authorization.SecurityToken); err != nil {
		return nil, err
	}

	return authorization, a.verifier.CheckTime(authorization, time.Now())
}

// verify returns the principal that signed a request with this body.
func (a *authenticator) verify(
	r *http.Request, body []byte, authorization *sigv4.Authorization,
) (identity.Principal, error) {
	return a.directory.Verify(r.Context(), authorization.AccessKeyID, authorization.SecurityToken,
		func(secret seal.Secret) error {
			return a.verifier.Verify(r, body, authorization, secret.Reveal(), time.Now())
		})
}

// refuse returns the exception for a request that could not be authenticated. An
// address with many of them learns nothing from further ones. Valid requests are
// never refused for that: callers may share the address of a proxy.
func (a *authenticator) refuse(r *http.Request, cause error) error {
	err := authenticationError(cause)
	if _, isRefusal := errors.AsType[*awsjson.Error](err); isRefusal && !a.failures.Allow(r.RemoteAddr, time.Now()) {
		return throttled()
	}
	return err
}

// throttled returns the exception for too many requests. SDKs retry it.
func throttled() error { return badRequest("ThrottlingException", "Rate exceeded") }

// admit returns a context with the caller of an authenticated request.
func (a *authenticator) admit(
	r *http.Request, principal identity.Principal, region, service string,
) (context.Context, error) {
	awsjson.Annotate(r.Context(), slog.Any("principal", principal))
	if !a.limiter.Allow(principal, operationOf(r), time.Now()) {
		return nil, throttled()
	}

	caller, err := a.api.NewCaller(r.Context(), principal, region, service)
	if err != nil {
		return nil, err
	}

	// As at AWS, a caller that may never call an operation learns nothing of its
	// parameters.
	if err := caller.AuthorizeOperation(actionOf(service, operationOf(r))); err != nil {
		return nil, err
	}

	return context.WithValue(r.Context(), callerContextKey{}, caller), nil
}

// actionOf returns the name of an operation in policies. Both AWS services have
// the same one.
func actionOf(service, operation string) string {
	if service == wire.CodeStarConnectionsName {
		service = wire.CodeConnectionsName
	}
	return service + ":" + operation
}

// operationOf returns the operation that X-Amz-Target names after its last dot.
func operationOf(r *http.Request) string {
	target := r.Header.Get("X-Amz-Target")
	return target[strings.LastIndexByte(target, '.')+1:]
}

// authenticationError returns the exception for an invalid signature or key. Any
// other error is internal and returned as it is.
func authenticationError(err error) error {
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		err = sigv4.UnknownKeyError()
	case errors.Is(err, identity.ErrExpiredToken):
		return badRequest("ExpiredTokenException", "The security token included in the request is expired")
	case errors.Is(err, identity.ErrSessionRequired):
		return badRequest("UnrecognizedClientException", lockstep.Shown(err))
	}

	if invalid, ok := errors.AsType[*sigv4.Error](err); ok {
		return badRequest(invalid.Code(), invalid.Message)
	}

	return err
}

func badRequest(code, message string) error {
	return &awsjson.Error{Code: code, Status: http.StatusBadRequest, Message: message}
}
