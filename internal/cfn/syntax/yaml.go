package syntax

import (
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A yamlReader converts a YAML document to nodes.
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

func (r *yamlReader) value(source *yaml.Node, depth int) (*Node, error) {
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, ErrorAt(source.Line, "Template format error: the template nests deeper than %d levels or has too "+
			"many values", maxDepth)
	}
	if source.Kind == yaml.AliasNode {
		return nil, ErrorAt(source.Line, "Template error: YAML aliases are not allowed in CloudFormation templates")
	}
	if strings.HasPrefix(source.Tag, "!") && !strings.HasPrefix(source.Tag, "!!") {
		return r.shortForm(source, depth)
	}
	return r.untagged(source, depth)
}

func (r *yamlReader) untagged(source *yaml.Node, depth int) (*Node, error) {
	switch source.Kind {
	case yaml.SequenceNode:
		list := &Node{Line: source.Line, Kind: List}
		for _, c := range source.Content {
			item, err := r.value(c, depth+1)
			if err != nil {
				return nil, err
			}

			list.Items = append(list.Items, item)
		}
		return list, nil

	case yaml.MappingNode:
		return r.mapping(source, depth)
	}

	return yamlScalar(source)
}

func (r *yamlReader) mapping(source *yaml.Node, depth int) (*Node, error) {
	object := &Node{Line: source.Line, Kind: Object}
	at := map[string]int{}
	for i := 0; i+1 < len(source.Content); i += 2 {
		key := source.Content[i]
		switch {
		case key.Kind == yaml.AliasNode:
			return nil, ErrorAt(key.Line, "Template error: YAML aliases are not allowed in CloudFormation templates")
		case key.Tag == "!!merge":
			return nil, ErrorAt(key.Line, "Template error: YAML merge keys are not allowed in CloudFormation templates")
		case key.Kind != yaml.ScalarNode:
			return nil, ErrorAt(key.Line, "Template format error: a key must be a string")
		}

		value, err := r.value(source.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}

		object.setField(Field{Name: key.Value, Line: key.Line, Value: value}, at)
	}

	return object, nil
}

// shortForm converts a short form to its long form: !Ref X to {Ref: X}, !Sub X to
// {Fn::Sub: X}. The names of functions are checked later.
func (r *yamlReader) shortForm(source *yaml.Node, depth int) (*Node, error) {
	name := strings.TrimPrefix(source.Tag, "!")
	if name == "" { // "! text" is a string
		return &Node{Line: source.Line, Text: source.Value}, nil
	}

	bare := *source
	bare.Tag = ""
	if bare.Kind == yaml.ScalarNode {
		bare.Style |= yaml.DoubleQuotedStyle // the argument of a tag is never null
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

	return &Node{Line: source.Line, Kind: Object, Fields: []Field{{Name: name, Line: source.Line, Value: arg}}}, nil
}

// splitAttribute splits A.B.C into [A, B.C], the arguments of GetAtt.
func splitAttribute(node *Node) *Node {
	if node.Kind != Scalar {
		return node
	}
	id, att, ok := strings.Cut(node.Text, ".")
	out := &Node{Line: node.Line, Kind: List, Items: []*Node{{Line: node.Line, Text: id}}}
	if ok {
		out.Items = append(out.Items, &Node{Line: node.Line, Text: att})
	}
	return out
}

// yamlScalar reads a scalar as YAML 1.1, as CloudFormation does: yes and on are
// booleans. Everything except null becomes a string.
func yamlScalar(source *yaml.Node) (*Node, error) {
	node := &Node{Line: source.Line, Text: source.Value}
	quoted := source.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	switch source.Tag {
	case "!!binary", "!!set", "!!omap", "!!pairs":
		return nil, ErrorAt(source.Line, "Template format error: the YAML tag %s is not supported", source.Tag)
	}

	if quoted || source.Style&yaml.TaggedStyle != 0 && source.Tag == "!!str" {
		return node, nil
	}

	if source.Tag == "!!null" {
		node.Kind = Null
		return node, nil
	}

	switch source.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		node.Text = "true"
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		node.Text = "false"
	}

	return node, nil
}
