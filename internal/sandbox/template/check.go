package template

import (
	"slices"
	"strings"
)

// checker walks a parsed template and refuses what no values could make right.
type checker struct {
	t          *Template
	parameters map[string]*parameter
	resources  map[string]*resource
	conditions map[string]*node
	outside    []string // names that the block refers to and nobody declares
}

// block says where a value stands and so which functions it may use.
type block struct {
	name  string // as AWS names it in its messages
	owner string // the member, for messages
	rules bool   // condition and rule functions instead of value functions at the top
}

func newChecker(t *Template) *checker {
	c := &checker{t: t, parameters: map[string]*parameter{}, resources: map[string]*resource{}, conditions: map[string]*node{}}
	for _, p := range t.parameters {
		c.parameters[p.name] = p
	}
	for _, r := range t.resources {
		c.resources[r.id] = r
	}
	for _, f := range t.conditions {
		c.conditions[f.name] = f.value
	}
	return c
}

func (c *checker) run() error {
	for _, r := range c.t.resources {
		if c.parameters[r.id] != nil {
			return faultf(r.line, "Template format error: Duplicate name %s: a parameter and a resource", r.id)
		}
	}

	for _, step := range []func() error{c.conditionBlock, c.ruleBlock, c.resourceBlock, c.outputBlock} {
		if err := step(); err != nil {
			return err
		}
	}

	if len(c.t.conditions) == 0 { // else which branches count depends on values
		_, err := c.t.order(newEvaluator(c.t, Input{}))
		return err
	}

	return nil
}

func (c *checker) conditionBlock() error {
	b := block{name: "Conditions", rules: true}
	for _, f := range c.t.conditions {
		b.owner = f.name
		if err := c.value(f.value, b); err != nil {
			return err
		}
	}
	if err := c.unresolved(b); err != nil {
		return err
	}
	return c.conditionCycle()
}

func (c *checker) ruleBlock() error {
	b := block{name: "Rules", rules: true}
	for _, r := range c.t.rules {
		b.owner = r.name
		for _, n := range r.nodes() {
			if err := c.value(n, b); err != nil {
				return err
			}
		}
	}
	return c.unresolved(b)
}

func (c *checker) resourceBlock() error {
	b := block{name: "Resources"}
	for _, r := range c.t.resources {
		b.owner = r.id
		if err := c.hasCondition(r.condition, r.line, b); err != nil {
			return err
		}

		for _, id := range r.dependsOn {
			if c.resources[id] == nil {
				c.outside = append(c.outside, clip(id))
			}
		}

		for _, n := range r.nodes() {
			if err := c.value(n, b); err != nil {
				return err
			}
		}
	}

	return c.unresolved(b)
}

func (c *checker) outputBlock() error {
	b := block{name: "Outputs"}
	for _, o := range c.t.outputs {
		b.owner = o.id
		if err := c.hasCondition(o.condition, o.line, b); err != nil {
			return err
		}
		if err := c.value(o.value, b); err != nil {
			return err
		}

		if o.export == nil {
			continue
		}
		if err := c.value(o.export, b); err != nil {
			return err
		}
		if c.dependent(o.export) {
			return faultf(o.export.line, "Template format error: Output %s is malformed. The Name field of Export must not depend on any resources, imported values, or Fn::GetAZs.", o.id)
		}
	}

	return c.unresolved(b)
}

// nodes lists the parts of a resource that may hold functions.
func (r *resource) nodes() []*node {
	var out []*node
	for _, n := range []*node{r.properties, r.metadata, r.attributes} {
		if n != nil {
			out = append(out, n)
		}
	}
	return out
}

func (c *checker) hasCondition(name string, line int, b block) error {
	if name != "" && c.conditions[name] == nil {
		return faultf(line, "Template format error: Unresolved condition dependency %s in the %s block of the template", clip(name), b.name)
	}
	return nil
}

// unresolved reports the names collected in a block, all at once as AWS does.
func (c *checker) unresolved(b block) error {
	if c.outside == nil {
		return nil
	}
	names := slices.Clone(c.outside)
	slices.Sort(names)
	return errorf("Template format error: Unresolved resource dependencies [%s] in the %s block of the template", strings.Join(slices.Compact(names), ", "), b.name)
}

