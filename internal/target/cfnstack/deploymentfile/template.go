package deploymentfile

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxTemplate is the longest template that a request can contain.
const maxTemplate = 51_200

// A Template is sent as it is. Only its parameters are read, and whether it has
// nested stacks.
type Template struct {
	Body       string
	Parameters []Declaration
	// HasNestedStacks is set if the template has a resource that is a stack.
	HasNestedStacks bool
	warnings        []string // of keys that are there several times
}

// A Declaration is a parameter as the template declares it.
type Declaration struct {
	Name       string
	Type       string
	NoEcho     bool
	HasDefault bool
}

// isList reports whether the parameter is a list.
func (d Declaration) isList() bool {
	return strings.Contains(d.Type, "CommaDelimitedList") || strings.Contains(d.Type, "List<")
}

func parseTemplate(name string, data []byte) (Template, error) {
	t := Template{Body: string(data)}
	source := source{"Template", name}
	root, err := source.root(data)
	if err != nil {
		return t, err
	}

	t.warnings = source.duplicates(root, "")
	t.HasNestedStacks = hasNestedStack(lookup(root, "Resources"))
	parameters := lookup(root, "Parameters")
	if parameters == nil || isNull(parameters) {
		return t, nil
	}

	if parameters.Kind != yaml.MappingNode {
		return t, source.errorf(parameters.Line, "Parameters", "the value is not a mapping of names to parameters")
	}

	err = source.eachKey(parameters, "Parameters.", func(key string, name, value *yaml.Node) error {
		if value.Kind != yaml.MappingNode {
			return source.errorf(value.Line, key, "the value is not a parameter's description")
		}

		declaration := Declaration{Name: name.Value, HasDefault: lookup(value, "Default") != nil}
		if member := lookup(value, "Type"); member != nil {
			declaration.Type = member.Value
		}

		if member := lookup(value, "NoEcho"); member != nil {
			declaration.NoEcho = !strings.EqualFold(member.Value, "false")
		}

		t.Parameters = append(t.Parameters, declaration)
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
