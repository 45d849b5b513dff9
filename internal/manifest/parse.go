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

// MaxFile is the largest file that is read: some 100,000 configurations.
const MaxFile = 32 << 20

// Parse reads a file. Its error is a *FileError with everything that is wrong:
// an unknown key, a key or a name that is there twice, a value of a wrong type, a
// reference that leads nowhere. No value of a key that may hold a secret is in it.
func Parse(name string, text []byte) (File, error) {
	r := &parser{file: File{Name: name, Lists: map[Kind]bool{}}, shapes: wire.CodeConnections().Shapes}
	for shape, demands := range wire.Lockstep().Shapes {
		r.shapes[shape] = demands
	}

	if root := r.document(text); root != nil {
		r.lists(root)
	}

	if len(r.problems) == 0 {
		r.checkNames()
		r.checkReferences()
	}

	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return File{}, &FileError{name, r.problems}
	}

	return r.file, nil
}

// A reader goes through the nodes of a file and collects what is wrong.
type parser struct {
	file     File
	shapes   map[string]wire.Shape
	problems []Problem
}

func (r *parser) wrong(at Position, format string, args ...any) {
	r.problems = append(r.problems, Problem{at, fmt.Sprintf(format, args...)})
}

func at(n *yaml.Node) Position { return Position{n.Line, n.Column} }

// document gives the root of the one document that a file must be.
func (r *parser) document(text []byte) *yaml.Node {
	if len(text) > MaxFile {
		r.wrong(Position{}, "the file is larger than %d bytes", MaxFile)
		return nil
	}

	d := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	err := d.Decode(&root)
	switch {
	case errors.Is(err, io.EOF), err == nil && len(root.Content) == 0:
		r.wrong(Position{}, "the file is empty; `lockstep export` shows what belongs into it")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}

	if err := d.Decode(&second); err == nil {
		r.wrong(at(&second), "a second document begins here; a file holds one")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}

	return root.Content[0]
}

// syntax says where the parser stumbled, which it knows to the line.
func (r *parser) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	if _, scanned := fmt.Sscanf(text, "line %d:", &line); scanned == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	r.wrong(Position{line, 1}, "this is no YAML: %s", text)
	if line == 0 {
		r.problems[len(r.problems)-1].Position = Position{}
	}
}

// A key is one that a mapping may have.
type key struct {
	name     string
	required bool
	read     func(value *yaml.Node)
}

// mapping reads a mapping whose keys are known.
func (r *parser) mapping(n *yaml.Node, what string, keys ...key) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.wrong(at(n), "%s must be a mapping, not %s", what, describe(n))
		return
	}

	seen := r.entries(n, func(name, value *yaml.Node) {
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == name.Value })
		if i < 0 {
			r.unknown(name, what, keys)
			return
		}

		keys[i].read(resolve(value))
	})
	for _, k := range keys {
		if k.required && !seen[k.name] {
			r.wrong(at(n), "%s needs the key %s", what, k.name)
		}
	}
}

// entries goes through a mapping, each key once, and gives the keys.
func (r *parser) entries(n *yaml.Node, read func(name, value *yaml.Node)) map[string]bool {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := resolve(n.Content[i])
		switch {
		case name.Kind != yaml.ScalarNode:
			r.wrong(at(name), "a key must be a text")
		case seen[name.Value]:
			r.wrong(at(name), "the key %s is there twice", quote(name.Value))
		default:
			seen[name.Value] = true
			read(name, n.Content[i+1])
		}
	}

	return seen
}

// unknown refuses a key. What follows it may be a secret and is not shown.
func (r *parser) unknown(name *yaml.Node, what string, keys []key) {
	for _, word := range []string{"token", "password", "secret", "credential", "private"} {
		if strings.Contains(strings.ToLower(name.Value), word) {
			r.wrong(at(name), "no secret belongs into this file: remove %s, change it if it was real, and give it to the connection by "+
				"`lockstep connect NAME --token-stdin`", quote(name.Value))
			return
		}
	}

	var known []string
	for _, k := range keys {
		known = append(known, k.name)
	}

	r.wrong(at(name), "%s has no key %s; it may have %s", what, quote(name.Value), strings.Join(known, ", "))
}

// list reads a list.
func (r *parser) list(n *yaml.Node, what string, read func(element *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.wrong(at(n), "%s must be a list, not %s", what, describe(n))
		return
	}
	for _, element := range n.Content {
		read(resolve(element))
	}
}

// texts reads a list of texts of a shape.
func (r *parser) texts(name, shape string, into *[]string) key {
	return key{name: name, required: true, read: func(n *yaml.Node) {
		r.list(n, name, func(element *yaml.Node) {
			var text string
			r.scalar(element, name, r.shapes[shape].Member, &text)
			*into = append(*into, text)
		})
		if s := r.shapes[shape]; s.Bounded && (len(n.Content) < s.Min || len(n.Content) > s.Max) {
			r.wrong(at(n), "%s must have %d to %d entries", name, s.Min, s.Max)
		}
	}}
}

// text reads a text of a shape.
func (r *parser) text(name, shape string, required bool, into *string) key {
	return key{name: name, required: required, read: func(n *yaml.Node) { r.scalar(n, name, shape, into) }}
}

func (r *parser) scalar(n *yaml.Node, name, shape string, into *string) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		r.wrong(at(n), "%s must be a text, not %s", name, describe(n))
		return
	}

	s, length := r.shapes[shape], len([]rune(n.Value))
	switch {
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, n.Value):
		r.wrong(at(n), "%s must be one of %s", name, strings.Join(s.Enum, ", "))
	case s.Bounded && (length < s.Min || length > s.Max):
		r.wrong(at(n), "%s must have %d to %d characters, and has %d", name, s.Min, s.Max, length)
	case !s.Bounded && n.Value == "":
		r.wrong(at(n), "%s must not be empty", name)
	}

	*into = n.Value
}

// number reads a number of a shape.
func (r *parser) number(name, shape string, into **int) key {
	return key{name: name, read: func(n *yaml.Node) {
		value, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
			r.wrong(at(n), "%s must be a whole number, not %s", name, describe(n))
			return
		}
		if s := r.shapes[shape]; value < s.Min || value > s.Max {
			r.wrong(at(n), "%s must be %d to %d", name, s.Min, s.Max)
		}
		*into = &value
	}}
}

// tags reads a mapping of texts. A mapping without entries asks for no tags.
func (r *parser) tags(into *map[string]string) key {
	return key{name: "tags", read: func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			r.wrong(at(n), "tags must be a mapping of texts, not %s", describe(n))
			return
		}

		*into = map[string]string{}
		r.entries(n, func(name, value *yaml.Node) {
			var k, v string
			r.scalar(name, "the key of a tag", "TagKey", &k)
			r.scalar(resolve(value), "the tag "+quote(k), "TagValue", &v)
			(*into)[k] = v
		})
	}}
}

// resolve follows an alias. The depth of a file is that of its grammar, so that
// nothing grows by it.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// describe says what a node is, without its value.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case n.Tag == "!!str":
		return "a text"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "a number (put it in quotes if it is meant as a text)"
	case n.Tag == "!!bool":
		return "true or false (put it in quotes if it is meant as a text)"
	case n.Tag == "!!timestamp":
		return "a time (put it in quotes if it is meant as a text)"
	}

	return "something tagged " + quote(n.Tag)
}

// quote shows a name from a file, whatever it holds.
func quote(text string) string {
	if runes := []rune(text); len(runes) > 80 {
		text = string(runes[:80]) + "…"
	}
	return strconv.Quote(text)
}
