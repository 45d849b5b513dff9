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

// A Shape says what a value must satisfy. Nothing is demanded by what is zero.
type Shape struct {
	// Bounded says that Min and Max hold, both inclusive: of a string's length
	// in characters, of a list's length, or of an integer's value.
	Bounded  bool
	Min, Max int
	// Pattern is in Java's syntax, and the whole value must match.
	Pattern string
	Enum    []string
	// Member names the shape of a list's elements when they are no structures.
	Member string
	// Sensitive values are never repeated in a message.
	Sensitive bool
}

type kind int

const (
	text kind = iota
	integer
	boolean
	custom // speaks JSON itself, through encoding/json's interfaces
	structureKind
	textList
	structureList
)

// A structure is what is known of a Go struct in one service.
type structure struct {
	name    string
	members []member
}

type member struct {
	field    int
	name     string
	label    string // as messages spell it: the first letter small
	key      []byte // as an answer spells it: "Name":
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

// A planner makes structures, each type once.
type planner struct {
	shapes     map[string]Shape
	structures map[reflect.Type]*structure
	rules      map[string]rule
}

func newPlanner(shapes map[string]Shape) *planner {
	return &planner{shapes: shapes, structures: map[reflect.Type]*structure{}, rules: map[string]rule{}}
}

func (p *planner) structure(t reflect.Type) (*structure, error) {
	if s, ok := p.structures[t]; ok {
		return s, nil
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%v is not a struct", t)
	}

	s := &structure{name: t.Name()}
	p.structures[t] = s
	for i := range t.NumField() {
		m, ok, err := p.member(t.Field(i), i)
		if err != nil {
			delete(p.structures, t)
			return nil, fmt.Errorf("%s.%s: %w", t.Name(), t.Field(i).Name, err)
		}

		if ok {
			s.members = append(s.members, m)
		}
	}

	return s, nil
}

// member reports false for a field that is no member of this service.
func (p *planner) member(f reflect.StructField, i int) (member, bool, error) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return member{}, false, nil
	}

	if name == "" {
		name = f.Name
	}

	m := member{field: i, name: name, label: lowerFirst(name), key: append(appendText(nil, name), ':')}
	m.required = options != "omitzero"
	t := f.Type
	if t.Kind() == reflect.Pointer {
		m.pointer, t = true, t.Elem()
	}

	var err error
	if m.kind, err = kindOf(t); err != nil {
		return member{}, false, err
	}

	if m.kind != structureKind {
		shape, ok := p.shapes[f.Tag.Get("shape")]
		if !ok {
			return member{}, false, nil
		}

		if m.rule, err = p.rule(f.Tag.Get("shape")); err == nil && m.kind == textList {
			m.element, err = p.rule(shape.Member)
		}
	}

	if err == nil && m.kind == structureList {
		m.of, err = p.structure(t.Elem())
	} else if err == nil && m.kind == structureKind {
		m.of, err = p.structure(t)
	}

	return m, true, err
}

func (p *planner) rule(shape string) (rule, error) {
	if r, ok := p.rules[shape]; ok {
		return r, nil
	}

	s, ok := p.shapes[shape]
	if !ok {
		return rule{}, fmt.Errorf("shape %q is not declared", shape)
	}

	r := rule{Shape: s}
	if s.Pattern != "" {
		var err error
		if r.re, err = compile(s.Pattern); err != nil {
			return rule{}, err
		}
	}

	p.rules[shape] = r
	return r, nil
}

func kindOf(t reflect.Type) (kind, error) {
	pointer := reflect.PointerTo(t)
	switch {
	case pointer.Implements(reflect.TypeFor[json.Marshaler]()) && pointer.Implements(reflect.TypeFor[json.Unmarshaler]()):
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

	return 0, fmt.Errorf("type %v has no place in the protocol", t)
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}
