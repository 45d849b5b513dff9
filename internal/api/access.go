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
var reading = map[policy.Type][]string{
	policy.Host:              {"codeconnections:GetHost"},
	policy.Connection:        {"codeconnections:GetConnection"},
	policy.RepositoryLink:    {"codeconnections:GetRepositoryLink"},
	policy.SyncConfiguration: {"codeconnections:GetSyncConfiguration", "codeconnections:GetResourceSyncStatus"},
}

// A thing is what a question is about.
type thing struct {
	kind policy.Type
	// describe reads what policies may ask of it.
	describe func(tx *db.Tx) (policy.Resource, error)
	// missing is said to whoever may not see it.
	missing error
}

func theHost(h lockstep.Host) thing {
	return thing{policy.Host, func(tx *db.Tx) (policy.Resource, error) {
		tags, err := store.Tags(tx, h.ARN)
		return policy.OfHost(h, tags), err
	}, store.NoHost(h.ARN)}
}

func theConnection(c lockstep.Connection) thing {
	return thing{policy.Connection, func(tx *db.Tx) (policy.Resource, error) {
		tags, err := store.Tags(tx, c.ARN)
		return policy.OfConnection(c, tags), err
	}, store.NoConnection(c.ARN)}
}

func theLink(l lockstep.RepositoryLink) thing {
	return thing{policy.RepositoryLink, func(tx *db.Tx) (policy.Resource, error) {
		tags, err := store.Tags(tx, l.ARN)
		return policy.OfLink(l, tags), err
	}, store.NoLink(l.ID)}
}

func theConfiguration(c lockstep.SyncConfiguration) thing { return manyConfigurations()(c) }

// manyConfigurations is theConfiguration for many. They share few links, of which
// each is read once.
func manyConfigurations() func(lockstep.SyncConfiguration) thing {
	type described struct {
		link lockstep.RepositoryLink
		tags []lockstep.Tag
	}
	known := map[string]described{}
	return func(c lockstep.SyncConfiguration) thing {
		return thing{policy.SyncConfiguration, func(tx *db.Tx) (policy.Resource, error) {
			of, ok := known[c.LinkID]
			if !ok {
				var err error
				if of.link, err = store.LinkByID(tx, c.LinkID); err != nil {
					return policy.Resource{}, err
				}
				if of.tags, err = store.Tags(tx, of.link.ARN); err != nil {
					return policy.Resource{}, err
				}

				known[c.LinkID] = of
			}

			return policy.OfConfiguration(c, of.link, of.tags), nil
		}, store.NoConfiguration(c.ResourceName)}
	}
}

// but is the thing with other words for whoever may not see it: those of an
// operation that looks for something else where the thing would be. nil is for
// what the caller is about to make, and so cannot be kept from it.
func (t thing) but(missing error) thing {
	t.missing = missing
	return t
}

// on asks whether the caller may do an action to a thing. The error is what a
// missing thing is answered with where the caller may not even see it, else
// Denied.
func (c Caller) on(tx *db.Tx, action string, t thing) error {
	return c.with(tx, action, t, policy.Context{})
}

// with is on, for a call that brings tags.
func (c Caller) with(tx *db.Tx, action string, t thing, around policy.Context) error {
	if c.everywhere(action, t.kind) {
		return nil
	}

	r, err := t.describe(tx)
	if err != nil {
		return err
	}

	d := c.decide(action, r, around)
	if d.Allowed {
		return nil
	}

	switch {
	case t.missing == nil && r.Type != policy.SyncConfiguration:
		return c.denied(action, "*", d) // its ARN means nothing yet
	case t.missing != nil && !c.sees(r):
		return t.missing
	}

	return c.denied(action, r.ID, d)
}

// becomes is on for what an action has just made of a thing: who may change
// what it is may not for that turn it into what they may not touch.
func (c Caller) becomes(tx *db.Tx, action string, t thing) error {
	if c.everywhere(action, t.kind) {
		return nil
	}
	r, err := t.describe(tx)
	if err != nil {
		return err
	}
	if d := c.decide(action, r, policy.Context{}); !d.Allowed {
		return c.denied(action, r.ID, d)
	}
	return nil
}

// onAccount asks for what concerns no single thing.
func (c Caller) onAccount(action string) error {
	d := c.decide(action, policy.OfAccount(c.Account), policy.Context{})
	if d.Allowed {
		return nil
	}
	return c.denied(action, "*", d)
}

// passes asks whether the caller may hand a role of AWS's to the syncs.
func (c Caller) passes(role string) error {
	const action = "iam:PassRole"
	arn := lockstep.ARN(role)
	r := policy.OfIAMRole(role, arn.Account(), arn.Resource())
	if d := c.decide(action, r, policy.Context{}); !d.Allowed {
		return c.denied(action, role, d)
	}
	return nil
}

// possible says whether there could be anything that the caller may do an action
// to; Denied where there is not.
func (c Caller) possible(action string) error {
	var last policy.Decision
	for _, kind := range kindsOf[action] {
		d, settled := c.authority.set.Settled(c.authority.who, action, kind)
		if !settled || d.Allowed {
			return nil
		}
		last = d
	}
	return c.denied(action, "*", last)
}

// kindsOf says which things an action can be done to.
var kindsOf = func() map[string][]policy.Type {
	all := map[string][]policy.Type{}
	for _, a := range policy.Actions() {
		all[a.Name] = a.Types
	}
	return all
}()

func (c Caller) decide(action string, r policy.Resource, around policy.Context) policy.Decision {
	if c.authority == nil {
		return policy.Decision{Reason: "because nobody calls"}
	}
	c.authority.asked.Store(true)
	around.Region = c.Region
	return c.authority.set.Decide(c.authority.who, policy.Request{Action: action, Resource: r, Context: around})
}

// settled says that an action is allowed on all things of a kind, so that none
// needs to be described.
func (c Caller) settled(action string, kind policy.Type) bool {
	if c.authority == nil {
		return false
	}
	d, settled := c.authority.set.Settled(c.authority.who, action, kind)
	return settled && d.Allowed
}

// everywhere asks whether the caller may do an action to all things of a kind.
func (c Caller) everywhere(action string, kind policy.Type) bool {
	if !c.settled(action, kind) {
		return false
	}
	c.authority.asked.Store(true)
	return true
}

// sees says whether the caller may read a thing in any way.
func (c Caller) sees(r policy.Resource) bool {
	for _, action := range reading[r.Type] {
		if c.decide(action, r, policy.Context{}).Allowed {
			return true
		}
	}
	return false
}

// seesAll says that the caller may read all things of a kind.
func (c Caller) seesAll(kind policy.Type) bool {
	for _, action := range reading[kind] {
		if c.settled(action, kind) {
			return true
		}
	}
	return false
}

func (c Caller) denied(action, resource string, d policy.Decision) error {
	named := "nobody"
	if c.authority != nil {
		named = c.authority.named
	}
	return lockstep.Errorf(lockstep.Denied, "User: %s is not authorized to perform: %s on resource: %s %s",
		named, action, resource, d.Reason)
}

// read runs f where one statement is all that it needs, if the policies decide
// an action without looking at the things themselves; else in a transaction,
// where what they ask for can be read as well.
func (s *Service) read(ctx context.Context, c Caller, action string, kind policy.Type, f func(tx *db.Tx) error) error {
	if c.settled(action, kind) {
		return s.o.DB.Peek(ctx, f)
	}
	return s.o.DB.View(ctx, f)
}
