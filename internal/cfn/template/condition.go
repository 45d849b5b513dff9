package template

import "github.com/lockstephq/lockstep/internal/cfn/syntax"

// conditionHolds says whether a condition holds; "" always does.
func (e *evaluator) conditionHolds(name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	if v, ok := e.conditions[name]; ok {
		return v, nil
	}

	n := e.names.conditions[name]
	if n == nil {
		return false, syntax.Errorf("Template format error: Unresolved condition dependency %s", syntax.Clip(name))
	}

	v, err := e.boolean(n)
	if err != nil {
		return false, err
	}

	e.conditions[name] = v
	return v, nil
}

// ifBranch returns the side of a Fn::If that its condition takes.
func (e *evaluator) ifBranch(arg *syntax.Node) (*syntax.Node, error) {
	holds, err := e.conditionHolds(arg.Items[0].Text)
	if err != nil {
		return nil, err
	}
	if holds {
		return arg.Items[1], nil
	}
	return arg.Items[2], nil
}

// boolean evaluates a node that has to be true or false.
func (e *evaluator) boolean(n *syntax.Node) (bool, error) {
	if n.Kind == syntax.Object && len(n.Fields) == 1 && n.Fields[0].Name == "Condition" {
		return e.conditionHolds(n.Fields[0].Value.Text)
	}

	name, arg, _ := n.Function()
	switch name {
	case "Fn::Equals":
		a, err := e.value(arg.Items[0])
		if err != nil {
			return false, err
		}

		b, err := e.value(arg.Items[1])
		return err == nil && syntax.Canonical(a) == syntax.Canonical(b), err
	case "Fn::Not":
		v, err := e.boolean(arg.Items[0])
		return !v, err
	case "Fn::And", "Fn::Or":
		return e.andOr(arg, name == "Fn::And")
	case "Fn::Contains":
		return e.contains(n, arg)
	case "Fn::EachMemberIn", "Fn::EachMemberEquals":
		return e.eachMember(n, arg)
	case "Fn::If":
		taken, err := e.ifBranch(arg)
		if err != nil {
			return false, err
		}
		return e.boolean(taken)
	}

	return e.plainBoolean(n)
}

// plainBoolean reads a plain value as a condition.
func (e *evaluator) plainBoolean(n *syntax.Node) (bool, error) {
	v, err := e.value(n)
	if err != nil {
		return false, err
	}
	switch v {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, syntax.ErrorAt(n.Line, "Template error: a condition must be a condition function, the name of a condition, true or false")
}

// andOr evaluates Fn::And (every is true) and Fn::Or. Every operand is computed,
// so that a fault in one is not hidden by the value of another.
func (e *evaluator) andOr(arg *syntax.Node, every bool) (bool, error) {
	result := every
	for _, it := range arg.Items {
		v, err := e.boolean(it)
		if err != nil {
			return false, err
		}
		if v != every {
			result = v
		}
	}
	return result, nil
}
