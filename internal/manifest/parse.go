package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep/internal/wire"
)

// MaxFile is the size limit of a manifest in bytes: some 100,000 configurations.
const MaxFile = 32 << 20

// Parse parses a manifest. Its error is a *FileError with all problems: unknown and
// repeated keys, repeated names, values of a wrong type, and references to nothing.
// It never shows the value of a key that may hold a secret.
func Parse(name string, text []byte) (File, error) {
	p := &parser{
		file:   File{Name: name, Lists: map[Kind]bool{}},
		shapes: wire.CodeConnections().Shapes,
	}
	for name, shape := range wire.Lockstep().Shapes {
		p.shapes[name] = shape
	}

	if root := p.document(text); root != nil {
		p.lists(root)
	}

	if len(p.problems) == 0 {
		p.checkNames()
		p.checkReferences()
	}

	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return File{}, &FileError{name, p.problems}
	}

	return p.file, nil
}

// A parser parses the nodes of a file and collects problems. Values must satisfy
// the constraints of the API's shapes.
type parser struct {
	file     File
	shapes   map[string]wire.Shape
	problems []Problem
}

func (p *parser) problem(at Position, format string, args ...any) {
	p.problems = append(p.problems, Problem{at, fmt.Sprintf(format, args...)})
}

func positionOf(node *yaml.Node) Position { return Position{node.Line, node.Column} }

// document returns the root of the file, which must be one YAML document.
func (p *parser) document(text []byte) *yaml.Node {
	if len(text) > MaxFile {
		p.problem(Position{}, "the file is larger than %d bytes", MaxFile)
		return nil
	}

	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	err := decoder.Decode(&root)
	switch {
	case errors.Is(err, io.EOF), err == nil && len(root.Content) == 0:
		p.problem(Position{}, "the file is empty; `lockstep export` writes an example")
		return nil
	case err != nil:
		p.syntaxError(err)
		return nil
	}

	if err := decoder.Decode(&second); err == nil {
		p.problem(positionOf(&second), "a file must have only one document")
	} else if !errors.Is(err, io.EOF) {
		p.syntaxError(err)
	}

	return root.Content[0]
}

// syntaxError reports an error of the YAML decoder, whose text may have a line.
func (p *parser) syntaxError(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var position Position
	if _, scanErr := fmt.Sscanf(text, "line %d:", &position.Line); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
		position.Column = 1
	}
	p.problem(position, "not valid YAML: %s", text)
}

// A key is a key that a mapping may have.
type key struct {
	name     string
	required bool
	read     func(value *yaml.Node)
}

// mapping parses a mapping with known keys.
func (p *parser) mapping(node *yaml.Node, what string, keys ...key) {
	node = resolve(node)
	if node.Kind != yaml.MappingNode {
		p.problem(positionOf(node), "%s must be a mapping, not %s", what, describe(node))
		return
	}

	found := p.entries(node, func(name, value *yaml.Node) {
		i := slices.IndexFunc(keys, func(key key) bool { return key.name == name.Value })
		if i < 0 {
			p.unknownKey(name, what, keys)
			return
		}

		keys[i].read(resolve(value))
	})
	for _, key := range keys {
		if key.required && !found[key.name] {
			p.problem(positionOf(node), "%s needs the key %s", what, key.name)
		}
	}
}

// entries calls read for each entry of a mapping, and returns the set of its keys.
func (p *parser) entries(node *yaml.Node, read func(name, value *yaml.Node)) map[string]bool {
	found := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name := resolve(node.Content[i])
		switch {
		case name.Kind != yaml.ScalarNode:
			p.problem(positionOf(name), "a key must be text")
		case found[name.Value]:
			p.problem(positionOf(name), "the key %s is repeated", quote(name.Value))
		default:
			found[name.Value] = true
			read(name, node.Content[i+1])
		}
	}

	return found
}

// unknownKey reports an unknown key. Its value may be a secret and is not shown.
func (p *parser) unknownKey(name *yaml.Node, what string, keys []key) {
	for _, word := range []string{"token", "password", "secret", "credential", "private"} {
		if strings.Contains(strings.ToLower(name.Value), word) {
			p.problem(positionOf(name), "a manifest must not contain secrets: remove %s, change the secret if it "+
				"was real, and give it to the connection with `lockstep connect NAME --token-stdin`", quote(name.Value))
			return
		}
	}

	var known []string
	for _, key := range keys {
		known = append(known, key.name)
	}

	p.problem(positionOf(name), "%s has no key %s; its keys are %s", what, quote(name.Value), strings.Join(known, ", "))
}

