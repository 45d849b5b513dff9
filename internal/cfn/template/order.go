package template

import (
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// An orderedResource is a resource with the resources it depends on.
type orderedResource struct {
	resource  *resource
	dependsOn []string
}

// orderResources returns the resources whose conditions hold, each after those it
// depends on, otherwise in the template's order.
func (t *Template) orderResources(evaluator *evaluator) ([]orderedResource, error) {
	needs := map[string][]string{}
	active := map[string]bool{}
	for _, resource := range t.resources {
		holds, err := evaluator.conditionHolds(resource.condition)
		if err != nil {
			return nil, err
		}

		active[resource.id] = holds
	}

	var unresolved []string
	for _, resource := range t.resources {
		if !active[resource.id] {
			continue
		}

		list, err := evaluator.dependencies(resource, active)
		if err != nil {
			return nil, err
		}

		for _, id := range list {
			if !active[id] {
				unresolved = append(unresolved, id)
			}
		}

		needs[resource.id] = list
	}

	if unresolved != nil {
		slices.Sort(unresolved)
		return nil, syntax.Errorf("Template format error: Unresolved resource dependencies [%s] in the "+
			"Resources block of the template", strings.Join(slices.Compact(unresolved), ", "))
	}

	return t.sortByDependencies(needs)
}

// dependencies returns the resources that a resource depends on: those of DependsOn
// whose conditions hold, and those that its values refer to.
func (e *evaluator) dependencies(resource *resource, active map[string]bool) ([]string, error) {
	var out []string
	for _, id := range resource.dependsOn {
		if active[id] {
			out = append(out, id)
		}
	}

	for _, n := range resource.nodes() {
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
		for _, resource := range t.resources {
			list, active := needs[resource.id]
			if !active || done[resource.id] || slices.ContainsFunc(list, func(id string) bool { return !done[id] }) {
				continue
			}

			done[resource.id] = true
			out = append(out, orderedResource{resource: resource, dependsOn: list})
		}

		if len(out) == before {
			return nil, circularError(needs, done)
		}
	}

	return out, nil
}

// circularError returns the error of the resources on a cycle: the remaining resources
// that another remaining resource depends on.
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

// visitReferences calls visit for each parameter, resource and attribute that a value
// refers to, in the branches that the conditions select.
func (e *evaluator) visitReferences(node *syntax.Node, visit func(Reference)) error {
	name, arg, ok := node.Function()
	if !ok {
		for _, it := range node.Items {
			if err := e.visitReferences(it, visit); err != nil {
				return err
			}
		}

		for _, fd := range node.Fields {
			if err := e.visitReferences(fd.Value, visit); err != nil {
				return err
			}
		}

		return nil
	}

	switch name {
	case "Ref":
		e.visitReference(arg.Text, visit)
		return nil
	case "Fn::GetAtt":
		id, att := syntax.GetAttArguments(arg)
		visit(Reference{Kind: ToAttribute, Name: id + "." + att.Text})
		return e.visitReferences(att, visit)
	case "Fn::If":
		taken, err := e.ifBranch(arg)
		if err != nil {
			return err
		}
		return e.visitReferences(taken, visit)

	case "Fn::Sub":
		return e.visitSubReferences(node, arg, visit)
	}

	return e.visitReferences(arg, visit)
}

func (e *evaluator) visitReference(name string, visit func(Reference)) {
	if e.names.parameters[name] != nil {
		visit(Reference{Kind: ToParameter, Name: name})
	} else if e.names.resources[name] != nil {
		visit(Reference{Kind: ToResource, Name: name})
	}
}

func (e *evaluator) visitSubReferences(n, arg *syntax.Node, visit func(Reference)) error {
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

		if id, _, dotted := strings.Cut(part.Text, "."); dotted && e.names.resources[id] != nil {
			visit(Reference{Kind: ToAttribute, Name: part.Text})
		} else {
			e.visitReference(part.Text, visit)
		}
	}

	return e.visitReferences(own, visit)
}
