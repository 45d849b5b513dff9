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

// A Model is a service as its clients see it. Lists are sorted by name, except
// members, which keep the order of their struct.
type Model struct {
	// Name is the signing name. ID is the name in clients, such as "Lockstep".
	Name, ID string
	// Version is a date, such as 2026-11-22.
	Version string
	// Prefix precedes the operation in X-Amz-Target.
	Prefix     string
	Operations []Operation
	Structures []Structure
	Exceptions []Exception
	Shapes     []Shape
}

// An Operation is an operation. Input and Output are names of structures.
type Operation struct {
	Name, Text    string
	Input, Output string
	Errors        []string
}

// A Structure is a structure. It may have no members.
type Structure struct {
	Name, Text string
	Members    []Member
}

// A Member is a member of a structure. Shape is the name of a structure or shape.
type Member struct {
	Name, Text string
	Shape      string
	Required   bool
}

// An Exception is an error of operations.
type Exception struct{ Name, Text string }

// A Kind is the type of a shape in botocore.
type Kind string

// The kinds of shapes.
const (
	String    Kind = "string"
	Integer   Kind = "integer"
	Boolean   Kind = "boolean"
	Timestamp Kind = "timestamp"
	List      Kind = "list"
)

// A Shape is a type other than a structure, with its constraints.
type Shape struct {
	wire.Shape
	Name string
	Kind Kind
	// Element is the name of the structure or shape of the elements of a list.
	Element string
	// Values are the descriptions of the values of an enumeration.
	Values map[string]string
}

// Of returns the model of a service. It returns an error if a struct breaks the
// rules of package wire.
func Of(service wire.Service) (Model, error) {
	texts, err := readDocumentation()
	if err != nil {
		return Model{}, err
	}

	id, version, err := splitPrefix(service.Prefix)
	if err != nil {
		return Model{}, err
	}

	reader := &reader{service: service, texts: texts, structures: map[string]Structure{}, shapes: map[string]Shape{}}
	model := Model{Name: service.Name, ID: id, Version: version, Prefix: service.Prefix}
	errors := map[string]Exception{}
	for _, operation := range service.Operations {
		if err := reader.structure(operation.Input); err != nil {
			return Model{}, err
		}
		if err := reader.structure(operation.Output); err != nil {
			return Model{}, err
		}

		for _, e := range operation.Errors {
			errors[e] = Exception{Name: e, Text: exceptionTexts()[e]}
		}

		model.Operations = append(model.Operations, Operation{
			Name:   operation.Name,
			Text:   texts.Operations[operation.Name],
			Input:  operation.Input.Name(),
			Output: operation.Output.Name(),
			Errors: operation.Errors,
		})
	}

	slices.SortFunc(model.Operations, func(a, b Operation) int { return cmp.Compare(a.Name, b.Name) })
	model.Structures = sortedByName(reader.structures)
	model.Exceptions = sortedByName(errors)
	model.Shapes = sortedByName(reader.shapes)
	return model, nil
}

func sortedByName[V any](named map[string]V) []V {
	all := make([]V, 0, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		all = append(all, named[name])
	}
	return all
}

// splitPrefix returns the ID and version in the last segment of a prefix, such as
// Lockstep_20261122.
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

// A reader collects the structures and shapes that operations refer to.
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
	structure := Structure{Name: t.Name(), Text: text.Text}
	r.structures[structure.Name] = structure // before its members, which may refer to it

	for i := range t.NumField() {
		field := t.Field(i)
		shape, err := r.shape(field)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name(), field.Name, err)
		}

		if shape != "" {
			structure.Members = append(structure.Members, Member{
				Name:     field.Name,
				Text:     text.Members[field.Name],
				Shape:    shape,
				Required: field.Tag.Get("json") != ",omitzero",
			})
		}
	}

	r.structures[structure.Name] = structure
	return nil
}

// shape returns the name of a field's shape, or "" if the field is not a member in
// this service.
func (r *reader) shape(field reflect.StructField) (string, error) {
	t := field.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}

	kind := kindOf(t)
	if kind == "" && t.Kind() == reflect.Struct {
		return t.Name(), r.structure(t)
	}

	name := field.Tag.Get("shape")
	demands, member := r.service.Shapes[name]
	if !member {
		return "", nil
	}

	shape := Shape{Shape: demands, Name: name, Kind: kind, Values: r.texts.Values[name]}
	switch {
	case kind == "":
		return "", fmt.Errorf("type %v is not supported by the protocol", t)
	case kind == List && t.Elem().Kind() == reflect.Struct:
		shape.Element = t.Elem().Name()
		if err := r.structure(t.Elem()); err != nil {
			return "", err
		}
	case kind == List:
		shape.Element = demands.Member
		element := Shape{Shape: r.service.Shapes[shape.Element], Name: shape.Element, Kind: kindOf(t.Elem())}
		if err := r.add(element); err != nil {
			return "", err
		}
	}

	return name, r.add(shape)
}

// add adds a shape. It returns an error if another one has its name.
func (r *reader) add(shape Shape) error {
	if had, ok := r.shapes[shape.Name]; ok && (had.Kind != shape.Kind || had.Element != shape.Element) {
		return fmt.Errorf("shape %s is both %s %s and %s %s", shape.Name, had.Kind, had.Element, shape.Kind,
			shape.Element)
	}
	if _, ok := r.structures[shape.Name]; ok {
		return fmt.Errorf("shape %s has the name of a structure", shape.Name)
	}
	r.shapes[shape.Name] = shape
	return nil
}

// kindOf returns the kind of a type, or "" for structures and unsupported types.
func kindOf(t reflect.Type) Kind {
	if t == reflect.TypeFor[wire.Time]() {
		return Timestamp
	}
	return map[reflect.Kind]Kind{
		reflect.String: String,
		reflect.Int:    Integer,
		reflect.Bool:   Boolean,
		reflect.Slice:  List,
	}[t.Kind()]
}
