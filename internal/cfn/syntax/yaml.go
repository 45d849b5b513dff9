package syntax

import (
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlReader turns a YAML document into nodes.
type yamlReader struct {
	nodes int
}

func decodeYAML(body string) (*Node, error) {
	dec := yaml.NewDecoder(strings.NewReader(body))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) { // nothing but comments
			return nil, Errorf("Template format error: unsupported structure.")
		}
		return nil, malformedYAML(err)
	}

	var more yaml.Node
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, ErrorAt(more.Line, "Template format error: a template is one YAML document")
	case !errors.Is(err, io.EOF):
		return nil, malformedYAML(err)
	}

	if len(doc.Content) != 1 {
		return nil, Errorf("Template format error: unsupported structure.")
	}

	return new(yamlReader).value(doc.Content[0], 0)
}

func malformedYAML(err error) error {
	return Errorf("Template format error: YAML not well-formed. (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
}

func (r *yamlReader) value(y *yaml.Node, depth int) (*Node, error) {
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, ErrorAt(y.Line, "Template format error: the template nests deeper than %d levels or has too many values", maxDepth)
	}
	if y.Kind == yaml.AliasNode {
		return nil, ErrorAt(y.Line, "Template error: YAML aliases are not allowed in CloudFormation templates")
	}
	if strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!") {
		return r.shortForm(y, depth)
	}
	return r.untagged(y, depth)
}

func (r *yamlReader) untagged(y *yaml.Node, depth int) (*Node, error) {
	switch y.Kind {
	case yaml.SequenceNode:
		n := &Node{Line: y.Line, Kind: List}
		for _, c := range y.Content {
			it, err := r.value(c, depth+1)
			if err != nil {
				return nil, err
			}

			n.Items = append(n.Items, it)
		}
		return n, nil

	case yaml.MappingNode:
		return r.mapping(y, depth)
	}

	return yamlScalar(y)
}

func (r *yamlReader) mapping(y *yaml.Node, depth int) (*Node, error) {
	n := &Node{Line: y.Line, Kind: Object}
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		switch {
		case k.Kind == yaml.AliasNode:
			return nil, ErrorAt(k.Line, "Template error: YAML aliases are not allowed in CloudFormation templates")
		case k.Tag == "!!merge":
			return nil, ErrorAt(k.Line, "Template error: YAML merge keys are not allowed in CloudFormation templates")
		case k.Kind != yaml.ScalarNode:
			return nil, ErrorAt(k.Line, "Template format error: a key must be a string")
		case seen[k.Value]:
			return nil, ErrorAt(k.Line, "Template format error: duplicate key %q", Clip(k.Value))
		}

		seen[k.Value] = true
		v, err := r.value(y.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}

		n.Fields = append(n.Fields, Field{Name: k.Value, Line: k.Line, Value: v})
	}

	return n, nil
}

// shortForm gives a short form its long form: !Ref X is {Ref: X}, !Sub X is
// {Fn::Sub: X}. Which functions exist is checked later, by name.
func (r *yamlReader) shortForm(y *yaml.Node, depth int) (*Node, error) {
	name := strings.TrimPrefix(y.Tag, "!")
	if name == "" { // "! text" only says that the text is a string
		return &Node{Line: y.Line, Text: y.Value}, nil
	}

	bare := *y
	bare.Tag = ""
	if bare.Kind == yaml.ScalarNode {
		bare.Style |= yaml.DoubleQuotedStyle // a tag's argument is never null
	}

	arg, err := r.untagged(&bare, depth+1)
	if err != nil {
		return nil, err
	}

	switch name {
	case "Ref", "Condition":
	case "GetAtt":
		name = "Fn::GetAtt"
		arg = splitAttribute(arg)
	default:
		name = "Fn::" + name
	}

	return &Node{Line: y.Line, Kind: Object, Fields: []Field{{Name: name, Line: y.Line, Value: arg}}}, nil
}

// splitAttribute splits A.B.C into [A, B.C], as GetAtt takes it.
func splitAttribute(n *Node) *Node {
	if n.Kind != Scalar {
		return n
	}
	id, att, ok := strings.Cut(n.Text, ".")
	out := &Node{Line: n.Line, Kind: List, Items: []*Node{{Line: n.Line, Text: id}}}
	if ok {
		out.Items = append(out.Items, &Node{Line: n.Line, Text: att})
	}
	return out
}

// yamlScalar reads a scalar as YAML 1.1 does, which CloudFormation follows:
// yes and on are booleans. All but null become strings.
func yamlScalar(y *yaml.Node) (*Node, error) {
	n := &Node{Line: y.Line, Text: y.Value}
	quoted := y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	switch y.Tag {
	case "!!binary", "!!set", "!!omap", "!!pairs":
		return nil, ErrorAt(y.Line, "Template format error: the YAML tag %s is not supported", y.Tag)
	}

	if quoted || y.Style&yaml.TaggedStyle != 0 && y.Tag == "!!str" {
		return n, nil
	}

	if y.Tag == "!!null" {
		n.Kind = Null
		return n, nil
	}

	switch y.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		n.Text = "true"
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		n.Text = "false"
	}

	return n, nil
}
