package api

import (
	"context"
	"sync/atomic"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
)

// An authority is what a caller may do: the policies of the account, and who
// asks them. Every operation asks it about each thing that it reads or changes,
// within the transaction in which it does so.
type authority struct {
	who policy.Principal
	set *policy.Set
	// named is the principal's ARN, for refusals.
	named string
	// asked is set by the first question. An operation that has answered without
	// one has forgotten to ask, and its answer is withheld.
	asked atomic.Bool
}

// reading lists the actions by which a thing can be seen. Who may do none of
// them gets the answer that a missing thing gets.
var reading = map[policy.EntityType][]string{
	policy.Host:              {"codeconnections:GetHost"},
	policy.Connection:        {"codeconnections:GetConnection"},
	policy.RepositoryLink:    {"codeconnections:GetRepositoryLink"},
	policy.SyncConfiguration: {"codeconnections:GetSyncConfiguration", "codeconnections:GetResourceSyncStatus"},
}

// A thing is what a question is about.
type Subject struct {
	kind policy.EntityType
	// describe reads what policies may ask of it.
	describe func(tx *db.Tx) (policy.Resource, error)
	// missing is said to whoever may not see it.
	missing error
}

func HostSubject(host lockstep.Host) Subject {
	return Subject{policy.Host, func(tx *db.Tx) (policy.Resource, error) {
		tags, err := store.Tags(tx, host.ARN)
		return policy.HostResource(host, tags), err
	}, store.NoHost(host.ARN)}
}

func ConnectionSubject(conn lockstep.Connection) Subject {
	return Subject{policy.Connection, func(tx *db.Tx) (policy.Resource, error) {
		tags, err := store.Tags(tx, conn.ARN)
		return policy.ConnectionResource(conn, tags), err
	}, store.NoConnection(conn.ARN)}
}

func LinkSubject(link lockstep.RepositoryLink) Subject {
	return Subject{policy.RepositoryLink, func(tx *db.Tx) (policy.Resource, error) {
		tags, err := store.Tags(tx, link.ARN)
		return policy.LinkResource(link, tags), err
	}, store.NoLink(link.ID)}
}

func ConfigurationSubject(c lockstep.SyncConfiguration) Subject { return ConfigurationSubjects()(c) }

// ConfigurationSubjects is theConfiguration for many. They share few links, of which
// each is read once.
func ConfigurationSubjects() func(lockstep.SyncConfiguration) Subject {
	type described struct {
		link lockstep.RepositoryLink
		tags []lockstep.Tag
	}
	known := map[string]described{}
	return func(cfg lockstep.SyncConfiguration) Subject {
		return Subject{policy.SyncConfiguration, func(tx *db.Tx) (policy.Resource, error) {
			of, ok := known[cfg.LinkID]
			if !ok {
				var err error
				if of.link, err = store.LinkByID(tx, cfg.LinkID); err != nil {
					return policy.Resource{}, err
				}
				if of.tags, err = store.Tags(tx, of.link.ARN); err != nil {
					return policy.Resource{}, err
				}

				known[cfg.LinkID] = of
			}

			return policy.ConfigurationResource(cfg, of.link, of.tags), nil
		}, store.NoConfiguration(cfg.ResourceName)}
	}
}

// WithNotFound is the thing with other words for whoever may not see it: those of an
// operation that looks for something else where the thing would be. nil is for
// what the caller is about to make, and so cannot be kept from it.
func (t Subject) WithNotFound(missing error) Subject {
	t.missing = missing
	return t
}

// Authorize asks whether the caller may do an action to a thing. The error is what a
// missing thing is answered with where the caller may not even see it, else
// Denied.
func (c Caller) Authorize(tx *db.Tx, action string, t Subject) error {
	return c.AuthorizeTagged(tx, action, t, policy.Context{})
}

// AuthorizeTagged is on, for a call that brings tags.
func (c Caller) AuthorizeTagged(tx *db.Tx, action string, t Subject, around policy.Context) error {
	if c.AuthorizeAll(action, t.kind) {
		return nil
	}

	resource, err := t.describe(tx)
	if err != nil {
		return err
	}

	decision := c.decide(action, resource, around)
	if decision.Allowed {
		return nil
	}

	switch {
	case t.missing == nil && resource.Type != policy.SyncConfiguration:
		return c.denied(action, "*", decision) // its ARN means nothing yet
	case t.missing != nil && !c.canReadResource(resource):
		return t.missing
	}

	return c.denied(action, resource.ID, decision)
}

