package awsjson

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Shape is the constraints of a value. Zero fields do not constrain.
type Shape struct {
	// Bounded reports whether Min and Max apply, both inclusive: to a string's
	// length in characters, a list's length, or an integer's value.
	Bounded  bool
	Min, Max int
	// Pattern is a regular expression in Java's syntax. The whole value must match.
	Pattern string
	Enum    []string
	// Member is the shape of a list's elements, unless they are structures.
	Member string
	// Sensitive values are not repeated in messages.
	Sensitive bool
}

type kind int

const (
	text kind = iota
	integer
	boolean
	custom // implements encoding/json's interfaces
	structureKind
	textList
	structureList
)

// A structure is the members of a Go struct in one service.
type structure struct {
	name    string
	members []member
}

type member struct {
	field    int
	name     string
	label    string // in messages: with a lower-case first letter
	key      []byte // in outputs: "Name":
	kind     kind
	required bool
	pointer  bool
	rule     rule
	element  rule       // of a textList
	of       *structure // of a structureKind or structureList
}

// A rule is a Shape with its pattern compiled.
type rule struct {
	Shape
	re *regexp.Regexp
}

// A compiler makes structures of Go types, each once.
type compiler struct {
	shapes     map[string]Shape
	structures map[reflect.Type]*structure
	rules      map[string]rule
}

func newCompiler(shapes map[string]Shape) *compiler {
	return &compiler{shapes: shapes, structures: map[reflect.Type]*structure{}, rules: map[string]rule{}}
}

func (p *compiler) structure(t reflect.Type) (*structure, error) {
	if described, ok := p.structures[t]; ok {
		return described, nil
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%v is not a struct", t)
	}

	described := &structure{name: t.Name()}
	p.structures[t] = described
	for i := range t.NumField() {
		found, ok, err := p.member(t.Field(i), i)
		if err != nil {
			delete(p.structures, t)
			return nil, fmt.Errorf("%s.%s: %w", t.Name(), t.Field(i).Name, err)
		}

		if ok {
			described.members = append(described.members, found)
		}
	}

	return described, nil
}

// member returns the member of a field. It reports false if the field is not a
// member of the service.
func (p *compiler) member(field reflect.StructField, i int) (member, bool, error) {
	name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "-" || !field.IsExported() {
		return member{}, false, nil
	}

	if name == "" {
		name = field.Name
	}

	described := member{field: i, name: name, label: lowerFirst(name), key: append(appendText(nil, name), ':')}
	described.required = options != "omitzero"
	t := field.Type
	if t.Kind() == reflect.Pointer {
		described.pointer, t = true, t.Elem()
	}

	var err error
	if described.kind, err = kindOf(t); err != nil {
		return member{}, false, err
	}

	if described.kind != structureKind {
		shape, ok := p.shapes[field.Tag.Get("shape")]
		if !ok {
			return member{}, false, nil
		}

		if described.rule, err = p.rule(field.Tag.Get("shape")); err == nil && described.kind == textList {
			described.element, err = p.rule(shape.Member)
		}
	}

	if err == nil && described.kind == structureList {
		described.of, err = p.structure(t.Elem())
	} else if err == nil && described.kind == structureKind {
		described.of, err = p.structure(t)
	}

	return described, true, err
}

func (p *compiler) rule(name string) (rule, error) {
	if compiled, ok := p.rules[name]; ok {
		return compiled, nil
	}

	shape, ok := p.shapes[name]
	if !ok {
		return rule{}, fmt.Errorf("shape %q is not declared", name)
	}

	compiled := rule{Shape: shape}
	if shape.Pattern != "" {
		var err error
		if compiled.re, err = compile(shape.Pattern); err != nil {
			return rule{}, err
		}
	}

	p.rules[name] = compiled
	return compiled, nil
}

func kindOf(t reflect.Type) (kind, error) {
	pointer := reflect.PointerTo(t)
	switch {
	case pointer.Implements(reflect.TypeFor[json.Marshaler]()) &&
		pointer.Implements(reflect.TypeFor[json.Unmarshaler]()):
		return custom, nil
	case t.Kind() == reflect.String:
		return text, nil
	case t.Kind() == reflect.Int:
		return integer, nil
	case t.Kind() == reflect.Bool:
		return boolean, nil
	case t.Kind() == reflect.Struct:
		return structureKind, nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		return textList, nil
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return structureList, nil
	}

	return 0, fmt.Errorf("type %v is not supported by the protocol", t)
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