// list parses a list.
func (p *parser) list(node *yaml.Node, what string, read func(element *yaml.Node)) {
	if node.Kind != yaml.SequenceNode {
		p.problem(positionOf(node), "%s must be a list, not %s", what, describe(node))
		return
	}
	for _, element := range node.Content {
		read(resolve(element))
	}
}

// texts returns a key whose value is a list of texts of a shape.
func (p *parser) texts(name, shape string, into *[]string) key {
	return key{name: name, required: true, read: func(node *yaml.Node) {
		p.list(node, name, func(element *yaml.Node) {
			var text string
			p.scalar(element, name, p.shapes[shape].Member, &text)
			*into = append(*into, text)
		})

		bounds, length := p.shapes[shape], len(node.Content)
		if bounds.Bounded && (length < bounds.Min || length > bounds.Max) {
			p.problem(positionOf(node), "%s must have %d to %d entries", name, bounds.Min, bounds.Max)
		}
	}}
}

// text returns a key whose value is text of a shape.
func (p *parser) text(name, shape string, required bool, into *string) key {
	return key{name: name, required: required, read: func(node *yaml.Node) { p.scalar(node, name, shape, into) }}
}

// scalar parses text of a shape.
func (p *parser) scalar(node *yaml.Node, name, shapeName string, into *string) {
	if node.Kind != yaml.ScalarNode || node.Tag != "!!str" {
		p.problem(positionOf(node), "%s must be text, not %s", name, describe(node))
		return
	}

	shape, length := p.shapes[shapeName], len([]rune(node.Value))
	switch {
	case len(shape.Enum) > 0 && !slices.Contains(shape.Enum, node.Value):
		p.problem(positionOf(node), "%s must be one of %s", name, strings.Join(shape.Enum, ", "))
	case shape.Bounded && (length < shape.Min || length > shape.Max):
		p.problem(positionOf(node), "%s must have %d to %d characters, not %d", name, shape.Min, shape.Max, length)
	case !shape.Bounded && node.Value == "":
		p.problem(positionOf(node), "%s must not be empty", name)
	}

	*into = node.Value
}

// number returns a key whose value is a number of a shape.
func (p *parser) number(name, shape string, into **int) key {
	return key{name: name, read: func(node *yaml.Node) {
		value, err := strconv.Atoi(node.Value)
		if node.Kind != yaml.ScalarNode || node.Tag != "!!int" || err != nil {
			p.problem(positionOf(node), "%s must be a whole number, not %s", name, describe(node))
			return
		}
		if bounds := p.shapes[shape]; value < bounds.Min || value > bounds.Max {
			p.problem(positionOf(node), "%s must be %d to %d", name, bounds.Min, bounds.Max)
		}
		*into = &value
	}}
}

// tags returns the key tags. An empty mapping removes all tags.
func (p *parser) tags(into *map[string]string) key {
	return key{name: "tags", read: func(node *yaml.Node) {
		if node.Kind != yaml.MappingNode {
			p.problem(positionOf(node), "tags must be a mapping of texts, not %s", describe(node))
			return
		}

		*into = map[string]string{}
		p.entries(node, func(name, value *yaml.Node) {
			var tagKey, tagValue string
			p.scalar(name, "the key of a tag", "TagKey", &tagKey)
			p.scalar(resolve(value), "the tag "+quote(tagKey), "TagValue", &tagValue)
			(*into)[tagKey] = tagValue
		})
	}}
}

// resolve follows an alias. Aliases cannot multiply the work, since the depth of a
// file is that of its schema.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// describe returns what a node is, without its value.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Tag == "!!null":
		return "null"
	case node.Tag == "!!str":
		return "text"
	case node.Tag == "!!int" || node.Tag == "!!float":
		return "a number (quote it to make it text)"
	case node.Tag == "!!bool":
		return "true or false (quote it to make it text)"
	case node.Tag == "!!timestamp":
		return "a time (quote it to make it text)"
	}

	return "a value with the tag " + quote(node.Tag)
}

// quote returns a name of a file in quotes, with escapes, shortened if it is long.
func quote(text string) string {
	if runes := []rune(text); len(runes) > 80 {
		text = string(runes[:80]) + "…"
	}
	return strconv.Quote(text)
}
