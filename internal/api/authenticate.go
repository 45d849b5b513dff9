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
)

// realKey is said to whoever signs with a key of AWS's. The secret of it has
// not left its owner, but its name has, and calls meant for AWS came here or
// the other way round.
const realKey = "A real AWS access key was used to call Lockstep, which is not AWS. " +
	"Lockstep has access keys of its own, which begin with LSAK: use the profile that holds one, for instance with AWS_PROFILE=lockstep."

// A gate lets signed requests in whose sender may call the operation. It is the
// one place that decides this.
type gate struct {
	directory *identity.Directory
	verifier  sigv4.Verifier
}

// authenticate finds out who calls and whether they may. The scope of the
// signature must name the service that the target names, as at AWS, where
// each service listens apart.
func (g *gate) authenticate(r *http.Request, body []byte, service string) (context.Context, error) {
	a, err := g.verifier.Parse(r, service)
	if err != nil {
		return nil, refusal(err)
	}
	if identity.LooksLikeAWS(a.AccessKeyID) {
		return nil, &awsjson.Error{Code: "UnrecognizedClientException", Status: http.StatusBadRequest, Message: realKey}
	}
	who, err := g.directory.Verify(r.Context(), a.AccessKeyID, func(secret seal.Secret) error {
		return g.verifier.Verify(r, body, a, secret.Reveal(), time.Now())
	})
	if err != nil {
		return nil, refusal(err)
	}
	awsjson.Annotate(r.Context(), slog.Any("principal", who))
	if operation := operationOf(r); !identity.Allow(who, operation) {
		return nil, lockstep.Errorf(lockstep.Denied, "User: %s is not authorized to perform: %s:%s",
			userARN(who, a.Region), service, operation)
	}
	return context.WithValue(r.Context(), callerKey{}, Caller{
		Principal: who,
		Account:   lockstep.AccountID(who.Account),
		Region:    a.Region,
		Service:   service,
	}), nil
}

// operationOf gives what a target names after its last dot.
func operationOf(r *http.Request) string {
	target := r.Header.Get("X-Amz-Target")
	return target[strings.LastIndexByte(target, '.')+1:]
}

// userARN names a principal as AWS names a user in such messages.
func userARN(who identity.Principal, region string) string {
	return "arn:" + lockstep.Partition(region) + ":iam::" + who.Account + ":user/" + who.Name
}

// refusal puts the reason for which a request was not let in on the wire. What
// is neither a wrong signature nor an unknown key is an error of ours.
func refusal(err error) error {
	if errors.Is(err, identity.ErrUnknownKey) {
		err = sigv4.UnknownKeyError()
	}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return &awsjson.Error{Code: e.Code(), Status: http.StatusBadRequest, Message: e.Message}
	}
	return err
}
