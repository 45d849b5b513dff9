package template

import (
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

func (p *parser) resourceSection(section syntax.Field) error {
	if n := len(section.Value.Fields); n > maxResources {
		return syntax.Errorf("Template format error: Number of resources, %d, is greater than maximum allowed, %d", n,
			maxResources)
	}

	var unknown []string
	for _, m := range section.Value.Fields {
		resource, err := p.resource(m)
		if err != nil {
			return err
		}

		if !typePattern.MatchString(resource.typ) {
			unknown = append(unknown, syntax.Clip(resource.typ))
		}

		p.t.resources = append(p.t.resources, resource)
	}

	if unknown != nil {
		slices.Sort(unknown)
		return syntax.Errorf("Template format error: Unrecognized resource types: [%s]",
			strings.Join(slices.Compact(unknown), ", "))
	}

	return nil
}

func (p *parser) resource(field syntax.Field) (*resource, error) {
	switch {
	case strings.HasPrefix(field.Name, "Fn::"):
		return nil, syntax.Unsupported(field.Line, field.Name)
	case !idPattern.MatchString(field.Name):
		return nil, syntax.ErrorAt(field.Line, "Template format error: Resource name %s is non alphanumeric.",
			syntax.Clip(field.Name))
	case field.Value.Kind == syntax.Null:
		return nil, syntax.ErrorAt(field.Line,
			"Template format error: [/Resources/%s] 'null' values are not allowed in templates", field.Name)
	case field.Value.Kind != syntax.Object:
		return nil, syntax.ErrorAt(field.Line, "Template format error: Any Resources member must be an object.")
	}

	resource := &resource{id: field.Name, line: field.Line, policies: map[string]string{}}
	resource.attributes = &syntax.Node{Line: field.Line, Kind: syntax.Object}
	for _, a := range field.Value.Fields {
		if err := resource.setMember(a); err != nil {
			return nil, err
		}
	}

	switch {
	case resource.typ == "":
		return nil, syntax.ErrorAt(field.Line,
			"Template format error: [/Resources/%s] Every Resources object must contain a Type member.", field.Name)
	case strings.HasSuffix(resource.typ, "::MODULE"):
		return nil, syntax.Unsupported(field.Line, "module "+resource.typ)
	case strings.HasPrefix(resource.typ, "AWS::Serverless::"):
		return nil, syntax.Unsupported(field.Line, resource.typ)
	}

	return resource, nil
}

// setMember reads one key of a resource.
func (r *resource) setMember(field syntax.Field) error {
	value := field.Value
	if value.Kind == syntax.Null {
		return syntax.ErrorAt(field.Line,
			"Template format error: [/Resources/%s/%s] 'null' values are not allowed in templates", r.id, field.Name)
	}

	switch field.Name {
	case "Type":
		r.typ = value.Text
	case "Condition":
		if value.Kind != syntax.Scalar {
			return syntax.ErrorAt(field.Line, "Template format error: Every Condition member must be a string.")
		}
		r.condition = value.Text

	case "DependsOn":
		return r.setDependsOn(value)
	case "DeletionPolicy", "UpdateReplacePolicy":
		return r.setPolicy(field)
	case "Properties":
		if value.Kind != syntax.Object {
			return syntax.ErrorAt(field.Line,
				"Template format error: [/Resources/%s/Properties] must be an object", r.id)
		}
		r.properties = value
	case "Metadata":
		if value.Kind != syntax.Object {
			return syntax.ErrorAt(field.Line, "Template format error: [/Resources/%s/Metadata] must be an object", r.id)
		}
		r.metadata = value

	case "CreationPolicy", "UpdatePolicy":
		r.attributes.Fields = append(r.attributes.Fields, field)
	case "Description", "Version":
	default:
		if strings.HasPrefix(field.Name, "Fn::") {
			return syntax.Unsupported(field.Line, field.Name)
		}
		return syntax.ErrorAt(field.Line, "Invalid template resource property '%s'", syntax.Clip(field.Name))
	}

	return nil
}

func (r *resource) setDependsOn(value *syntax.Node) error {
	if value.Kind == syntax.Scalar {
		r.dependsOn = []string{value.Text}
		return nil
	}

	if value.Kind == syntax.List {
		for _, item := range value.Items {
			if item.Kind != syntax.Scalar {
				return syntax.ErrorAt(item.Line,
					"Template format error: DependsOn must be a string or list of strings.")
			}
			r.dependsOn = append(r.dependsOn, item.Text)
		}

		return nil
	}

	return syntax.ErrorAt(value.Line, "Template format error: DependsOn must be a string or list of strings.")
}

func (r *resource) setPolicy(field syntax.Field) error {
	if name, _, ok := field.Value.Function(); ok {
		return syntax.Unsupported(field.Line, name+" in "+field.Name)
	}

	allowed := []string{"Delete", "Retain", "Snapshot"}
	if field.Name == "DeletionPolicy" {
		allowed = append(allowed, "RetainExceptOnCreate")
	}

	if !slices.Contains(allowed, field.Value.Text) {
		return syntax.ErrorAt(field.Line, "Template format error: Unrecognized %s %s for resource %s", field.Name,
			syntax.Clip(field.Value.Text), r.id)
	}

	r.policies[field.Name] = field.Value.Text
	return nil
}

func (p *parser) outputSection(section syntax.Field) error {
	if n := len(section.Value.Fields); n > maxOutputs {
		return syntax.Errorf("Template format error: Number of outputs, %d, is greater than maximum allowed, %d", n,
			maxOutputs)
	}
	for _, m := range section.Value.Fields {
		output, err := p.output(m)
		if err != nil {
			return err
		}
		p.t.outputs = append(p.t.outputs, output)
	}
	return nil
}

func (p *parser) output(field syntax.Field) (*output, error) {
	switch {
	case strings.HasPrefix(field.Name, "Fn::"):
		return nil, syntax.Unsupported(field.Line, field.Name)
	case !idPattern.MatchString(field.Name):
		return nil, syntax.ErrorAt(field.Line, "Template format error: Output name %s is non alphanumeric.",
			syntax.Clip(field.Name))
	case field.Value.Kind != syntax.Object:
		return nil, syntax.ErrorAt(field.Line, "Template format error: Any Outputs member must be an object.")
	}

	output := &output{id: field.Name, line: field.Line}
	for _, member := range field.Value.Fields {
		switch member.Name {
		case "Value":
			output.value = member.Value
		case "Description":
			output.description = member.Value.Text
		case "Condition":
			output.condition = member.Value.Text
			if member.Value.Kind != syntax.Scalar {
				return nil, syntax.ErrorAt(member.Line,
					"Template format error: Every Condition member must be a string.")
			}
		case "Export":
			output.export = member.Value.Member("Name")
			if output.export == nil || len(member.Value.Fields) != 1 {
				return nil, malformedExport(field)
			}

		default:
			return nil, syntax.ErrorAt(member.Line, "Invalid template output property '%s'", syntax.Clip(member.Name))
		}
	}

	if output.value == nil || output.value.Kind == syntax.Null {
		return nil, syntax.ErrorAt(field.Line,
			"Template format error: Every Outputs member must contain a Value object")
	}

	return output, nil
}

func malformedExport(f syntax.Field) error {
	return syntax.ErrorAt(f.Line, "Template format error: Output %s is malformed. The Name field of every Export "+
		"member must be specified and consist only of alphanumeric characters, colons, or hyphens.", f.Name)
}