// AuthorizeResult is on for what an action has just made of a thing: who may change
// what it is may not for that turn it into what they may not touch.
func (c Caller) AuthorizeResult(tx *db.Tx, action string, t Subject) error {
	if c.AuthorizeAll(action, t.kind) {
		return nil
	}
	resource, err := t.describe(tx)
	if err != nil {
		return err
	}
	if d := c.decide(action, resource, policy.Context{}); !d.Allowed {
		return c.denied(action, resource.ID, d)
	}
	return nil
}

// AuthorizeAccount asks for what concerns no single thing.
func (c Caller) AuthorizeAccount(action string) error {
	decision := c.decide(action, policy.AccountResource(c.Account), policy.Context{})
	if decision.Allowed {
		return nil
	}
	return c.denied(action, "*", decision)
}

// AuthorizePassRole asks whether the caller may hand a role of AWS's to the syncs.
func (c Caller) AuthorizePassRole(role string) error {
	const action = "iam:PassRole"
	arn := lockstep.ARN(role)
	r := policy.IAMRoleResource(role, arn.Account(), arn.Resource())
	if d := c.decide(action, r, policy.Context{}); !d.Allowed {
		return c.denied(action, role, d)
	}
	return nil
}

// AuthorizeOperation says whether there could be anything that the caller may do an action
// to; Denied where there is not.
func (c Caller) AuthorizeOperation(action string) error {
	var last policy.Decision
	for _, kind := range kindsOf[action] {
		decision, settled := c.authority.set.DecideByType(c.authority.who, action, kind)
		if !settled || decision.Allowed {
			return nil
		}
		last = decision
	}
	return c.denied(action, "*", last)
}

// kindsOf says which things an action can be done to.
var kindsOf = func() map[string][]policy.EntityType {
	all := map[string][]policy.EntityType{}
	for _, a := range policy.Actions() {
		all[a.Name] = a.ResourceTypes
	}
	return all
}()

func (c Caller) decide(action string, resource policy.Resource, around policy.Context) policy.Decision {
	if c.authority == nil {
		return policy.Decision{Reason: "because nobody calls"}
	}
	c.authority.asked.Store(true)
	around.Region = c.Region
	return c.authority.set.Decide(c.authority.who, policy.Request{Action: action, Resource: resource, Context: around})
}

// AllowsAll says that an action is allowed on all things of a kind, so that none
// needs to be described.
func (c Caller) AllowsAll(action string, kind policy.EntityType) bool {
	if c.authority == nil {
		return false
	}
	d, settled := c.authority.set.DecideByType(c.authority.who, action, kind)
	return settled && d.Allowed
}

// AuthorizeAll asks whether the caller may do an action to all things of a kind.
func (c Caller) AuthorizeAll(action string, kind policy.EntityType) bool {
	if !c.AllowsAll(action, kind) {
		return false
	}
	c.authority.asked.Store(true)
	return true
}

// canReadResource says whether the caller may read a thing in any way.
func (c Caller) canReadResource(r policy.Resource) bool {
	for _, action := range reading[r.Type] {
		if c.decide(action, r, policy.Context{}).Allowed {
			return true
		}
	}
	return false
}

// CanReadAll says that the caller may read all things of a kind.
func (c Caller) CanReadAll(kind policy.EntityType) bool {
	for _, action := range reading[kind] {
		if c.AllowsAll(action, kind) {
			return true
		}
	}
	return false
}

func (c Caller) denied(action, resource string, decision policy.Decision) error {
	named := "nobody"
	if c.authority != nil {
		named = c.authority.named
	}
	return lockstep.Errorf(lockstep.Denied, "User: %s is not authorized to perform: %s on resource: %s %s",
		named, action, resource, decision.Reason)
}

// read runs f where one statement is all that it needs, if the policies decide
// an action without looking at the things themselves; else in a transaction,
// where what they ask for can be read as well.
func (s *Service) read(ctx context.Context, c Caller, action string, kind policy.EntityType, read func(tx *db.Tx) error) error {
	if c.AllowsAll(action, kind) {
		return s.o.DB.Peek(ctx, read)
	}
	return s.o.DB.View(ctx, read)
}
