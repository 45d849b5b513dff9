package template

import "github.com/lockstephq/lockstep/internal/cfn/syntax"

// conditionHolds reports whether a condition holds. The condition "" always does.
func (e *evaluator) conditionHolds(name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	if holds, ok := e.conditions[name]; ok {
		return holds, nil
	}

	node := e.names.conditions[name]
	if node == nil {
		return false, syntax.Errorf("Template format error: Unresolved condition dependency %s", syntax.Clip(name))
	}

	holds, err := e.boolean(node)
	if err != nil {
		return false, err
	}

	e.conditions[name] = holds
	return holds, nil
}

// ifBranch returns the value that Fn::If selects.
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

// boolean evaluates a node that must be true or false.
func (e *evaluator) boolean(node *syntax.Node) (bool, error) {
	if node.Kind == syntax.Object && len(node.Fields) == 1 && node.Fields[0].Name == "Condition" {
		return e.conditionHolds(node.Fields[0].Value.Text)
	}

	name, arg, _ := node.Function()
	switch name {
	case "Fn::Equals":
		first, err := e.value(arg.Items[0])
		if err != nil {
			return false, err
		}

		b, err := e.value(arg.Items[1])
		return err == nil && syntax.Canonical(first) == syntax.Canonical(b), err
	case "Fn::Not":
		v, err := e.boolean(arg.Items[0])
		return !v, err
	case "Fn::And", "Fn::Or":
		return e.andOr(arg, name == "Fn::And")
	case "Fn::Contains":
		return e.contains(node, arg)
	case "Fn::EachMemberIn", "Fn::EachMemberEquals":
		return e.eachMember(node, arg)
	case "Fn::If":
		taken, err := e.ifBranch(arg)
		if err != nil {
			return false, err
		}
		return e.boolean(taken)
	}

	return e.plainBoolean(node)
}

// plainBoolean evaluates a value that is not a function as a condition.
func (e *evaluator) plainBoolean(node *syntax.Node) (bool, error) {
	value, err := e.value(node)
	if err != nil {
		return false, err
	}
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, syntax.ErrorAt(node.Line, "Template error: a condition must be a condition function, the name of a "+
		"condition, true or false")
}

// andOr evaluates Fn::And, if every is true, and Fn::Or. It evaluates all operands, so
// that no error is hidden by the value of another operand.
func (e *evaluator) andOr(arg *syntax.Node, every bool) (bool, error) {
	result := every
	for _, it := range arg.Items {
		holds, err := e.boolean(it)
		if err != nil {
			return false, err
		}
		if holds != every {
			result = holds
		}
	}
	return result, nil
}
