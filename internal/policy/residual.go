package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
)

// A partialRequest is what is known of a request before its resource and context
// are.
type partialRequest struct {
	principal Principal
	action    string
	resource  EntityType
}

// A residual is the result of partial evaluation: a decision for every request that
// matches a partialRequest, or the statements that must be evaluated for each.
type residual struct {
	isDecided  bool
	decision   Decision // if isDecided
	statements []*statement
}

// Limits of the cache. There are as many partial requests as principals, and the
// tokens of an issuer add new ones every day.
const (
	maxResiduals          = 4096
	maxResidualStatements = 1 << 18 // of all residuals
)

func (s *Set) residualOf(p Principal, action string, t EntityType) *residual {
	partial := partialRequest{p, action, t}
	s.mu.RLock()
	known := s.residuals[partial]
	s.mu.RUnlock()

	if known != nil {
		return known
	}

	made := s.partiallyEvaluate(partial)
	s.mu.Lock()
	defer s.mu.Unlock()

	if len(s.residuals) >= maxResiduals || s.residualStatements+len(made.statements) > maxResidualStatements {
		clear(s.residuals)
		s.residualStatements = 0
	}

	if s.residuals != nil {
		s.residuals[partial] = made
		s.residualStatements += len(made.statements)
	}

	return made
}

// partiallyEvaluate evaluates the scopes of the statements, but no conditions. A
// statement with a condition, or with a scope that distinguishes resources of one
// type, remains.
func (s *Set) partiallyEvaluate(partial partialRequest) *residual {
	denied := &residual{isDecided: true, decision: Decision{Reason: reasonNoPermit}}
	action, ok := s.actions[partial.action]
	if !ok || !slices.Contains(action.ResourceTypes, partial.resource) || !partial.principal.isValid() {
		return denied
	}

	var open []*statement
	var permitted, permits, forbids bool
	for _, statement := range s.statements {
		scope := statement.cedar.AST()
		if !partial.principal.matches(scope.Principal) || !action.matches(scope.Action) {
			continue
		}

		possible, always := partial.resource.matches(scope.Resource)
		always = always && len(scope.Conditions) == 0
		switch {
		case !possible:
			continue
		case statement.forbid && always:
			return &residual{isDecided: true, decision: Decision{Reason: reasonForbidden(statement.id)}}
		case statement.forbid:
			forbids = true
		default:
			permits, permitted = true, permitted || always
		}

		open = append(open, statement)
	}

	switch {
	case !permits:
		return denied
	case permitted && !forbids:
		return &residual{isDecided: true, decision: Decision{Allowed: true}}
	}

	return &residual{statements: open}
}

// matches reports whether a scope's principal matches p. Cedar evaluates the
// remaining statements again; this only excludes those that cannot apply.
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

// matches reports whether some resources of type t are in a scope, and whether all
// are.
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
