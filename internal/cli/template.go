package cli

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A parameter is one that a template declares.
type parameter struct {
	name        string
	kind        string // its Type
	description string
	allowed     []string
	fallback    string // the Default, where it is a plain value
	hasDefault  bool
	noEcho      bool
}

// templateParameters reads what a template wants to be told, in its order.
func templateParameters(name string, text []byte) ([]parameter, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, &failure{problem: fmt.Sprintf("%s is neither YAML nor JSON: %v.", name, err)}
	}

	if len(doc.Content) == 0 || value(doc.Content[0], "Resources") == nil {
		if len(doc.Content) > 0 && value(doc.Content[0], "template-file-path") != nil {
			return nil, usagef("%s is a deployment file already.", name).try("Give the template that it names.")
		}
		return nil, usagef("%s is no CloudFormation template: it has no Resources.", name)
	}

	declared := value(doc.Content[0], "Parameters")
	if declared == nil || declared.Kind != yaml.MappingNode {
		return nil, nil
	}

	var all []parameter
	for i := 0; i+1 < len(declared.Content); i += 2 {
		all = append(all, newParameter(declared.Content[i].Value, declared.Content[i+1]))
	}

	return all, nil
}

func newParameter(name string, n *yaml.Node) parameter {
	d := parameter{name: name}
	if v := value(n, "Type"); v != nil {
		d.kind = v.Value
	}

	if v := value(n, "Description"); v != nil {
		d.description = plain(v.Value)
	}

	if v := value(n, "NoEcho"); v != nil {
		d.noEcho = !strings.EqualFold(v.Value, "false")
	}

	if v := value(n, "Default"); v != nil {
		d.hasDefault, d.fallback = true, plain(v.Value)
	}

	if v := value(n, "AllowedValues"); v != nil {
		for _, one := range v.Content {
			d.allowed = append(d.allowed, plain(one.Value))
		}
	}

	return d
}

// value gives the value of a key of a mapping, nil where there is none.
func value(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// deploymentFile writes the file: parameters without a default stand there to
// be filled in, the others in comments. A secret's default is not repeated.
func deploymentFile(template string, parameters []parameter) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "template-file-path: %s\n", scalar(template))
	head := "# parameters:"
	for _, d := range parameters {
		if !d.hasDefault {
			head = "parameters:"
		}
	}

	if len(parameters) > 0 {
		b.WriteString(head + "\n")
	}

	for _, d := range parameters {
		switch {
		case !d.hasDefault:
			fmt.Fprintf(&b, "  %s: \"\" # %s\n", scalar(d.name), d.explain("fill in"))
		case d.noEcho:
			fmt.Fprintf(&b, "  # %s: has a default # %s\n", scalar(d.name), d.explain("secret"))
		default:
			fmt.Fprintf(&b, "  # %s: %s # %s\n", scalar(d.name), scalar(d.fallback), d.explain("default"))
		}
	}

	b.WriteString("# tags:\n#   Team: platform\n")
	return []byte(b.String())
}

// explain is the comment behind a parameter.
func (d parameter) explain(what string) string {
	text := what
	if d.kind != "" {
		text += ": " + plain(d.kind)
	}

	if len(d.allowed) > 0 {
		text += ", one of " + strings.Join(d.allowed, ", ")
	}

	if d.description != "" {
		text += ". " + d.description
	}

	if d.noEcho && !d.hasDefault {
		text += ". A secret: whoever reads the repository would read it; better is {{resolve:ssm-secure:NAME}}"
	}

	return text
}

// scalar writes a text as a YAML value on one line.
func scalar(text string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if strings.ContainsAny(text, "\n\r") {
		n.Style = yaml.DoubleQuotedStyle
	}
	out, err := yaml.Marshal(&n)
	if err != nil {
		return fmt.Sprintf("%q", text)
	}
	return strings.TrimSuffix(string(out), "\n")
}
