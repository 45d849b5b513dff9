package model

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/lockstephq/lockstep/internal/wire"
)

// A Model is a service as its clients see it. All lists are in order of name but
// members, which are in the service's order.
type Model struct {
	// Name is in credential scopes, ID in the names of clients, as "Lockstep".
	Name, ID string
	// Version is a date, 2026-11-22.
	Version string
	// Prefix stands before the operation in X-Amz-Target.
	Prefix     string
	Operations []Operation
	Structures []Structure
	Exceptions []Exception
	Shapes     []Shape
}

// An Operation is one call. Input and Output name structures.
type Operation struct {
	Name, Text    string
	Input, Output string
	Errors        []string
}

// A Structure has members. None may be there: an answer may be empty.
type Structure struct {
	Name, Text string
	Members    []Member
}

// A Member is a field of a structure. Shape names a structure or a shape.
type Member struct {
	Name, Text string
	Shape      string
	Required   bool
}

// An Exception is an error that operations declare.
type Exception struct{ Name, Text string }

// A Kind is what a shape that is no structure is, in botocore's word.
type Kind string

// The kinds of shapes.
const (
	String    Kind = "string"
	Integer   Kind = "integer"
	Boolean   Kind = "boolean"
	Timestamp Kind = "timestamp"
	List      Kind = "list"
)

// A Shape is a type that is no structure, with what it demands.
type Shape struct {
	wire.Shape
	Name string
	Kind Kind
	// Element names the structure or shape that a list is of.
	Element string
	// Values says of each value of an enumeration what it means, where that is
	// written down.
	Values map[string]string
}

// Of describes a service. It fails where a struct breaks the rules of package
// wire.
func Of(s wire.Service) (Model, error) {
	texts, err := readDocumentation()
	if err != nil {
		return Model{}, err
	}

	id, version, err := splitPrefix(s.Prefix)
	if err != nil {
		return Model{}, err
	}

	r := &reader{service: s, texts: texts, structures: map[string]Structure{}, shapes: map[string]Shape{}}
	m := Model{Name: s.Name, ID: id, Version: version, Prefix: s.Prefix}
	errors := map[string]Exception{}
	for _, op := range s.Operations {
		if err := r.structure(op.Input); err != nil {
			return Model{}, err
		}
		if err := r.structure(op.Output); err != nil {
			return Model{}, err
		}

		for _, e := range op.Errors {
			errors[e] = Exception{Name: e, Text: exceptionTexts()[e]}
		}

		m.Operations = append(m.Operations, Operation{Name: op.Name, Text: texts.Operations[op.Name],
			Input: op.Input.Name(), Output: op.Output.Name(), Errors: op.Errors})
	}

	slices.SortFunc(m.Operations, func(a, b Operation) int { return cmp.Compare(a.Name, b.Name) })
	m.Structures, m.Exceptions, m.Shapes = inOrder(r.structures), inOrder(errors), inOrder(r.shapes)
	return m, nil
}

func inOrder[V any](named map[string]V) []V {
	all := make([]V, 0, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		all = append(all, named[name])
	}
	return all
}

// splitPrefix takes the name and the version out of the last segment of a
// prefix, such as Lockstep_20261122.
func splitPrefix(prefix string) (id, version string, err error) {
	last := prefix[strings.LastIndexByte(prefix, '.')+1:]
	i := max(strings.LastIndexByte(last, '_'), 0)
	id, date := last[:i], strings.TrimPrefix(last[i:], "_")
	day, err := time.Parse("20060102", date)
	if err != nil {
		return "", "", fmt.Errorf("prefix %q does not end in a date: %w", prefix, err)
	}
	return id, day.Format(time.DateOnly), nil
}

// A reader collects what is reached from the operations, each thing once.
type reader struct {
	service    wire.Service
	texts      documentation
	structures map[string]Structure
	shapes     map[string]Shape
}

func (r *reader) structure(t reflect.Type) error {
	if _, done := r.structures[t.Name()]; done {
		return nil
	}

	text := r.texts.Structures[t.Name()]
	s := Structure{Name: t.Name(), Text: text.Text}
	r.structures[s.Name] = s // before its members, of which one may be of its kind

	for i := range t.NumField() {
		f := t.Field(i)
		shape, err := r.shape(f)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name(), f.Name, err)
		}

		if shape != "" {
			s.Members = append(s.Members, Member{Name: f.Name, Text: text.Members[f.Name], Shape: shape,
				Required: f.Tag.Get("json") != ",omitzero"})
		}
	}

	r.structures[s.Name] = s
	return nil
}

// shape gives the name of a field's shape, "" where the field is no member of
// this service.
func (r *reader) shape(f reflect.StructField) (string, error) {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}

	kind := kindOf(t)
	if kind == "" && t.Kind() == reflect.Struct {
		return t.Name(), r.structure(t)
	}

	name := f.Tag.Get("shape")
	demands, member := r.service.Shapes[name]
	if !member {
		return "", nil
	}

	s := Shape{Shape: demands, Name: name, Kind: kind, Values: r.texts.Values[name]}
	switch {
	case kind == "":
		return "", fmt.Errorf("type %v has no place in the protocol", t)
	case kind == List && t.Elem().Kind() == reflect.Struct:
		s.Element = t.Elem().Name()
		if err := r.structure(t.Elem()); err != nil {
			return "", err
		}
	case kind == List:
		s.Element = demands.Member
		if err := r.add(Shape{Shape: r.service.Shapes[s.Element], Name: s.Element, Kind: kindOf(t.Elem())}); err != nil {
			return "", err
		}
	}

	return name, r.add(s)
}

// add refuses a name that stands for two things.
func (r *reader) add(s Shape) error {
	if had, ok := r.shapes[s.Name]; ok && (had.Kind != s.Kind || had.Element != s.Element) {
		return fmt.Errorf("shape %s is both %s %s and %s %s", s.Name, had.Kind, had.Element, s.Kind, s.Element)
	}
	if _, ok := r.structures[s.Name]; ok {
		return fmt.Errorf("shape %s has the name of a structure", s.Name)
	}
	r.shapes[s.Name] = s
	return nil
}

// kindOf gives "" for a structure and for what has no place.
func kindOf(t reflect.Type) Kind {
	if t == reflect.TypeFor[wire.Time]() {
		return Timestamp
	}
	return map[reflect.Kind]Kind{reflect.String: String, reflect.Int: Integer, reflect.Bool: Boolean, reflect.Slice: List}[t.Kind()]
}
