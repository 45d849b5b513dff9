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

// addOrder notes in which order a structure has its members.
func (f facts) addOrder(structure string, members []string) {
	if len(members) > 1 {
		f.add("order %s %s", structure, strings.Join(members, " "))
	}
}

// withoutExtension takes out what a service of ours has beyond AWS's.
func withoutExtension(t *testing.T, s wire.Service) wire.Service {
	t.Helper()
	provider := s.Shapes["ProviderType"]
	if !slices.Contains(provider.Enum, wire.ProviderGit) {
		t.Error("provider type Git is not declared")
	}
	provider.Enum = slices.DeleteFunc(provider.Enum, func(v string) bool { return v == wire.ProviderGit })
	s.Shapes["ProviderType"] = provider
	return s
}

// declared returns the facts of a service as this package declares them, and
// those that hold for all that package awsjson serves.
func declared(t *testing.T, s wire.Service) facts {
	t.Helper()
	f := facts{}
	f.add("service %s %s json 1.0 v4", s.Name, s.Prefix)
	f.add("protocols json")
	f.add("auth aws.auth#sigv4")

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
	var order []string
	for _, m := range members(t, s, typ) {
		order = append(order, m.name)
		f.add("member %s.%s %s %s", typ.Name(), m.name, m.shape, m.need)
		if m.structure != nil {
			f.addStructure(t, s, m.structure)
		}

		if m.shape != structureName(m) {
			f.addShape(s, m)
		}
	}

	f.addOrder(typ.Name(), order)
}

func (f facts) addShape(s wire.Service, m field) {
	f.add("shape %s %s%s", m.shape, m.kind, constraintsOf(s.Shapes[m.shape]))
	if m.kind != "list" {
		return
	}
	if m.structure != nil {
		f.add("list %s of %s", m.shape, m.structure.Name())
		return
	}
	element := s.Shapes[m.shape].Member
	f.add("list %s of %s", m.shape, element)
	f.add("shape %s string%s", element, constraintsOf(s.Shapes[element]))
}

func constraintsOf(s wire.Shape) string {
	if !s.Bounded {
		return constraints(nil, nil, s.Pattern, s.Enum, s.Sensitive)
	}
	return constraints(&s.Min, &s.Max, s.Pattern, s.Enum, s.Sensitive)
}

func constraints(minimum, maximum *int, pattern string, enum []string, sensitive bool) string {
	var text string
	if minimum != nil {
		text += fmt.Sprintf(" min %d", *minimum)
	}

	if maximum != nil {
		text += fmt.Sprintf(" max %d", *maximum)
	}

	if sensitive {
		text += " sensitive"
	}

	if pattern != "" {
		text += " pattern " + pattern
	}

	if len(enum) > 0 {
		text += " enum " + strings.Join(enum, " ")
	}

	return text
}

// A field is a member as its Go field declares it.
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
