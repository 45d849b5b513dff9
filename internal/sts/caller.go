package sts

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/seal"
)

// A callerIdentity is the answer of GetCallerIdentity.
type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// realKey is said to whoever signs with a key of AWS's: its name has come here,
// or the call was meant for there.
const realKey = "A real AWS access key was used to call Lockstep, which is not AWS. Lockstep has access keys of its own, which begin with LSAK or LSSK."

// getCallerIdentity tells who has signed. Everybody may know that of themselves.
func (c *call) getCallerIdentity() (any, error) {
	a, err := c.verifier.Parse(c.r, "sts")
	if err != nil {
		return nil, err
	}
	if identity.IsAWSKeyID(a.AccessKeyID) {
		return nil, &awsquery.Error{Code: "InvalidClientTokenId", Message: realKey, Status: http.StatusForbidden}
	}

	who, err := c.Directory.Verify(c.r.Context(), a.AccessKeyID, a.SecurityToken, func(secret seal.Secret) error {
		return c.verifier.Verify(c.r, c.body, a, secret.Reveal(), time.Now())
	})
	if err != nil {
		return nil, err
	}

	c.note(slog.Any("principal", who))
	return callerIdentity{Arn: who.ARN(lockstep.Partition(a.Region)), UserID: who.UserID(), Account: who.Account}, nil
}
