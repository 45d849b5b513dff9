package template

import (
	"slices"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// A rule asserts something about the parameters before anything is made.
type rule struct {
	name       string
	condition  *syntax.Node
	assertions []assertion
}

type assertion struct {
	assert      *syntax.Node
	description string
}

func (r *rule) values() []*syntax.Node {
	var out []*syntax.Node
	if r.condition != nil {
		out = append(out, r.condition)
	}
	for _, a := range r.assertions {
		out = append(out, a.assert)
	}
	return out
}

func (p *parser) ruleSection(f syntax.Field) error {
	for _, m := range f.Value.Fields {
		r := &rule{name: m.Name, condition: m.Value.Member("RuleCondition")}
		refuse := func(a syntax.Field) error {
			return syntax.ErrorAt(a.Line, "Template format error: Invalid template rule property '%s'", syntax.Clip(a.Name))
		}
		if err := m.Value.CheckKeys(refuse, "RuleCondition", "Assertions"); err != nil {
			return err
		}

		list := m.Value.Member("Assertions")
		if list == nil || len(list.Items) == 0 {
			return syntax.ErrorAt(m.Line, "Template format error: Rule %s must contain Assertions", syntax.Clip(m.Name))
		}

		for _, it := range list.Items {
			that := it.Member("Assert")
			if that == nil {
				return syntax.ErrorAt(it.Line, "Template format error: every assertion of rule %s must contain an Assert member", syntax.Clip(m.Name))
			}

			a := assertion{assert: that}
			if d := it.Member("AssertDescription"); d != nil {
				a.description = d.Text
			}

			r.assertions = append(r.assertions, a)
		}

		p.t.rules = append(p.t.rules, r)
	}

	return nil
}

// assertRules evaluates the rules and refuses the parameters that break one.
func (e *evaluator) assertRules() error {
	for _, r := range e.t.rules {
		if r.condition != nil {
			applies, err := e.boolean(r.condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}

		for _, a := range r.assertions {
			holds, err := e.boolean(a.assert)
			if err != nil {
				return err
			}
			if !holds {
				return syntax.Errorf("Template error: Rule %s failed: %s", r.name, syntax.Clip(a.description))
			}
		}
	}

	return nil
}

func (e *evaluator) contains(n, arg *syntax.Node) (bool, error) {
	const complaint = "Template error: every Fn::Contains object requires a list of strings and a string."
	items, err := e.texts(n, arg.Items[0], complaint)
	if err != nil {
		return false, err
	}
	want, err := e.text(n, arg.Items[1], complaint)
	return err == nil && slices.Contains(items, want), err
}

// eachMember evaluates Fn::EachMemberIn and Fn::EachMemberEquals.
func (e *evaluator) eachMember(n, arg *syntax.Node) (bool, error) {
	const complaint = "Template error: Fn::EachMemberIn and Fn::EachMemberEquals compare a list of strings."
	items, err := e.texts(n, arg.Items[0], complaint)
	if err != nil {
		return false, err
	}

	v, err := e.value(arg.Items[1])
	if err != nil {
		return false, err
	}

	allowed := []any{v}
	if l, ok := v.([]any); ok {
		allowed = l
	}

	for _, it := range items {
		if !slices.Contains(allowed, any(it)) {
			return false, nil
		}
	}

	return true, nil
}
