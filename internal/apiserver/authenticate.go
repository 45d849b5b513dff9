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

// An authenticator finds the caller of a request.
type authenticator struct {
	api       *api.Service
	directory *identity.Directory
	verifier  sigv4.Verifier
	limiter   *access.Limiter
}

// authenticate returns a context with the caller of a request. The scope of the
// signature must name the service that X-Amz-Target names. At AWS each service has
// an endpoint of its own.
func (a *authenticator) authenticate(r *http.Request, body []byte, service string) (context.Context, error) {
	authorization, err := a.verifier.Parse(r, service)
	if err != nil {
		return nil, authenticationError(err)
	}
	if identity.IsAWSKeyID(authorization.AccessKeyID) {
		return nil, badRequest("UnrecognizedClientException", awsKeyMessage)
	}

	now := time.Now()
	principal, err := a.directory.Verify(r.Context(), authorization.AccessKeyID, authorization.SecurityToken,
		func(secret seal.Secret) error {
			return a.verifier.Verify(r, body, authorization, secret.Reveal(), now)
		})
	if err != nil {
		return nil, authenticationError(err)
	}

	awsjson.Annotate(r.Context(), slog.Any("principal", principal))
	if !a.limiter.Allow(principal, operationOf(r), now) {
		return nil, badRequest("ThrottlingException", "Rate exceeded") // SDKs retry it
	}

	caller, err := a.api.NewCaller(r.Context(), principal, authorization.Region, service)
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
