package template

import (
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// A checker checks what does not depend on values in a parsed template.
type checker struct {
	t          *Template
	parameters map[string]*parameter
	resources  map[string]*resource
	conditions map[string]*syntax.Node
	unresolved []string // undeclared names that the block refers to
}

// A block is the section of a value, which decides the functions it may use.
type block struct {
	name       string // as AWS names it in its messages
	owner      string // the member, for messages
	conditions bool   // condition and rule functions instead of value functions at the top
}

func newChecker(t *Template) *checker {
	checker := &checker{
		t:          t,
		parameters: map[string]*parameter{},
		resources:  map[string]*resource{},
		conditions: map[string]*syntax.Node{},
	}

	for _, p := range t.parameters {
		checker.parameters[p.name] = p
	}
	for _, r := range t.resources {
		checker.resources[r.id] = r
	}
	for _, f := range t.conditions {
		checker.conditions[f.Name] = f.Value
	}

	return checker
}

func (c *checker) run() error {
	for _, r := range c.t.resources {
		if c.parameters[r.id] != nil {
			return syntax.ErrorAt(r.line, "Template format error: Duplicate name %s: a parameter and a resource", r.id)
		}
	}

	for _, step := range []func() error{c.checkConditions, c.checkRules, c.checkResources, c.checkOutputs} {
		if err := step(); err != nil {
			return err
		}
	}

	if len(c.t.conditions) == 0 { // else which branches count depends on values
		_, err := c.t.orderResources(newEvaluator(c.t, Input{}))
		return err
	}

	return nil
}

func (c *checker) checkConditions() error {
	b := block{name: "Conditions", conditions: true}
	for _, f := range c.t.conditions {
		b.owner = f.Name
		if err := c.checkValue(f.Value, b); err != nil {
			return err
		}
	}
	if err := c.unresolvedError(b); err != nil {
		return err
	}
	return c.checkConditionCycle()
}

func (c *checker) checkRules() error {
	b := block{name: "Rules", conditions: true}
	for _, r := range c.t.rules {
		b.owner = r.name
		for _, n := range r.values() {
			if err := c.checkValue(n, b); err != nil {
				return err
			}
		}
	}
	return c.unresolvedError(b)
}

func (c *checker) checkResources() error {
	b := block{name: "Resources"}
	for _, resource := range c.t.resources {
		b.owner = resource.id
		if err := c.checkConditionName(resource.condition, resource.line, b); err != nil {
			return err
		}

		for _, id := range resource.dependsOn {
			if c.resources[id] == nil {
				c.unresolved = append(c.unresolved, syntax.Clip(id))
			}
		}

		for _, n := range resource.nodes() {
			if err := c.checkValue(n, b); err != nil {
				return err
			}
		}
	}

	return c.unresolvedError(b)
}

func (c *checker) checkOutputs() error {
	b := block{name: "Outputs"}
	for _, output := range c.t.outputs {
		b.owner = output.id
		if err := c.checkConditionName(output.condition, output.line, b); err != nil {
			return err
		}
		if err := c.checkValue(output.value, b); err != nil {
			return err
		}

		if output.export == nil {
			continue
		}
		if err := c.checkValue(output.export, b); err != nil {
			return err
		}
		if c.dependsOnResources(output.export) {
			return syntax.ErrorAt(output.export.Line,
				"Template format error: Output %s is malformed. The Name field of Export must not depend on "+
					"any resources, imported values, or Fn::GetAZs.", output.id)
		}
	}

	return c.unresolvedError(b)
}

// nodes returns the parts of a resource that may have functions.
func (r *resource) nodes() []*syntax.Node {
	var out []*syntax.Node
	for _, n := range []*syntax.Node{r.properties, r.metadata, r.attributes} {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}

func (c *checker) checkConditionName(name string, line int, b block) error {
	if name != "" && c.conditions[name] == nil {
		return syntax.ErrorAt(line, "Template format error: Unresolved condition dependency %s in the %s block of the "+
			"template", syntax.Clip(name), b.name)
	}
	return nil
}

// unresolvedError returns the error of all undeclared names of a block, as AWS does.
func (c *checker) unresolvedError(b block) error {
	if c.unresolved == nil {
		return nil
	}
	names := slices.Clone(c.unresolved)
	slices.Sort(names)
	return syntax.Errorf("Template format error: Unresolved resource dependencies [%s] in the %s block of the template",
		strings.Join(slices.Compact(names), ", "), b.name)
}

// checkValue checks a value and all values below it.
func (c *checker) checkValue(node *syntax.Node, b block) error {
	switch node.Kind {
	case syntax.Null:
		return syntax.ErrorAt(node.Line, "Template format error: [/%s/%s] 'null' values are not allowed in templates",
			b.name, b.owner)
	case syntax.List:
		for _, it := range node.Items {
			if err := c.checkValue(it, b); err != nil {
				return err
			}
		}
	case syntax.Object:
		if name, arg, ok := node.Function(); ok {
			return c.checkFunction(node, name, arg, b)
		}
		if b.conditions && len(node.Fields) == 1 && node.Fields[0].Name == "Condition" {
			return c.checkConditionName(node.Fields[0].Value.Text, node.Line, b)
		}

		for _, field := range node.Fields {
			if strings.HasPrefix(field.Name, "Fn::") {
				return syntax.ErrorAt(field.Line, "Template error: %s must be the only key of its object",
					syntax.Clip(field.Name))
			}
			if err := c.checkValue(field.Value, b); err != nil {
				return err
			}
		}
	}

	return nil
}

// checkFunction checks one function call and its arguments.
func (c *checker) checkFunction(node *syntax.Node, name string, arg *syntax.Node, b block) error {
	if err := c.checkCall(node, name, arg, b); err != nil {
		return err
	}

	switch name {
	case "Ref":
		c.checkName(arg.Text, b)
		return nil
	case "Fn::GetAtt":
		return c.checkGetAtt(node, arg, b)
	case "Fn::Sub":
		return c.checkSub(node, arg, b)
	case "Fn::If":
		if err := c.checkConditionName(arg.Items[0].Text, node.Line, b); err != nil {
			return err
		}
	case "Fn::ImportValue":
		if c.dependsOnResources(arg) {
			return syntax.ErrorAt(node.Line, "Template error: the attribute in Fn::ImportValue must not depend on any "+
				"resources, imported values, or Fn::GetAZs")
		}
	}

	return c.checkValue(arg, b)
}

// checkCall checks that a function exists in this place and has the arguments it
// needs, so that evaluation can rely on their number and kind.
func (c *checker) checkCall(node *syntax.Node, name string, arg *syntax.Node, b block) error {
	conditional := []string{"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"}
	ruleOnly := []string{"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"}
	switch {
	case slices.Contains(conditional, name) && !b.conditions:
		return syntax.ErrorAt(node.Line, "Template error: %s can only be used in Conditions and Rules", name)
	case slices.Contains(ruleOnly, name) && b.name != "Rules":
		return syntax.ErrorAt(node.Line, "Template error: %s can only be used in Rules", name)
	case slices.Contains([]string{"Fn::GetAtt", "Fn::ImportValue", "Fn::GetAZs", "Fn::Cidr", "Fn::Base64"}, name) &&
		b.conditions:
		return syntax.ErrorAt(node.Line,
			"Template format error: %s cannot be used in the %s block of the template", name, b.name)
	}

	complaint, known := syntax.CheckArguments(name, arg)
	if !known {
		return syntax.Unsupported(node.Line, name)
	}
	if complaint != "" {
		return syntax.ErrorAt(node.Line, "%s", complaint)
	}

	if name == "Fn::FindInMap" && arg.Items[0].Kind == syntax.Scalar && c.t.mappings[arg.Items[0].Text] == nil {
		return syntax.ErrorAt(node.Line, "Template error: Mapping named '%s' is not present in the 'Mappings' section "+
			"of template.", syntax.Clip(arg.Items[0].Text))
	}

	if name == "Fn::Sub" {
		_, _, err := syntax.SubArguments(node, arg)
		return err
	}

	return nil
}

// checkName collects a name of a Ref or a Sub that is undeclared.
func (c *checker) checkName(name string, b block) {
	switch {
	case syntax.IsPseudoParameter(name), c.parameters[name] != nil:
	case c.resources[name] != nil && !b.conditions:
	default:
		c.unresolved = append(c.unresolved, syntax.Clip(name))
	}
}

func (c *checker) checkGetAtt(n, arg *syntax.Node, b block) error {
	id, att := syntax.GetAttArguments(arg)
	if c.resources[id] == nil {
		return syntax.ErrorAt(n.Line, "Template error: instance of Fn::GetAtt references undefined resource %s",
			syntax.Clip(id))
	}
	return c.checkValue(att, b)
}

func (c *checker) checkSub(n, arg *syntax.Node, b block) error {
	text, own, err := syntax.SubArguments(n, arg)
	if err != nil {
		return err
	}

	parts, err := syntax.SplitSub(text)
	if err != nil {
		return err
	}

	for _, part := range parts {
		if !part.IsVariable || own.Member(part.Text) != nil {
			continue
		}

		if id, _, dotted := strings.Cut(part.Text, "."); dotted {
			c.checkName(id, b)
		} else {
			c.checkName(part.Text, b)
		}
	}

	return c.checkValue(own, b)
}

// dependsOnResources reports whether a value depends on resources, imports or
// availability zones. The names of exports and imports must not.
func (c *checker) dependsOnResources(node *syntax.Node) bool {
	stop := syntax.Errorf("dependent")
	return node.Walk(func(node *syntax.Node) error {
		name, arg, ok := node.Function()
		if !ok {
			return nil
		}

		switch name {
		case "Fn::GetAtt", "Fn::ImportValue", "Fn::GetAZs":
			return stop
		case "Ref":
			if c.resources[arg.Text] != nil {
				return stop
			}
		case "Fn::Sub":
			if c.subDependsOnResources(node, arg) {
				return stop
			}
		}

		return nil
	}) != nil
}

func (c *checker) subDependsOnResources(n, arg *syntax.Node) bool {
	text, own, err := syntax.SubArguments(n, arg)
	if err != nil {
		return false // checked elsewhere
	}

	parts, err := syntax.SplitSub(text)
	if err != nil {
		return false
	}

	return slices.ContainsFunc(parts, func(p syntax.SubPart) bool {
		id, _, _ := strings.Cut(p.Text, ".")
		return p.IsVariable && own.Member(p.Text) == nil && c.resources[id] != nil
	})
}

// checkConditionCycle refuses conditions that depend on each other.
func (c *checker) checkConditionCycle() error {
	state := map[string]int{} // 1 being visited, 2 done
	var visit func(name string, from string) error
	visit = func(name, from string) error {
		condition := c.conditions[name]
		if condition == nil || state[name] == 2 {
			return nil
		}
		if state[name] == 1 {
			return syntax.ErrorAt(condition.Line,
				"Template error: Found circular condition dependency between %s and %s",
				from, name)
		}

		state[name] = 1
		err := condition.Walk(func(condition *syntax.Node) error {
			if condition.Kind == syntax.Object && len(condition.Fields) == 1 &&
				condition.Fields[0].Name == "Condition" {
				return visit(condition.Fields[0].Value.Text, name)
			}
			if function, arg, ok := condition.Function(); ok && function == "Fn::If" {
				return visit(arg.Items[0].Text, name)
			}

			return nil
		})

		state[name] = 2
		return err
	}
	for _, function := range c.t.conditions {
		if err := visit(function.Name, function.Name); err != nil {
			return err
		}
	}

	return nil
}
