package access

import (
	"sync/atomic"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/identity"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
)

// A Caller is the principal that calls an operation, and the region and service
// that it calls. The zero Caller may do nothing.
type Caller struct {
	Principal identity.Principal
	Account   lockstep.AccountID
	Region    string
	// Service is the service as credential scopes and ARNs name it, such as
	// codeconnections. It is the service of the ARNs of new resources.
	Service string

	grants *grants
}

// grants are the policies of an account, as they apply to one principal.
type grants struct {
	principal policy.Principal
	policies  *policy.Set
	arn       string // the principal's, for error messages
	// consulted is set by the first decision.
	consulted atomic.Bool
}

// NewCaller returns a Caller that may do what policies allow principal to do.
func NewCaller(principal identity.Principal, policies *policy.Set, region, service string) Caller {
	return Caller{
		Principal: principal,
		Account:   lockstep.AccountID(principal.Account),
		Region:    region,
		Service:   service,
		grants: &grants{
			principal: principal.PolicyPrincipal(),
			policies:  policies,
			arn:       principal.ARN(lockstep.Partition(region)),
		},
	}
}

// NewARN returns the ARN of a new resource of the caller's account.
func (c Caller) NewARN(kind, id string) lockstep.ARN {
	return lockstep.MakeARN(c.Service, c.Region, string(c.Account), kind, id)
}

// Resource returns the resource of the caller's account with a type and a name.
func (c Caller) Resource(syncType, name string) lockstep.Resource {
	return lockstep.Resource{
		Account:  c.Account,
		Region:   c.Region,
		SyncType: lockstep.SyncType(syncType),
		Name:     name,
	}
}

// Scope returns the caller's account and region, to count resources in.
func (c Caller) Scope() store.Scope {
	return store.Scope{Account: c.Account, Region: c.Region}
}

// Consulted reports whether a policy decision was made for the caller. An
// operation that returns a result without one has not been authorized.
func (c Caller) Consulted() bool {
	return c.grants != nil && c.grants.consulted.Load()
}

// A principalKey identifies the owner of page tokens and token buckets: a user,
// whichever access key it signs with, or a role, whatever its sessions are called.
// SDKs choose a new session name each time they renew a session, and callers may
// choose any.
type principalKey struct{ account, role, user string }

func keyOf(principal identity.Principal) principalKey {
	if principal.AssumedRole != "" {
		return principalKey{account: principal.Account, role: principal.AssumedRole}
	}
	return principalKey{account: principal.Account, user: principal.Name}
}
