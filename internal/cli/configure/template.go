package configure

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
)

// A parameter is a parameter of a template.
type parameter struct {
	name          string
	kind          string // its Type
	description   string
	allowedValues []string
	defaultValue  string // "" if the Default is not a scalar
	hasDefault    bool
	noEcho        bool
}

// templateParameters returns the parameters of a template, in its order.
func templateParameters(name string, text []byte) ([]parameter, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, command.Errorf("%s is neither YAML nor JSON: %v.", name, err)
	}

	if len(document.Content) == 0 || member(document.Content[0], "Resources") == nil {
		if len(document.Content) > 0 && member(document.Content[0], "template-file-path") != nil {
			return nil, command.Usagef("%s is a deployment file.", name).WithHint("Give the template that it names.")
		}
		return nil, command.Usagef("%s is not a CloudFormation template: it has no Resources.", name)
	}

	declared := member(document.Content[0], "Parameters")
	if declared == nil || declared.Kind != yaml.MappingNode {
		return nil, nil
	}

	var parameters []parameter
	for i := 0; i+1 < len(declared.Content); i += 2 {
		parameters = append(parameters, newParameter(declared.Content[i].Value, declared.Content[i+1]))
	}

	return parameters, nil
}

func newParameter(name string, node *yaml.Node) parameter {
	result := parameter{name: name}
	if value := member(node, "Type"); value != nil {
		result.kind = lockstep.SanitizeLine(value.Value)
	}

	if value := member(node, "Description"); value != nil {
		result.description = lockstep.SanitizeLine(value.Value)
	}

	if value := member(node, "NoEcho"); value != nil {
		result.noEcho = !strings.EqualFold(value.Value, "false")
	}

	if value := member(node, "Default"); value != nil {
		result.hasDefault, result.defaultValue = true, lockstep.SanitizeLine(value.Value)
	}

	if value := member(node, "AllowedValues"); value != nil {
		for _, allowed := range value.Content {
			result.allowedValues = append(result.allowedValues, lockstep.SanitizeLine(allowed.Value))
		}
	}

	return result
}

// member returns the value of a key of a mapping, or nil if it has none.
func member(node *yaml.Node, key string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// deploymentFile returns the text of a deployment file. Parameters without a
// default are to be filled in; the others are comments. The default of a secret is
// not repeated.
//
// Name, if it is not "", is the stack's name that the path of the file does not show.
func deploymentFile(template, name string, parameters []parameter) []byte {
	var text strings.Builder
	fmt.Fprintf(&text, "template-file-path: %s\n", scalar(template))
	if name != "" {
		fmt.Fprintf(&text, "lockstep:\n  name: %s\n", scalar(name))
	}
	heading := "# parameters:"
	for _, parameter := range parameters {
		if !parameter.hasDefault {
			heading = "parameters:"
		}
	}

	if len(parameters) > 0 {
		text.WriteString(heading + "\n")
	}

	for _, parameter := range parameters {
		switch {
		case !parameter.hasDefault:
			fmt.Fprintf(&text, "  %s: \"\" # %s\n", scalar(parameter.name), parameter.comment("fill in"))
		case parameter.noEcho:
			fmt.Fprintf(&text, "  # %s: has a default # %s\n", scalar(parameter.name), parameter.comment("secret"))
		default:
			fmt.Fprintf(&text, "  # %s: %s # %s\n", scalar(parameter.name), scalar(parameter.defaultValue),
				parameter.comment("default"))
		}
	}

	text.WriteString("# tags:\n#   Team: platform\n")
	return []byte(text.String())
}

// comment returns the comment after a parameter.
func (p parameter) comment(label string) string {
	text := label
	if p.kind != "" {
		text += ": " + p.kind
	}

	if len(p.allowedValues) > 0 {
		text += ", one of " + strings.Join(p.allowedValues, ", ")
	}

	if p.description != "" {
		text += ". " + p.description
	}

	if p.noEcho && !p.hasDefault {
		text += ". A secret, which every reader of the repository could read: use {{resolve:ssm-secure:NAME}} instead"
	}

	return text
}

// scalar returns text as a YAML value on one line.
func scalar(text string) string {
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if strings.ContainsAny(text, "\n\r") {
		node.Style = yaml.DoubleQuotedStyle
	}
	out, err := yaml.Marshal(&node)
	if err != nil {
		return fmt.Sprintf("%q", text)
	}
	return strings.TrimSuffix(string(out), "\n")
}
