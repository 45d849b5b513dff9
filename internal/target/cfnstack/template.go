package cfnstack

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxTemplate is how long a template may be that is sent in a request.
const maxTemplate = 51_200

// A template is sent as it is; only what concerns parameters is read.
type template struct {
	Body       string
	Parameters []declared
	// Nested says that it has stacks of its own.
	Nested bool
}

// declared is a parameter as the template declares it.
type declared struct {
	Name       string
	Type       string
	NoEcho     bool
	HasDefault bool
}

// list says whether the parameter takes several values.
func (d declared) list() bool {
	return strings.Contains(d.Type, "CommaDelimitedList") || strings.Contains(d.Type, "List<")
}

func parseTemplate(name string, data []byte) (template, error) {
	t := template{Body: string(data)}
	s := source{"Template", name}
	root, err := s.root(data)
	if err != nil {
		return t, err
	}

	t.Nested = hasNestedStack(get(root, "Resources"))
	parameters := get(root, "Parameters")
	if parameters == nil || parameters.Kind == yaml.ScalarNode && parameters.ShortTag() == "!!null" {
		return t, nil
	}

	if parameters.Kind != yaml.MappingNode {
		return t, s.errorf(parameters.Line, "Parameters", "the value is not a mapping of names to parameters")
	}

	err = s.each(parameters, "Parameters.", func(key string, k, v *yaml.Node) error {
		if v.Kind != yaml.MappingNode {
			return s.errorf(v.Line, key, "the value is not a parameter's description")
		}

		d := declared{Name: k.Value, HasDefault: get(v, "Default") != nil}
		if n := get(v, "Type"); n != nil {
			d.Type = n.Value
		}

		if n := get(v, "NoEcho"); n != nil {
			d.NoEcho = !strings.EqualFold(n.Value, "false")
		}

		t.Parameters = append(t.Parameters, d)
		return nil
	})

	return t, err
}

func hasNestedStack(resources *yaml.Node) bool {
	if resources == nil || resources.Kind != yaml.MappingNode {
		return false
	}
	for i := 1; i < len(resources.Content); i += 2 {
		if n := get(resources.Content[i], "Type"); n != nil && n.Value == "AWS::CloudFormation::Stack" {
			return true
		}
	}
	return false
}
