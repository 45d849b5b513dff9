package wire_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/wire"
)

// Facts are one line for each thing that a client can observe of a model:
// sorted, so that two sets of them can be compared as text.
type facts map[string]bool

func (f facts) add(format string, args ...any) { f[fmt.Sprintf(format, args...)] = true }

func (f facts) String() string {
	lines := make([]string, 0, len(f))
	for line := range f {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// declared returns the facts of a service as this package declares them, with
// the one extension taken out.
func declared(t *testing.T, s wire.Service) facts {
	t.Helper()
	provider := s.Shapes["ProviderType"]
	if !slices.Contains(provider.Enum, wire.ProviderGit) {
		t.Error("provider type Git is not declared")
	}
	provider.Enum = slices.DeleteFunc(provider.Enum, func(v string) bool { return v == wire.ProviderGit })
	s.Shapes["ProviderType"] = provider

	f := facts{}
	f.add("service %s %s json 1.0", s.Name, s.Prefix)
	for _, op := range s.Operations {
		f.add("operation %s POST / %s %s %s", op.Name, op.Input.Name(), op.Output.Name(), strings.Join(op.Errors, " "))
		f.addStructure(t, s, op.Input)
		f.addStructure(t, s, op.Output)
		for _, e := range op.Errors {
			f.add("structure %s exception", e)
			f.add("member %s.Message ErrorMessage optional", e)
		}
	}
	f.add("shape ErrorMessage string max %d", wire.MessageLimit)
	return f
}

func (f facts) addStructure(t *testing.T, s wire.Service, typ reflect.Type) {
	f.add("structure %s", typ.Name())
	for _, m := range members(t, s, typ) {
		f.add("member %s.%s %s %s", typ.Name(), m.name, m.shape, m.need)
		if m.structure != nil {
			f.addStructure(t, s, m.structure)
		}
		if m.shape != structureName(m) {
			f.addShape(s, m)
		}
	}
}

func (f facts) addShape(s wire.Service, m field) {
	shape := s.Shapes[m.shape]
	f.add("shape %s %s%s", m.shape, m.kind, constraints(shape.Bounded, shape.Min, shape.Max, shape.Pattern, shape.Enum))
	if m.kind != "list" {
		return
	}
	if m.structure != nil {
		f.add("list %s of %s", m.shape, m.structure.Name())
		return
	}
	f.add("list %s of %s", m.shape, shape.Member)
	element := s.Shapes[shape.Member]
	f.add("shape %s string%s", shape.Member, constraints(element.Bounded, element.Min, element.Max, element.Pattern, element.Enum))
}

func constraints(bounded bool, minimum, maximum int, pattern string, enum []string) string {
	var text string
	if bounded {
		text += fmt.Sprintf(" min %d max %d", minimum, maximum)
	}
	if pattern != "" {
		text += " pattern " + pattern
	}
	if len(enum) > 0 {
		text += " enum " + strings.Join(enum, " ")
	}
	return text
}

// A field is a member as its Go field tells it.
type field struct {
	name, shape, kind, need string
	structure               reflect.Type // of the member, or of a list's elements
}

func structureName(m field) string {
	if m.structure == nil || m.kind == "list" {
		return ""
	}
	return m.structure.Name()
}

// members returns the fields of typ that are members in s.
func members(t *testing.T, s wire.Service, typ reflect.Type) []field {
	t.Helper()
	var all []field
	for i := range typ.NumField() {
		f := typ.Field(i)
		m := field{name: f.Name, shape: f.Tag.Get("shape"), need: "required"}
		switch tag := f.Tag.Get("json"); tag {
		case ",omitzero":
			m.need = "optional"
		case "":
		default:
			t.Errorf("%s.%s: json tag %q", typ.Name(), f.Name, tag)
		}
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		switch {
		case ft == reflect.TypeFor[wire.Time]():
			m.kind = "timestamp"
		case ft.Kind() == reflect.Slice:
			m.kind = "list"
			if ft.Elem().Kind() == reflect.Struct {
				m.structure = ft.Elem()
			}
		case ft.Kind() == reflect.Struct:
			m.kind, m.structure, m.shape = "structure", ft, ft.Name()
		default:
			m.kind = map[reflect.Kind]string{reflect.String: "string", reflect.Int: "integer", reflect.Bool: "boolean"}[ft.Kind()]
		}
		if _, ok := s.Shapes[m.shape]; ok || m.kind == "structure" {
			all = append(all, m)
		}
	}
	return all
}
