package template

import (
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// A stop is a resource on the way through the template, with the resources it
// needs before it.
type orderedResource struct {
	resource  *resource
	dependsOn []string
}

// orderResources lists the resources whose conditions hold, each after those it needs;
// where nothing decides, in the template's order.
func (t *Template) orderResources(e *evaluator) ([]orderedResource, error) {
	needs := map[string][]string{}
	active := map[string]bool{}
	for _, r := range t.resources {
		on, err := e.conditionHolds(r.condition)
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

		list, err := e.dependencies(r, active)
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
		return nil, syntax.Errorf("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", strings.Join(slices.Compact(unresolved), ", "))
	}

	return t.sortByDependencies(needs)
}

// dependencies lists what a resource depends on: what it names in DependsOn, unless
// that is conditioned away, and what its values refer to.
func (e *evaluator) dependencies(r *resource, active map[string]bool) ([]string, error) {
	var out []string
	for _, id := range r.dependsOn {
		if active[id] {
			out = append(out, id)
		}
	}

	for _, n := range r.nodes() {
		err := e.visitReferences(n, func(ref Reference) {
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

func (t *Template) sortByDependencies(needs map[string][]string) ([]orderedResource, error) {
	var out []orderedResource
	done := map[string]bool{}
	for len(out) < len(needs) {
		before := len(out)
		for _, r := range t.resources {
			list, active := needs[r.id]
			if !active || done[r.id] || slices.ContainsFunc(list, func(id string) bool { return !done[id] }) {
				continue
			}

			done[r.id] = true
			out = append(out, orderedResource{resource: r, dependsOn: list})
		}

		if len(out) == before {
			return nil, circularError(needs, done)
		}
	}

	return out, nil
}

// circularError names the resources on a cycle: those left over that something else
// left over needs.
func circularError(needs map[string][]string, done map[string]bool) error {
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
	return syntax.Errorf("Circular dependency between resources: [%s]", strings.Join(ids, ", "))
}

// visitReferences calls f for each parameter, resource and attribute that a value
// refers to, in the branches that the conditions take.
func (e *evaluator) visitReferences(n *syntax.Node, f func(Reference)) error {
	name, arg, ok := n.Function()
	if !ok {
		for _, it := range n.Items {
			if err := e.visitReferences(it, f); err != nil {
				return err
			}
		}

		for _, fd := range n.Fields {
			if err := e.visitReferences(fd.Value, f); err != nil {
				return err
			}
		}

		return nil
	}

	switch name {
	case "Ref":
		e.visitReference(arg.Text, f)
		return nil
	case "Fn::GetAtt":
		id, att := syntax.GetAttArguments(arg)
		f(Reference{Kind: ToAttribute, Name: id + "." + att.Text})
		return e.visitReferences(att, f)
	case "Fn::If":
		taken, err := e.ifBranch(arg)
		if err != nil {
			return err
		}
		return e.visitReferences(taken, f)

	case "Fn::Sub":
		return e.visitSubReferences(n, arg, f)
	}

	return e.visitReferences(arg, f)
}

func (e *evaluator) visitReference(name string, f func(Reference)) {
	if e.names.parameters[name] != nil {
		f(Reference{Kind: ToParameter, Name: name})
	} else if e.names.resources[name] != nil {
		f(Reference{Kind: ToResource, Name: name})
	}
}

func (e *evaluator) visitSubReferences(n, arg *syntax.Node, f func(Reference)) error {
	text, own, err := syntax.SubArguments(n, arg)
	if err != nil {
		return err
	}

	parts, err := syntax.SplitSub(text)
	if err != nil {
		return err
	}

	for _, p := range parts {
		if !p.IsVariable || own.Member(p.Text) != nil {
			continue
		}

		if id, _, dotted := strings.Cut(p.Text, "."); dotted && e.names.resources[id] != nil {
			f(Reference{Kind: ToAttribute, Name: p.Text})
		} else {
			e.visitReference(p.Text, f)
		}
	}

	return e.visitReferences(own, f)
}
