package template

import (
	"slices"
	"strings"
)

func (p *parser) resourceSection(f field) error {
	if n := len(f.value.fields); n > maxResources {
		return errorf("Template format error: Number of resources, %d, is greater than maximum allowed, %d", n, maxResources)
	}

	var unknown []string
	for _, m := range f.value.fields {
		r, err := p.resource(m)
		if err != nil {
			return err
		}

		if !typePattern.MatchString(r.typ) {
			unknown = append(unknown, clip(r.typ))
		}

		p.t.resources = append(p.t.resources, r)
	}

	if unknown != nil {
		slices.Sort(unknown)
		return errorf("Template format error: Unrecognized resource types: [%s]", strings.Join(slices.Compact(unknown), ", "))
	}

	return nil
}

func (p *parser) resource(f field) (*resource, error) {
	switch {
	case strings.HasPrefix(f.name, "Fn::"):
		return nil, unexpanded(f.line, f.name)
	case !idPattern.MatchString(f.name):
		return nil, faultf(f.line, "Template format error: Resource name %s is non alphanumeric.", clip(f.name))
	case f.value.kind == null:
		return nil, faultf(f.line, "Template format error: [/Resources/%s] 'null' values are not allowed in templates", f.name)
	case f.value.kind != object:
		return nil, faultf(f.line, "Template format error: Any Resources member must be an object.")
	}

	r := &resource{id: f.name, line: f.line, policies: map[string]string{}}
	r.attributes = &node{line: f.line, kind: object}
	for _, a := range f.value.fields {
		if err := r.attribute(a); err != nil {
			return nil, err
		}
	}

	switch {
	case r.typ == "":
		return nil, faultf(f.line, "Template format error: [/Resources/%s] Every Resources object must contain a Type member.", f.name)
	case strings.HasSuffix(r.typ, "::MODULE"):
		return nil, unexpanded(f.line, "module "+r.typ)
	case strings.HasPrefix(r.typ, "AWS::Serverless::"):
		return nil, unexpanded(f.line, r.typ)
	}

	return r, nil
}

// attribute reads one member of a resource.
func (r *resource) attribute(a field) error {
	v := a.value
	if v.kind == null {
		return faultf(a.line, "Template format error: [/Resources/%s/%s] 'null' values are not allowed in templates", r.id, a.name)
	}

	switch a.name {
	case "Type":
		r.typ = v.text
	case "Condition":
		if v.kind != scalar {
			return faultf(a.line, "Template format error: Every Condition member must be a string.")
		}
		r.condition = v.text

	case "DependsOn":
		return r.depends(v)
	case "DeletionPolicy", "UpdateReplacePolicy":
		return r.policy(a)
	case "Properties":
		if v.kind != object {
			return faultf(a.line, "Template format error: [/Resources/%s/Properties] must be an object", r.id)
		}
		r.properties = v
	case "Metadata":
		if v.kind != object {
			return faultf(a.line, "Template format error: [/Resources/%s/Metadata] must be an object", r.id)
		}
		r.metadata = v

	case "CreationPolicy", "UpdatePolicy":
		r.attributes.fields = append(r.attributes.fields, a)
	case "Description", "Version":
	default:
		if strings.HasPrefix(a.name, "Fn::") {
			return unexpanded(a.line, a.name)
		}
		return faultf(a.line, "Invalid template resource property '%s'", clip(a.name))
	}

	return nil
}

func (r *resource) depends(v *node) error {
	if v.kind == scalar {
		r.dependsOn = []string{v.text}
		return nil
	}

	if v.kind == list {
		for _, it := range v.items {
			if it.kind != scalar {
				return faultf(it.line, "Template format error: DependsOn must be a string or list of strings.")
			}
			r.dependsOn = append(r.dependsOn, it.text)
		}

		return nil
	}

	return faultf(v.line, "Template format error: DependsOn must be a string or list of strings.")
}

func (r *resource) policy(a field) error {
	if name, _, ok := a.value.function(); ok {
		return unexpanded(a.line, name+" in "+a.name)
	}

	allowed := []string{"Delete", "Retain", "Snapshot"}
	if a.name == "DeletionPolicy" {
		allowed = append(allowed, "RetainExceptOnCreate")
	}

	if !slices.Contains(allowed, a.value.text) {
		return faultf(a.line, "Template format error: Unrecognized %s %s for resource %s", a.name, clip(a.value.text), r.id)
	}

	r.policies[a.name] = a.value.text
	return nil
}

func (p *parser) outputSection(f field) error {
	if n := len(f.value.fields); n > maxOutputs {
		return errorf("Template format error: Number of outputs, %d, is greater than maximum allowed, %d", n, maxOutputs)
	}
	for _, m := range f.value.fields {
		o, err := p.output(m)
		if err != nil {
			return err
		}
		p.t.outputs = append(p.t.outputs, o)
	}
	return nil
}

func (p *parser) output(f field) (*output, error) {
	switch {
	case strings.HasPrefix(f.name, "Fn::"):
		return nil, unexpanded(f.line, f.name)
	case !idPattern.MatchString(f.name):
		return nil, faultf(f.line, "Template format error: Output name %s is non alphanumeric.", clip(f.name))
	case f.value.kind != object:
		return nil, faultf(f.line, "Template format error: Any Outputs member must be an object.")
	}

	o := &output{id: f.name, line: f.line}
	for _, a := range f.value.fields {
		switch a.name {
		case "Value":
			o.value = a.value
		case "Description":
			o.description = a.value.text
		case "Condition":
			o.condition = a.value.text
			if a.value.kind != scalar {
				return nil, faultf(a.line, "Template format error: Every Condition member must be a string.")
			}
		case "Export":
			o.export = a.value.member("Name")
			if o.export == nil || len(a.value.fields) != 1 {
				return nil, malformedExport(f)
			}

		default:
			return nil, faultf(a.line, "Invalid template output property '%s'", clip(a.name))
		}
	}

	if o.value == nil || o.value.kind == null {
		return nil, faultf(f.line, "Template format error: Every Outputs member must contain a Value object")
	}

	return o, nil
}

func malformedExport(f field) error {
	return faultf(f.line, "Template format error: Output %s is malformed. The Name field of every Export member must be specified and consist only of alphanumeric characters, colons, or hyphens.", f.name)
}