// value checks a value and everything below it.
func (c *checker) value(n *node, b block) error {
	switch n.kind {
	case null:
		return faultf(n.line, "Template format error: [/%s/%s] 'null' values are not allowed in templates", b.name, b.owner)
	case list:
		for _, it := range n.items {
			if err := c.value(it, b); err != nil {
				return err
			}
		}
	case object:
		if name, arg, ok := n.function(); ok {
			return c.call(n, name, arg, b)
		}
		if b.rules && len(n.fields) == 1 && n.fields[0].name == "Condition" {
			return c.hasCondition(n.fields[0].value.text, n.line, b)
		}

		for _, f := range n.fields {
			if strings.HasPrefix(f.name, "Fn::") {
				return faultf(f.line, "Template error: %s must be the only key of its object", clip(f.name))
			}
			if err := c.value(f.value, b); err != nil {
				return err
			}
		}
	}

	return nil
}

// call checks one function call and its arguments.
func (c *checker) call(n *node, name string, arg *node, b block) error {
	if err := c.form(n, name, arg, b); err != nil {
		return err
	}

	switch name {
	case "Ref":
		c.named(arg.text, b)
		return nil
	case "Fn::GetAtt":
		return c.attribute(n, arg, b)
	case "Fn::Sub":
		return c.sub(n, arg, b)
	case "Fn::If":
		if err := c.hasCondition(arg.items[0].text, n.line, b); err != nil {
			return err
		}
	case "Fn::ImportValue":
		if c.dependent(arg) {
			return faultf(n.line, "Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs")
		}
	}

	return c.value(arg, b)
}

// named notes a name that a Ref or a Sub uses when it stands for nothing.
func (c *checker) named(name string, b block) {
	switch {
	case isPseudo(name), c.parameters[name] != nil:
	case c.resources[name] != nil && !b.rules:
	default:
		c.outside = append(c.outside, clip(name))
	}
}

func (c *checker) attribute(n, arg *node, b block) error {
	id, att := getAtt(arg)
	if c.resources[id] == nil {
		return faultf(n.line, "Template error: instance of Fn::GetAtt references undefined resource %s", clip(id))
	}
	return c.value(att, b)
}

func (c *checker) sub(n, arg *node, b block) error {
	text, own, err := subForm(n, arg)
	if err != nil {
		return err
	}

	parts, err := pieces(text)
	if err != nil {
		return err
	}

	for _, p := range parts {
		if !p.variable || own.member(p.text) != nil {
			continue
		}

		if id, _, dotted := strings.Cut(p.text, "."); dotted {
			c.named(id, b)
		} else {
			c.named(p.text, b)
		}
	}

	return c.value(own, b)
}

// dependent says whether a value needs resources, imports or zones, which the
// names of exports and imports must not.
func (c *checker) dependent(n *node) bool {
	stop := errorf("dependent")
	return n.each(func(n *node) error {
		name, arg, ok := n.function()
		if !ok {
			return nil
		}

		switch name {
		case "Fn::GetAtt", "Fn::ImportValue", "Fn::GetAZs":
			return stop
		case "Ref":
			if c.resources[arg.text] != nil {
				return stop
			}
		case "Fn::Sub":
			if c.subDependent(n, arg) {
				return stop
			}
		}

		return nil
	}) != nil
}

func (c *checker) subDependent(n, arg *node) bool {
	text, own, err := subForm(n, arg)
	if err != nil {
		return false // refused elsewhere
	}

	parts, err := pieces(text)
	if err != nil {
		return false
	}

	return slices.ContainsFunc(parts, func(p piece) bool {
		id, _, _ := strings.Cut(p.text, ".")
		return p.variable && own.member(p.text) == nil && c.resources[id] != nil
	})
}

// conditionCycle refuses conditions that need each other.
func (c *checker) conditionCycle() error {
	state := map[string]int{} // 1 being visited, 2 done
	var visit func(name string, from string) error
	visit = func(name, from string) error {
		n := c.conditions[name]
		if n == nil || state[name] == 2 {
			return nil
		}
		if state[name] == 1 {
			return faultf(n.line, "Template error: Found circular condition dependency between %s and %s", from, name)
		}

		state[name] = 1
		err := n.each(func(n *node) error {
			if n.kind == object && len(n.fields) == 1 && n.fields[0].name == "Condition" {
				return visit(n.fields[0].value.text, name)
			}
			if f, arg, ok := n.function(); ok && f == "Fn::If" {
				return visit(arg.items[0].text, name)
			}

			return nil
		})

		state[name] = 2
		return err
	}
	for _, f := range c.t.conditions {
		if err := visit(f.name, f.name); err != nil {
			return err
		}
	}

	return nil
}
