package template

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

func decodeYAML(body string) (*node, error) {
	dec := yaml.NewDecoder(strings.NewReader(body))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) { // nothing but comments
			return nil, errorf("Template format error: unsupported structure.")
		}
		return nil, malformedYAML(err)
	}

	var more yaml.Node
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, faultf(more.Line, "Template format error: a template is one YAML document")
	case !errors.Is(err, io.EOF):
		return nil, malformedYAML(err)
	}

	if len(doc.Content) != 1 {
		return nil, errorf("Template format error: unsupported structure.")
	}

	return new(yamlReader).value(doc.Content[0], 0)
}

func malformedYAML(err error) error {
	return errorf("Template format error: YAML not well-formed. (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
}

func (r *yamlReader) value(y *yaml.Node, depth int) (*node, error) {
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return nil, faultf(y.Line, "Template format error: the template nests deeper than %d levels or has too many values", maxDepth)
	}
	if y.Kind == yaml.AliasNode {
		return nil, faultf(y.Line, "Template error: YAML aliases are not allowed in CloudFormation templates")
	}
	if strings.HasPrefix(y.Tag, "!") && !strings.HasPrefix(y.Tag, "!!") {
		return r.tagged(y, depth)
	}
	return r.untagged(y, depth)
}

func (r *yamlReader) untagged(y *yaml.Node, depth int) (*node, error) {
	switch y.Kind {
	case yaml.SequenceNode:
		n := &node{line: y.Line, kind: list}
		for _, c := range y.Content {
			it, err := r.value(c, depth+1)
			if err != nil {
				return nil, err
			}

			n.items = append(n.items, it)
		}
		return n, nil

	case yaml.MappingNode:
		return r.mapping(y, depth)
	}

	return yamlScalar(y)
}

func (r *yamlReader) mapping(y *yaml.Node, depth int) (*node, error) {
	n := &node{line: y.Line, kind: object}
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		switch {
		case k.Kind == yaml.AliasNode:
			return nil, faultf(k.Line, "Template error: YAML aliases are not allowed in CloudFormation templates")
		case k.Tag == "!!merge":
			return nil, faultf(k.Line, "Template error: YAML merge keys are not allowed in CloudFormation templates")
		case k.Kind != yaml.ScalarNode:
			return nil, faultf(k.Line, "Template format error: a key must be a string")
		case seen[k.Value]:
			return nil, faultf(k.Line, "Template format error: duplicate key %q", clip(k.Value))
		}

		seen[k.Value] = true
		v, err := r.value(y.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}

		n.fields = append(n.fields, field{name: k.Value, line: k.Line, value: v})
	}

	return n, nil
}

// tagged gives a short form its long form: !Ref X is {Ref: X}, !Sub X is
// {Fn::Sub: X}. Which functions exist is checked later, by name.
func (r *yamlReader) tagged(y *yaml.Node, depth int) (*node, error) {
	name := strings.TrimPrefix(y.Tag, "!")
	if name == "" { // "! text" only says that the text is a string
		return &node{line: y.Line, text: y.Value}, nil
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
		arg = dotted(arg)
	default:
		name = "Fn::" + name
	}

	return &node{line: y.Line, kind: object, fields: []field{{name: name, line: y.Line, value: arg}}}, nil
}

// dotted splits A.B.C into [A, B.C], as GetAtt takes it.
func dotted(n *node) *node {
	if n.kind != scalar {
		return n
	}
	id, att, ok := strings.Cut(n.text, ".")
	out := &node{line: n.line, kind: list, items: []*node{{line: n.line, text: id}}}
	if ok {
		out.items = append(out.items, &node{line: n.line, text: att})
	}
	return out
}

// yamlScalar reads a scalar as YAML 1.1 does, which CloudFormation follows:
// yes and on are booleans. All but null become strings.
func yamlScalar(y *yaml.Node) (*node, error) {
	n := &node{line: y.Line, text: y.Value}
	quoted := y.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	switch y.Tag {
	case "!!binary", "!!set", "!!omap", "!!pairs":
		return nil, faultf(y.Line, "Template format error: the YAML tag %s is not supported", y.Tag)
	}

	if quoted || y.Style&yaml.TaggedStyle != 0 && y.Tag == "!!str" {
		return n, nil
	}

	if y.Tag == "!!null" {
		n.kind = null
		return n, nil
	}

	switch y.Value {
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON":
		n.text = "true"
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF":
		n.text = "false"
	}

	return n, nil
}
