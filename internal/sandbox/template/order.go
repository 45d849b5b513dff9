package template

import (
	"slices"
	"strings"
)

// A stop is a resource on the way through the template, with the resources it
// needs before it.
type stop struct {
	resource *resource
	needs    []string
}

// order lists the resources whose conditions hold, each after those it needs;
// where nothing decides, in the template's order.
func (t *Template) order(e *evaluator) ([]stop, error) {
	needs := map[string][]string{}
	active := map[string]bool{}
	for _, r := range t.resources {
		on, err := e.active(r.condition)
		if err != nil {
			return nil, err
		}

		active[r.id] = on
	}

	var unresolved []string
	for _, r := range t.resources {
		if !active[r.id] {
			continue
		}

		list, err := e.needs(r, active)
		if err != nil {
			return nil, err
		}

		for _, id := range list {
			if !active[id] {
				unresolved = append(unresolved, id)
			}
		}

		needs[r.id] = list
	}

	if unresolved != nil {
		slices.Sort(unresolved)
		return nil, errorf("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", strings.Join(slices.Compact(unresolved), ", "))
	}

	return t.sorted(needs)
}

// needs lists what a resource depends on: what it names in DependsOn, unless
// that is conditioned away, and what its values refer to.
func (e *evaluator) needs(r *resource, active map[string]bool) ([]string, error) {
	var out []string
	for _, id := range r.dependsOn {
		if active[id] {
			out = append(out, id)
		}
	}

	for _, n := range r.nodes() {
		err := e.references(n, func(ref Reference) {
			if ref.Kind == ToParameter {
				return
			}

			id, _, _ := strings.Cut(ref.Name, ".")
			out = append(out, id)
		})
		if err != nil {
			return nil, err
		}
	}

	slices.Sort(out)
	return slices.Compact(out), nil
}

func (t *Template) sorted(needs map[string][]string) ([]stop, error) {
	var out []stop
	done := map[string]bool{}
	for len(out) < len(needs) {
		before := len(out)
		for _, r := range t.resources {
			list, active := needs[r.id]
			if !active || done[r.id] || slices.ContainsFunc(list, func(id string) bool { return !done[id] }) {
				continue
			}

			done[r.id] = true
			out = append(out, stop{resource: r, needs: list})
		}

		if len(out) == before {
			return nil, circular(needs, done)
		}
	}

	return out, nil
}

// circular names the resources on a cycle: those left over that something else
// left over needs.
func circular(needs map[string][]string, done map[string]bool) error {
	left := map[string]bool{}
	for id := range needs {
		left[id] = !done[id]
	}

	for changed := true; changed; {
		changed = false
		wanted := map[string]bool{}
		for id, list := range needs {
			if left[id] {
				for _, need := range list {
					wanted[need] = true
				}
			}
		}

		for id := range needs {
			if left[id] && !wanted[id] {
				left[id], changed = false, true
			}
		}
	}

	var ids []string
	for id, on := range left {
		if on {
			ids = append(ids, id)
		}
	}

	slices.Sort(ids)
	return errorf("Circular dependency between resources: [%s]", strings.Join(ids, ", "))
}

// references calls f for each parameter, resource and attribute that a value
// refers to, in the branches that the conditions take.
func (e *evaluator) references(n *node, f func(Reference)) error {
	name, arg, ok := n.function()
	if !ok {
		for _, it := range n.items {
			if err := e.references(it, f); err != nil {
				return err
			}
		}

		for _, fd := range n.fields {
			if err := e.references(fd.value, f); err != nil {
				return err
			}
		}

		return nil
	}

	switch name {
	case "Ref":
		e.refer(arg.text, f)
		return nil
	case "Fn::GetAtt":
		id, att := getAtt(arg)
		f(Reference{Kind: ToAttribute, Name: id + "." + att.text})
		return e.references(att, f)
	case "Fn::If":
		taken, err := e.branch(arg)
		if err != nil {
			return err
		}
		return e.references(taken, f)

	case "Fn::Sub":
		return e.subReferences(n, arg, f)
	}

	return e.references(arg, f)
}

func (e *evaluator) refer(name string, f func(Reference)) {
	if e.names.parameters[name] != nil {
		f(Reference{Kind: ToParameter, Name: name})
	} else if e.names.resources[name] != nil {
		f(Reference{Kind: ToResource, Name: name})
	}
}

func (e *evaluator) subReferences(n, arg *node, f func(Reference)) error {
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

		if id, _, dotted := strings.Cut(p.text, "."); dotted && e.names.resources[id] != nil {
			f(Reference{Kind: ToAttribute, Name: p.text})
		} else {
			e.refer(p.text, f)
		}
	}

	return e.references(own, f)
}
