package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/awsjson"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/sigv4"
	"github.com/lockstephq/lockstep/internal/wire"
)

// awsKeyMessage is said to whoever signs with a key of AWS's. The secret of it has
// not left its owner, but its name has, and calls meant for AWS came here or
// the other way round.
const awsKeyMessage = "A real AWS access key was used to call Lockstep, which is not AWS. " +
	"Lockstep has access keys of its own, which begin with LSAK: use the profile that holds one, for instance with AWS_PROFILE=lockstep."

// A gate lets signed requests in. Who has sent one is found out here and
// nowhere else; what they may do is asked of each thing (access.go).
type authenticator struct {
	service  *Service
	verifier sigv4.Verifier
	throttle *throttle
}

// authenticate finds out who calls. The scope of the signature must name the
// service that the target names, as at AWS, where each service listens apart.
func (g *authenticator) authenticate(r *http.Request, body []byte, service string) (context.Context, error) {
	authorization, err := g.verifier.Parse(r, service)
	if err != nil {
		return nil, authenticationError(err)
	}
	if identity.IsAWSKeyID(authorization.AccessKeyID) {
		return nil, &awsjson.Error{Code: "UnrecognizedClientException", Status: http.StatusBadRequest, Message: awsKeyMessage}
	}

	now := time.Now()
	who, err := g.service.o.Directory.Verify(r.Context(), authorization.AccessKeyID, authorization.SecurityToken, func(secret seal.Secret) error {
		return g.verifier.Verify(r, body, authorization, secret.Reveal(), now)
	})
	if err != nil {
		return nil, authenticationError(err)
	}

	awsjson.Annotate(r.Context(), slog.Any("principal", who))
	if err := g.throttle.take(who, operationOf(r), now); err != nil {
		return nil, err
	}

	caller, err := g.service.NewCaller(r.Context(), who, authorization.Region, service)
	if err != nil {
		return nil, err
	}

	// As at AWS, who may never call an operation learns nothing of how to.
	if err := caller.AuthorizeOperation(actionOf(service, operationOf(r))); err != nil {
		return nil, err
	}

	return context.WithValue(r.Context(), callerContextKey{}, caller), nil
}

// actionOf names an operation as policies do: those of the two AWS services by
// one name.
func actionOf(service, operation string) string {
	if service == wire.CodeStarConnectionsName {
		service = wire.CodeConnectionsName
	}
	return service + ":" + operation
}

// operationOf gives what a target names after its last dot.
func operationOf(r *http.Request) string {
	target := r.Header.Get("X-Amz-Target")
	return target[strings.LastIndexByte(target, '.')+1:]
}

// authenticationError puts the reason for which a request was not let in on the wire. What
// is neither a wrong signature nor an unknown key is an error of ours.
func authenticationError(err error) error {
	switch {
	case errors.Is(err, identity.ErrUnknownKey):
		err = sigv4.UnknownKeyError()
	case errors.Is(err, identity.ErrExpiredToken):
		return &awsjson.Error{Code: "ExpiredTokenException", Status: http.StatusBadRequest,
			Message: "The security token included in the request is expired"}
	case errors.Is(err, identity.ErrSessionRequired):
		return &awsjson.Error{Code: "UnrecognizedClientException", Status: http.StatusBadRequest, Message: lockstep.Shown(err)}
	}

	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return &awsjson.Error{Code: e.Code(), Status: http.StatusBadRequest, Message: e.Message}
	}

	return err
}
