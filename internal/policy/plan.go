package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// A question is what can be said of a request before its resource and context
// are known.
type question struct {
	principal Principal
	action    string
	resource  EntityType
}

// A plan is what a set has to say to a question. Either that settles all
// requests behind it, or the open statements have to be evaluated for each.
type plan struct {
	settled  bool
	decision Decision // where settled
	open     []*statement
}

// These bound what a set remembers: questions are as many as principals, and
// tokens of an issuer make new ones every day. A plan is as large as the
// statements that it leaves open are many.
const (
	maxPlans = 4096
	maxOpen  = 1 << 18 // of all plans together
)

func (s *Set) plan(p Principal, action string, t EntityType) *plan {
	q := question{p, action, t}
	s.mu.RLock()
	known := s.plans[q]
	s.mu.RUnlock()

	if known != nil {
		return known
	}

	made := s.think(q)
	s.mu.Lock()
	defer s.mu.Unlock()

	if len(s.plans) >= maxPlans || s.open+len(made.open) > maxOpen {
		clear(s.plans)
		s.open = 0
	}

	if s.plans != nil {
		s.plans[q] = made
		s.open += len(made.open)
	}

	return made
}

// think sorts the statements by what their scopes say. It reads no condition:
// one with a condition, or with a scope that picks among things of the type, is
// open.
func (s *Set) think(q question) *plan {
	denied := &plan{settled: true, decision: Decision{Reason: noPermit}}
	action, ok := s.actions[q.action]
	if !ok || !slices.Contains(action.ResourceTypes, q.resource) || !q.principal.somebody() {
		return denied
	}

	var open []*statement
	var permitted, permits, forbids bool
	for _, st := range s.statements {
		scope := st.cedar.AST()
		if !q.principal.matches(scope.Principal) || !action.matches(scope.Action) {
			continue
		}

		possible, always := q.resource.matches(scope.Resource)
		always = always && len(scope.Conditions) == 0
		switch {
		case !possible:
			continue
		case st.forbid && always:
			return &plan{settled: true, decision: Decision{Reason: forbidden(st.id)}}
		case st.forbid:
			forbids = true
		default:
			permits, permitted = true, permitted || always
		}

		open = append(open, st)
	}

	switch {
	case !permits:
		return denied
	case permitted && !forbids:
		return &plan{settled: true, decision: Decision{Allowed: true}}
	}

	return &plan{open: open}
}

// matches says whether a scope's principal is p. Cedar's own evaluation says it
// again for what stays open; this one is there to leave out what cannot apply.
func (p Principal) matches(scope ast.IsPrincipalScopeNode) bool {
	switch scope := scope.(type) {
	case ast.ScopeTypeAll:
		return true
	case ast.ScopeTypeEq:
		return scope.Entity == p.uid()
	case ast.ScopeTypeIn:
		return p.in(scope.Entity)
	case ast.ScopeTypeIs:
		return scope.Type == p.uid().Type
	case ast.ScopeTypeIsIn:
		return scope.Type == p.uid().Type && p.in(scope.Entity)
	}

	return true
}

func (p Principal) in(e cedar.EntityUID) bool {
	return e == p.uid() || slices.Contains(p.roles(), e)
}

func (a Action) matches(scope ast.IsActionScopeNode) bool {
	is := func(e cedar.EntityUID) bool { return e == actionUID(a.Name) || e == actionUID(string(a.Group)) }
	switch scope := scope.(type) {
	case ast.ScopeTypeAll:
		return true
	case ast.ScopeTypeEq:
		return scope.Entity == actionUID(a.Name)
	case ast.ScopeTypeIn:
		return is(scope.Entity)
	case ast.ScopeTypeInSet:
		return slices.ContainsFunc(scope.Entities, is)
	}

	return true
}

// matches says whether some thing of type t is in a scope, and whether each is.
func (t EntityType) matches(scope ast.IsResourceScopeNode) (some, all bool) {
	own := cedar.EntityType(t)
	switch scope := scope.(type) {
	case ast.ScopeTypeAll:
		return true, true
	case ast.ScopeTypeIs:
		return scope.Type == own, scope.Type == own
	case ast.ScopeTypeEq:
		return scope.Entity.Type == own, false
	case ast.ScopeTypeIsIn:
		return scope.Type == own, false
	}

	return true, false
}
