package template

import (
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

func (p *parser) resourceSection(f syntax.Field) error {
	if n := len(f.Value.Fields); n > maxResources {
		return syntax.Errorf("Template format error: Number of resources, %d, is greater than maximum allowed, %d", n, maxResources)
	}

	var unknown []string
	for _, m := range f.Value.Fields {
		r, err := p.resource(m)
		if err != nil {
			return err
		}

		if !typePattern.MatchString(r.typ) {
			unknown = append(unknown, syntax.Clip(r.typ))
		}

		p.t.resources = append(p.t.resources, r)
	}

	if unknown != nil {
		slices.Sort(unknown)
		return syntax.Errorf("Template format error: Unrecognized resource types: [%s]", strings.Join(slices.Compact(unknown), ", "))
	}

	return nil
}

func (p *parser) resource(f syntax.Field) (*resource, error) {
	switch {
	case strings.HasPrefix(f.Name, "Fn::"):
		return nil, syntax.Unsupported(f.Line, f.Name)
	case !idPattern.MatchString(f.Name):
		return nil, syntax.ErrorAt(f.Line, "Template format error: Resource name %s is non alphanumeric.", syntax.Clip(f.Name))
	case f.Value.Kind == syntax.Null:
		return nil, syntax.ErrorAt(f.Line, "Template format error: [/Resources/%s] 'null' values are not allowed in templates", f.Name)
	case f.Value.Kind != syntax.Object:
		return nil, syntax.ErrorAt(f.Line, "Template format error: Any Resources member must be an object.")
	}

	r := &resource{id: f.Name, line: f.Line, policies: map[string]string{}}
	r.attributes = &syntax.Node{Line: f.Line, Kind: syntax.Object}
	for _, a := range f.Value.Fields {
		if err := r.setMember(a); err != nil {
			return nil, err
		}
	}

	switch {
	case r.typ == "":
		return nil, syntax.ErrorAt(f.Line, "Template format error: [/Resources/%s] Every Resources object must contain a Type member.", f.Name)
	case strings.HasSuffix(r.typ, "::MODULE"):
		return nil, syntax.Unsupported(f.Line, "module "+r.typ)
	case strings.HasPrefix(r.typ, "AWS::Serverless::"):
		return nil, syntax.Unsupported(f.Line, r.typ)
	}

	return r, nil
}

// setMember reads one member of a resource.
func (r *resource) setMember(a syntax.Field) error {
	v := a.Value
	if v.Kind == syntax.Null {
		return syntax.ErrorAt(a.Line, "Template format error: [/Resources/%s/%s] 'null' values are not allowed in templates", r.id, a.Name)
	}

	switch a.Name {
	case "Type":
		r.typ = v.Text
	case "Condition":
		if v.Kind != syntax.Scalar {
			return syntax.ErrorAt(a.Line, "Template format error: Every Condition member must be a string.")
		}
		r.condition = v.Text

	case "DependsOn":
		return r.setDependsOn(v)
	case "DeletionPolicy", "UpdateReplacePolicy":
		return r.setPolicy(a)
	case "Properties":
		if v.Kind != syntax.Object {
			return syntax.ErrorAt(a.Line, "Template format error: [/Resources/%s/Properties] must be an object", r.id)
		}
		r.properties = v
	case "Metadata":
		if v.Kind != syntax.Object {
			return syntax.ErrorAt(a.Line, "Template format error: [/Resources/%s/Metadata] must be an object", r.id)
		}
		r.metadata = v

	case "CreationPolicy", "UpdatePolicy":
		r.attributes.Fields = append(r.attributes.Fields, a)
	case "Description", "Version":
	default:
		if strings.HasPrefix(a.Name, "Fn::") {
			return syntax.Unsupported(a.Line, a.Name)
		}
		return syntax.ErrorAt(a.Line, "Invalid template resource property '%s'", syntax.Clip(a.Name))
	}

	return nil
}

func (r *resource) setDependsOn(v *syntax.Node) error {
	if v.Kind == syntax.Scalar {
		r.dependsOn = []string{v.Text}
		return nil
	}

	if v.Kind == syntax.List {
		for _, it := range v.Items {
			if it.Kind != syntax.Scalar {
				return syntax.ErrorAt(it.Line, "Template format error: DependsOn must be a string or list of strings.")
			}
			r.dependsOn = append(r.dependsOn, it.Text)
		}

		return nil
	}

	return syntax.ErrorAt(v.Line, "Template format error: DependsOn must be a string or list of strings.")
}

func (r *resource) setPolicy(a syntax.Field) error {
	if name, _, ok := a.Value.Function(); ok {
		return syntax.Unsupported(a.Line, name+" in "+a.Name)
	}

	allowed := []string{"Delete", "Retain", "Snapshot"}
	if a.Name == "DeletionPolicy" {
		allowed = append(allowed, "RetainExceptOnCreate")
	}

	if !slices.Contains(allowed, a.Value.Text) {
		return syntax.ErrorAt(a.Line, "Template format error: Unrecognized %s %s for resource %s", a.Name, syntax.Clip(a.Value.Text), r.id)
	}

	r.policies[a.Name] = a.Value.Text
	return nil
}

func (p *parser) outputSection(f syntax.Field) error {
	if n := len(f.Value.Fields); n > maxOutputs {
		return syntax.Errorf("Template format error: Number of outputs, %d, is greater than maximum allowed, %d", n, maxOutputs)
	}
	for _, m := range f.Value.Fields {
		o, err := p.output(m)
		if err != nil {
			return err
		}
		p.t.outputs = append(p.t.outputs, o)
	}
	return nil
}

func (p *parser) output(f syntax.Field) (*output, error) {
	switch {
	case strings.HasPrefix(f.Name, "Fn::"):
		return nil, syntax.Unsupported(f.Line, f.Name)
	case !idPattern.MatchString(f.Name):
		return nil, syntax.ErrorAt(f.Line, "Template format error: Output name %s is non alphanumeric.", syntax.Clip(f.Name))
	case f.Value.Kind != syntax.Object:
		return nil, syntax.ErrorAt(f.Line, "Template format error: Any Outputs member must be an object.")
	}

	o := &output{id: f.Name, line: f.Line}
	for _, a := range f.Value.Fields {
		switch a.Name {
		case "Value":
			o.value = a.Value
		case "Description":
			o.description = a.Value.Text
		case "Condition":
			o.condition = a.Value.Text
			if a.Value.Kind != syntax.Scalar {
				return nil, syntax.ErrorAt(a.Line, "Template format error: Every Condition member must be a string.")
			}
		case "Export":
			o.export = a.Value.Member("Name")
			if o.export == nil || len(a.Value.Fields) != 1 {
				return nil, malformedExport(f)
			}

		default:
			return nil, syntax.ErrorAt(a.Line, "Invalid template output property '%s'", syntax.Clip(a.Name))
		}
	}

	if o.value == nil || o.value.Kind == syntax.Null {
		return nil, syntax.ErrorAt(f.Line, "Template format error: Every Outputs member must contain a Value object")
	}

	return o, nil
}

func malformedExport(f syntax.Field) error {
	return syntax.ErrorAt(f.Line, "Template format error: Output %s is malformed. The Name field of every Export member must be specified and consist only of alphanumeric characters, colons, or hyphens.", f.Name)
}
