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

func (s *Set) residualOf(principal Principal, action string, t EntityType) *residual {
	partial := partialRequest{principal, action, t}
	s.mu.RLock()
	cached := s.residuals[partial]
	s.mu.RUnlock()

	if cached != nil {
		return cached
	}

	computed := s.partiallyEvaluate(partial)
	s.mu.Lock()
	defer s.mu.Unlock()

	if len(s.residuals) >= maxResiduals || s.residualStatements+len(computed.statements) > maxResidualStatements {
		clear(s.residuals)
		s.residualStatements = 0
	}

	if s.residuals != nil {
		s.residuals[partial] = computed
		s.residualStatements += len(computed.statements)
	}

	return computed
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

	var remaining []*statement
	var isPermitted, hasPermit, hasForbid bool
	for _, statement := range s.statements {
		scope := statement.policy.AST()
		if !partial.principal.matches(scope.Principal) || !action.matches(scope.Action) {
			continue
		}

		matchesSome, matchesAll := partial.resource.matches(scope.Resource)
		matchesAll = matchesAll && len(scope.Conditions) == 0
		switch {
		case !matchesSome:
			continue
		case statement.isForbid && matchesAll:
			return &residual{isDecided: true, decision: Decision{Reason: reasonForbidden(statement.id)}}
		case statement.isForbid:
			hasForbid = true
		default:
			hasPermit, isPermitted = true, isPermitted || matchesAll
		}

		remaining = append(remaining, statement)
	}

	switch {
	case !hasPermit:
		return denied
	case isPermitted && !hasForbid:
		return &residual{isDecided: true, decision: Decision{Allowed: true}}
	}

	return &residual{statements: remaining}
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
	isActionOrGroup := func(e cedar.EntityUID) bool { return e == actionUID(a.Name) || e == actionUID(string(a.Group)) }
	switch scope := scope.(type) {
	case ast.ScopeTypeAll:
		return true
	case ast.ScopeTypeEq:
		return scope.Entity == actionUID(a.Name)
	case ast.ScopeTypeIn:
		return isActionOrGroup(scope.Entity)
	case ast.ScopeTypeInSet:
		return slices.ContainsFunc(scope.Entities, isActionOrGroup)
	}

	return true
}

// matches reports whether some resources of type t are in a scope, and whether all
// are.
func (t EntityType) matches(scope ast.IsResourceScopeNode) (matchesSome, matchesAll bool) {
	entityType := cedar.EntityType(t)
	switch scope := scope.(type) {
	case ast.ScopeTypeAll:
		return true, true
	case ast.ScopeTypeIs:
		return scope.Type == entityType, scope.Type == entityType
	case ast.ScopeTypeEq:
		return scope.Entity.Type == entityType, false
	case ast.ScopeTypeIsIn:
		return scope.Type == entityType, false
	}

	return true, false
}
