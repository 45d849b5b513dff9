package template

// active says whether a condition holds; "" always does.
func (e *evaluator) active(name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	if v, ok := e.conditions[name]; ok {
		return v, nil
	}

	n := e.names.conditions[name]
	if n == nil {
		return false, errorf("Template format error: Unresolved condition dependency %s", clip(name))
	}

	v, err := e.decide(n)
	if err != nil {
		return false, err
	}

	e.conditions[name] = v
	return v, nil
}

// branch returns the side of a Fn::If that its condition takes.
func (e *evaluator) branch(arg *node) (*node, error) {
	holds, err := e.active(arg.items[0].text)
	if err != nil {
		return nil, err
	}
	if holds {
		return arg.items[1], nil
	}
	return arg.items[2], nil
}

// decide evaluates a node that has to be true or false.
func (e *evaluator) decide(n *node) (bool, error) {
	if n.kind == object && len(n.fields) == 1 && n.fields[0].name == "Condition" {
		return e.active(n.fields[0].value.text)
	}

	name, arg, _ := n.function()
	switch name {
	case "Fn::Equals":
		a, err := e.value(arg.items[0])
		if err != nil {
			return false, err
		}

		b, err := e.value(arg.items[1])
		return err == nil && Canonical(a) == Canonical(b), err
	case "Fn::Not":
		v, err := e.decide(arg.items[0])
		return !v, err
	case "Fn::And", "Fn::Or":
		return e.all(arg, name == "Fn::And")
	case "Fn::Contains":
		return e.contains(n, arg)
	case "Fn::EachMemberIn", "Fn::EachMemberEquals":
		return e.eachMember(n, arg)
	case "Fn::If":
		taken, err := e.branch(arg)
		if err != nil {
			return false, err
		}
		return e.decide(taken)
	}

	return e.truth(n)
}

// truth reads a plain value as a condition.
func (e *evaluator) truth(n *node) (bool, error) {
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
	return false, faultf(n.line, "Template error: a condition must be a condition function, the name of a condition, true or false")
}

// all evaluates Fn::And (every is true) and Fn::Or. Every operand is computed,
// so that a fault in one is not hidden by the value of another.
func (e *evaluator) all(arg *node, every bool) (bool, error) {
	result := every
	for _, it := range arg.items {
		v, err := e.decide(it)
		if err != nil {
			return false, err
		}
		if v != every {
			result = v
		}
	}
	return result, nil
}
