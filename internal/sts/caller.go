package sts

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
	"github.com/lockstephq/lockstep/internal/sigv4"
)

// A callerIdentity is the result of GetCallerIdentity.
type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// awsKeyMessage answers a request that is signed with an AWS access key. Either its
// id leaked to Lockstep, or the request was meant for AWS.
const awsKeyMessage = "A real AWS access key was used to call Lockstep, which is not AWS. " +
	"Lockstep has access keys of its own, which begin with LSAK or LSSK."

// identify checks everything about a request's signature for which its body is not
// needed.
func (c *call) identify() (*sigv4.Authorization, error) {
	authorization, err := c.verifier.Parse(c.r, "sts")
	if err != nil {
		return nil, err
	}
	if identity.IsAWSKeyID(authorization.AccessKeyID) {
		return nil, &awsquery.Error{Code: "InvalidClientTokenId", Message: awsKeyMessage, Status: http.StatusForbidden}
	}

	if err := c.Directory.CheckID(c.r.Context(), authorization.AccessKeyID, authorization.SecurityToken); err != nil {
		return nil, err
	}

	return authorization, c.verifier.CheckTime(authorization, time.Now())
}

// getCallerIdentity returns the identity of the signer. It needs no permission.
func (c *call) getCallerIdentity() (any, error) {
	if c.unidentified != nil {
		return nil, c.unidentified
	}

	authorization := c.authorization
	principal, err := c.Directory.Verify(c.r.Context(), authorization.AccessKeyID, authorization.SecurityToken,
		func(secret seal.Secret) error {
			return c.verifier.Verify(c.r, c.body, authorization, secret.Reveal(), time.Now())
		})
	if err != nil && !c.limiter.Allow(c.r.RemoteAddr, time.Now()) {
		return nil, throttled()
	}
	if err != nil {
		return nil, err
	}

	c.annotate(slog.Any("principal", principal))
	return callerIdentity{
		Arn:     principal.ARN(lockstep.Partition(authorization.Region)),
		UserID:  principal.UserID(),
		Account: principal.Account,
	}, nil
}
