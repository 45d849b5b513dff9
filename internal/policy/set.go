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

// A Set is all policies of an account, compiled, together with those of the
// ready-made roles. It may be used concurrently. The zero Set allows nothing.
type Set struct {
	statements []*statement
	actions    map[string]Action

	mu    sync.RWMutex
	plans map[question]*plan
	open  int // statements that plans leave open, all together
}

// A statement is one permit or forbid of a policy's text.
type statement struct {
	// id is the policy's name, and from its second statement on NAME#2 and so on.
	id     cedar.PolicyID
	cedar  *cedar.Policy
	forbid bool
}

// Compile makes a set of an account's policies: their texts by their names. What
// [Check] takes it takes; but it does not refuse what once was right and is no
// longer known, such as an attribute. Such a permit allows nothing any more, and
// such a forbid denies all that it could be about. The error is a *SyntaxError
// with the name of its policy.
func Compile(documents map[string]string) (*Set, error) {
	s := &Set{actions: map[string]Action{}, plans: map[question]*plan{}}
	for _, a := range Actions() {
		s.actions[a.Name] = a
	}

	if err := s.add("ready-made", builtInPolicies); err != nil {
		return nil, err
	}

	for _, name := range slices.Sorted(maps.Keys(documents)) {
		if err := s.add(name, documents[name]); err != nil {
			return nil, err
		}
	}

	return s, nil
}

func (s *Set) add(name, document string) error {
	policies, err := parse(document)
	if err != nil {
		return &SyntaxError{Policy: name, Line: err.Line, Column: err.Column, Message: err.Message}
	}

	for i, p := range policies {
		id := name
		if i > 0 {
			id += "#" + strconv.Itoa(i+1)
		}

		s.statements = append(s.statements, &statement{id: cedar.PolicyID(id), cedar: p, forbid: p.Effect() == cedar.Forbid})
	}

	return nil
}

// A SyntaxError says where a policy's text is wrong. Line and Column count from
// one, columns in characters. Policy is the policy's name where one is known.
type SyntaxError struct {
	Policy       string
	Line, Column int
	Message      string
}

// Error gives the place and the message.
func (e *SyntaxError) Error() string {
	text := fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
	if e.Policy != "" {
		return fmt.Sprintf("policy %q, %s", e.Policy, text)
	}
	return text
}

// Decide answers a request. It is the only place that does. A permit that cannot
// be evaluated allows nothing; a forbid that cannot be evaluated denies.
func (s *Set) Decide(p Principal, r Request) Decision {
	plan := s.plan(p, r.Action, r.Resource.Type)
	if plan.settled {
		return plan.decision
	}

	e := newEntities(p, r, s.actions[r.Action].Group)
	answer, found := cedar.Authorize(plan, e, e.asked)
	for _, wrong := range found.Errors {
		if plan.forbids(wrong.PolicyID) {
			return Decision{Reason: fmt.Sprintf("because policy %q cannot be evaluated", wrong.PolicyID)}
		}
	}

	switch {
	case answer == cedar.Allow:
		return Decision{Allowed: true}
	case len(found.Reasons) > 0:
		return Decision{Reason: forbidden(found.Reasons[0].PolicyID)}
	}

	return Decision{Reason: noPermit}
}

// DecideByType says whether an action on things of a type is decided alike for all
// of them, whatever their ids, places, attributes and tags and the context, and
// how. It spares reading what a decision does not hang on.
func (s *Set) DecideByType(p Principal, action string, t EntityType) (d Decision, settled bool) {
	plan := s.plan(p, action, t)
	return plan.decision, plan.settled
}

const noPermit = "because no policy allows the action"

func forbidden(by cedar.PolicyID) string {
	return fmt.Sprintf("because policy %q forbids the action", string(by))
}

// All gives the statements that a plan leaves open, as Cedar's authorizer wants
// them.
func (p *plan) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, s := range p.open {
			if !yield(s.id, s.cedar) {
				return
			}
		}
	}
}

func (p *plan) forbids(id cedar.PolicyID) bool {
	return slices.ContainsFunc(p.open, func(s *statement) bool { return s.id == id && s.forbid })
}
