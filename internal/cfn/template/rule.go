package template

import (
	"slices"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// A rule asserts something about the parameters.
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
	for _, field := range f.Value.Fields {
		rule := &rule{name: field.Name, condition: field.Value.Member("RuleCondition")}
		refuse := func(member syntax.Field) error {
			return syntax.ErrorAt(member.Line, "Template format error: Invalid template rule property '%s'",
				syntax.Clip(member.Name))
		}
		if err := field.Value.CheckKeys(refuse, "RuleCondition", "Assertions"); err != nil {
			return err
		}

		list := field.Value.Member("Assertions")
		if list == nil || len(list.Items) == 0 {
			return syntax.ErrorAt(field.Line, "Template format error: Rule %s must contain Assertions",
				syntax.Clip(field.Name))
		}

		for _, item := range list.Items {
			that := item.Member("Assert")
			if that == nil {
				return syntax.ErrorAt(item.Line, "Template format error: every assertion of rule %s must "+
					"contain an Assert member", syntax.Clip(field.Name))
			}

			member := assertion{assert: that}
			if d := item.Member("AssertDescription"); d != nil {
				member.description = d.Text
			}

			rule.assertions = append(rule.assertions, member)
		}

		p.t.rules = append(p.t.rules, rule)
	}

	return nil
}

// assertRules returns an error if the parameters violate a rule.
func (e *evaluator) assertRules() error {
	for _, rule := range e.t.rules {
		if rule.condition != nil {
			applies, err := e.boolean(rule.condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}

		for _, assertion := range rule.assertions {
			holds, err := e.boolean(assertion.assert)
			if err != nil {
				return err
			}
			if !holds {
				return syntax.Errorf("Template error: Rule %s failed: %s", rule.name,
					syntax.Clip(assertion.description))
			}
		}
	}

	return nil
}

func (e *evaluator) contains(node, arg *syntax.Node) (bool, error) {
	const complaint = "Template error: every Fn::Contains object requires a list of strings and a string."
	items, err := e.texts(node, arg.Items[0], complaint)
	if err != nil {
		return false, err
	}
	want, err := e.text(node, arg.Items[1], complaint)
	return err == nil && slices.Contains(items, want), err
}

// eachMember evaluates Fn::EachMemberIn and Fn::EachMemberEquals.
func (e *evaluator) eachMember(n, arg *syntax.Node) (bool, error) {
	const complaint = "Template error: Fn::EachMemberIn and Fn::EachMemberEquals compare a list of strings."
	items, err := e.texts(n, arg.Items[0], complaint)
	if err != nil {
		return false, err
	}

	value, err := e.value(arg.Items[1])
	if err != nil {
		return false, err
	}

	allowed := []any{value}
	if l, ok := value.([]any); ok {
		allowed = l
	}

	for _, it := range items {
		if !slices.Contains(allowed, any(it)) {
			return false, nil
		}
	}

	return true, nil
}
