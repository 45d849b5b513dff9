package access

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
)

// readActions returns the actions that let a caller read resources of a type. A
// caller that may perform none of them on a resource gets its not-found error.
func readActions(resourceType policy.EntityType) []string {
	switch resourceType {
	case policy.Host:
		return []string{"codeconnections:GetHost"}
	case policy.Connection:
		return []string{"codeconnections:GetConnection"}
	case policy.RepositoryLink:
		return []string{"codeconnections:GetRepositoryLink"}
	case policy.SyncConfiguration:
		return []string{"codeconnections:GetSyncConfiguration", "codeconnections:GetResourceSyncStatus"}
	}
	return nil
}

// actionTypes are the types of resources that each action applies to.
var actionTypes = func() map[string][]policy.EntityType {
	types := map[string][]policy.EntityType{}
	for _, action := range policy.Actions() {
		types[action.Name] = action.ResourceTypes
	}
	return types
}()

// Authorize reports whether the caller may perform action on subject. If it may
// not read the subject, the error is the subject's not-found error; otherwise it
// is Denied.
func (c Caller) Authorize(tx *db.Tx, action string, subject Subject) error {
	return c.AuthorizeTagged(tx, action, subject, policy.Context{})
}

// AuthorizeTagged is Authorize for a request that has tags.
func (c Caller) AuthorizeTagged(tx *db.Tx, action string, subject Subject, tags policy.Context) error {
	if c.AuthorizeAll(action, subject.resourceType) {
		return nil
	}

	resource, err := subject.describe(tx)
	if err != nil {
		return err
	}

	decision := c.decide(action, resource, tags)
	if decision.Allowed {
		return nil
	}

	switch {
	case subject.notFound == nil && resource.Type != policy.SyncConfiguration:
		return c.denied(action, "*", decision) // it has no ARN yet
	case subject.notFound != nil && !c.canRead(resource):
		return subject.notFound
	}

	return c.denied(action, resource.ID, decision)
}

// AuthorizeResult authorizes action again, on the subject as the action changed
// it, so that a caller cannot move a resource out of its own scope. The error is
// always Denied.
func (c Caller) AuthorizeResult(tx *db.Tx, action string, subject Subject) error {
	if c.AuthorizeAll(action, subject.resourceType) {
		return nil
	}

	resource, err := subject.describe(tx)
	if err != nil {
		return err
	}

	if decision := c.decide(action, resource, policy.Context{}); !decision.Allowed {
		return c.denied(action, resource.ID, decision)
	}

	return nil
}

// AuthorizeAccount authorizes an action on the account, such as a list.
func (c Caller) AuthorizeAccount(action string) error {
	decision := c.decide(action, policy.AccountResource(c.Account), policy.Context{})
	if decision.Allowed {
		return nil
	}
	return c.denied(action, "*", decision)
}

// AuthorizePassRole reports whether the caller may pass an IAM role to a sync
// configuration.
func (c Caller) AuthorizePassRole(role string) error {
	const action = "iam:PassRole"
	arn := lockstep.ARN(role)
	resource := policy.IAMRoleResource(role, arn.Account(), arn.Resource())
	if decision := c.decide(action, resource, policy.Context{}); !decision.Allowed {
		return c.denied(action, role, decision)
	}
	return nil
}

// AuthorizeOperation returns Denied if the policies allow action on no resource at
// all. It does not count as consulting the policies.
func (c Caller) AuthorizeOperation(action string) error {
	last := unauthenticated
	if c.grants == nil {
		return c.denied(action, "*", last)
	}

	for _, resourceType := range actionTypes[action] {
		decision, settled := c.grants.policies.DecideByType(c.grants.principal, action, resourceType)
		if !settled || decision.Allowed {
			return nil
		}
		last = decision
	}
	return c.denied(action, "*", last)
}

// AuthorizeAll reports whether the caller may perform action on every resource of
// a type, so that none needs to be described.
func (c Caller) AuthorizeAll(action string, resourceType policy.EntityType) bool {
	if !c.AllowsAll(action, resourceType) {
		return false
	}
	c.grants.consulted.Store(true)
	return true
}

// AllowsAll is AuthorizeAll, but does not count as consulting the policies.
func (c Caller) AllowsAll(action string, resourceType policy.EntityType) bool {
	if c.grants == nil {
		return false
	}
	decision, settled := c.grants.policies.DecideByType(c.grants.principal, action, resourceType)
	return settled && decision.Allowed
}

// Allows reports whether the caller may perform action on subject. A subject that
// cannot be described, because what it belongs to is deleted, is not allowed.
func (c Caller) Allows(tx *db.Tx, action string, subject Subject) (bool, error) {
	resource, err := subject.describe(tx)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}
	return err == nil && c.decide(action, resource, policy.Context{}).Allowed, err
}

// CanRead reports whether the caller may read subject. A subject that cannot be
// described, because what it belongs to is deleted, cannot be read.
func (c Caller) CanRead(tx *db.Tx, subject Subject) (bool, error) {
	if c.CanReadAll(subject.resourceType) {
		return true, nil
	}

	resource, err := subject.describe(tx)
	if lockstep.KindOf(err) == lockstep.NotFound {
		return false, nil
	}

	return err == nil && c.canRead(resource), err
}

// CanReadAll reports whether the caller may read every resource of a type.
func (c Caller) CanReadAll(resourceType policy.EntityType) bool {
	for _, action := range readActions(resourceType) {
		if c.AllowsAll(action, resourceType) {
			return true
		}
	}
	return false
}

func (c Caller) canRead(resource policy.Resource) bool {
	for _, action := range readActions(resource.Type) {
		if c.decide(action, resource, policy.Context{}).Allowed {
			return true
		}
	}
	return false
}

// unauthenticated is the decision for the zero Caller.
var unauthenticated = policy.Decision{Reason: "because there is no authenticated caller"}

func (c Caller) decide(action string, resource policy.Resource, request policy.Context) policy.Decision {
	if c.grants == nil {
		return unauthenticated
	}

	c.grants.consulted.Store(true)
	request.Region = c.Region

	return c.grants.policies.Decide(c.grants.principal, policy.Request{
		Action:   action,
		Resource: resource,
		Context:  request,
	})
}

func (c Caller) denied(action, resource string, decision policy.Decision) error {
	arn := "anonymous"
	if c.grants != nil {
		arn = c.grants.arn
	}
	return lockstep.Errorf(lockstep.Denied, "User: %s is not authorized to perform: %s on resource: %s %s",
		arn, action, resource, decision.Reason)
}
