package deploymentfile

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxTemplate is how long a template may be that is sent in a request.
const maxTemplate = 51_200

// A template is sent as it is; only what concerns parameters is read.
type Template struct {
	Body       string
	Parameters []Declaration
	// HasNestedStacks says that it has stacks of its own.
	HasNestedStacks bool
}

// Declaration is a parameter as the template declares it.
type Declaration struct {
	Name       string
	Type       string
	NoEcho     bool
	HasDefault bool
}

// isList says whether the parameter takes several values.
func (d Declaration) isList() bool {
	return strings.Contains(d.Type, "CommaDelimitedList") || strings.Contains(d.Type, "List<")
}

func parseTemplate(name string, data []byte) (Template, error) {
	t := Template{Body: string(data)}
	s := source{"Template", name}
	root, err := s.root(data)
	if err != nil {
		return t, err
	}

	t.HasNestedStacks = hasNestedStack(lookup(root, "Resources"))
	parameters := lookup(root, "Parameters")
	if parameters == nil || parameters.Kind == yaml.ScalarNode && parameters.ShortTag() == "!!null" {
		return t, nil
	}

	if parameters.Kind != yaml.MappingNode {
		return t, s.errorf(parameters.Line, "Parameters", "the value is not a mapping of names to parameters")
	}

	err = s.eachKey(parameters, "Parameters.", func(key string, k, v *yaml.Node) error {
		if v.Kind != yaml.MappingNode {
			return s.errorf(v.Line, key, "the value is not a parameter's description")
		}

		d := Declaration{Name: k.Value, HasDefault: lookup(v, "Default") != nil}
		if n := lookup(v, "Type"); n != nil {
			d.Type = n.Value
		}

		if n := lookup(v, "NoEcho"); n != nil {
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
		if n := lookup(resources.Content[i], "Type"); n != nil && n.Value == "AWS::CloudFormation::Stack" {
			return true
		}
	}
	return false
}
