package template

import "slices"

// A rule asserts something about the parameters before anything is made.
type rule struct {
	name       string
	condition  *node
	assertions []assertion
}

type assertion struct {
	that        *node
	description string
}

func (r *rule) nodes() []*node {
	var out []*node
	if r.condition != nil {
		out = append(out, r.condition)
	}
	for _, a := range r.assertions {
		out = append(out, a.that)
	}
	return out
}

func (p *parser) ruleSection(f field) error {
	for _, m := range f.value.fields {
		r := &rule{name: m.name, condition: m.value.member("RuleCondition")}
		refuse := func(a field) error {
			return faultf(a.line, "Template format error: Invalid template rule property '%s'", clip(a.name))
		}
		if err := m.value.only(refuse, "RuleCondition", "Assertions"); err != nil {
			return err
		}

		list := m.value.member("Assertions")
		if list == nil || len(list.items) == 0 {
			return faultf(m.line, "Template format error: Rule %s must contain Assertions", clip(m.name))
		}

		for _, it := range list.items {
			that := it.member("Assert")
			if that == nil {
				return faultf(it.line, "Template format error: every assertion of rule %s must contain an Assert member", clip(m.name))
			}

			a := assertion{that: that}
			if d := it.member("AssertDescription"); d != nil {
				a.description = d.text
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
			applies, err := e.decide(r.condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}

		for _, a := range r.assertions {
			holds, err := e.decide(a.that)
			if err != nil {
				return err
			}
			if !holds {
				return errorf("Template error: Rule %s failed: %s", r.name, clip(a.description))
			}
		}
	}

	return nil
}

func (e *evaluator) contains(n, arg *node) (bool, error) {
	const complaint = "Template error: every Fn::Contains object requires a list of strings and a string."
	items, err := e.texts(n, arg.items[0], complaint)
	if err != nil {
		return false, err
	}
	want, err := e.text(n, arg.items[1], complaint)
	return err == nil && slices.Contains(items, want), err
}

// eachMember evaluates Fn::EachMemberIn and Fn::EachMemberEquals.
func (e *evaluator) eachMember(n, arg *node) (bool, error) {
	const complaint = "Template error: Fn::EachMemberIn and Fn::EachMemberEquals compare a list of strings."
	items, err := e.texts(n, arg.items[0], complaint)
	if err != nil {
		return false, err
	}

	v, err := e.value(arg.items[1])
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
