package policy

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/cedar-policy/cedar-go"
)

// A Set is the compiled policies of an account and of the built-in roles. It may be
// used concurrently. The zero Set permits nothing.
type Set struct {
	statements []*statement
	actions    map[string]Action

	mu                 sync.RWMutex
	residuals          map[partialRequest]*residual
	residualStatements int // the sum over residuals
}

// A statement is one permit or forbid of a policy text.
type statement struct {
	// id is the policy's name, with #2 and so on from the second statement on.
	id       cedar.PolicyID
	policy   *cedar.Policy
	isForbid bool
}

// Compile compiles an account's policies, given as texts by name. It accepts what
// [Validate] accepts, and also names that no longer exist, such as a former
// attribute: such a permit permits nothing, and such a forbid denies every request
// it might match. The error is a *SyntaxError with the name of its policy.
func Compile(documents map[string]string) (*Set, error) {
	set := &Set{actions: map[string]Action{}, residuals: map[partialRequest]*residual{}}
	for _, a := range Actions() {
		set.actions[a.Name] = a
	}

	if err := set.add("built-in", builtInPolicies); err != nil {
		return nil, err
	}

	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if err := set.add(name, documents[name]); err != nil {
			return nil, err
		}
	}

	return set, nil
}

func (s *Set) add(name, document string) error {
	policies, err := parse(document)
	if err != nil {
		return &SyntaxError{
			Policy:  name,
			Line:    err.Line,
			Column:  err.Column,
			Message: err.Message,
		}
	}

	for i, parsed := range policies {
		id := name
		if i > 0 {
			id += "#" + strconv.Itoa(i+1)
		}

		s.statements = append(s.statements, &statement{
			id:       cedar.PolicyID(id),
			policy:   parsed,
			isForbid: parsed.Effect() == cedar.Forbid,
		})
	}

	return nil
}

// A SyntaxError is the position and description of an error in a policy text. Line
// and Column begin at one; columns count characters. Policy is the policy's name,
// if known.
type SyntaxError struct {
	Policy       string
	Line, Column int
	Message      string
}

// Error returns the position and the message.
func (e *SyntaxError) Error() string {
	text := fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
	if e.Policy != "" {
		return fmt.Sprintf("policy %q, %s", e.Policy, text)
	}
	return text
}

// Decide decides a request. A permit that cannot be evaluated permits nothing; a
// forbid that cannot be evaluated denies.
func (s *Set) Decide(principal Principal, request Request) Decision {
	residual := s.residualOf(principal, request.Action, request.Resource.Type)
	if residual.isDecided {
		return residual.decision
	}

	entities := newEntities(principal, request, s.actions[request.Action].Group)
	effect, diagnostic := cedar.Authorize(residual, entities, entities.cedarRequest)
	for _, failure := range diagnostic.Errors {
		if residual.isForbid(failure.PolicyID) {
			return Decision{Reason: fmt.Sprintf("because policy %q cannot be evaluated", failure.PolicyID)}
		}
	}

	switch {
	case effect == cedar.Allow:
		return Decision{Allowed: true}
	case len(diagnostic.Reasons) > 0:
		return Decision{Reason: reasonForbidden(diagnostic.Reasons[0].PolicyID)}
	}

	return Decision{Reason: reasonNoPermit}
}

// DecideByType reports whether every request for an action on resources of a type
// has the same decision, and returns it. It saves reading attributes and tags that
// the decision does not depend on.
func (s *Set) DecideByType(principal Principal, action string, t EntityType) (decision Decision, isDecided bool) {
	residual := s.residualOf(principal, action, t)
	return residual.decision, residual.isDecided
}

const reasonNoPermit = "because no policy allows the action"

func reasonForbidden(by cedar.PolicyID) string {
	return fmt.Sprintf("because policy %q forbids the action", string(by))
}

// All implements Cedar's policy iterator.
func (p *residual) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, s := range p.statements {
			if !yield(s.id, s.policy) {
				return
			}
		}
	}
}

func (p *residual) isForbid(id cedar.PolicyID) bool {
	return slices.ContainsFunc(p.statements, func(s *statement) bool { return s.id == id && s.isForbid })
}
