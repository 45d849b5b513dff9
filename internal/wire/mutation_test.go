package wire_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/wire"
)

// everything is a model that says one of each thing that a model can say.
const everything = `{
	"metadata": {
		"targetPrefix": "com.amazonaws.shelf.Shelf_20200101", "protocol": "json", "jsonVersion": "1.0", "signingName": "shelf",
		"signatureVersion": "v4", "protocols": ["json"], "auth": ["aws.auth#sigv4"]
	},
	"operations": {
		"PutBook": {
			"name": "PutBook", "http": {"method": "POST", "requestUri": "/"},
			"input": {"shape": "PutBookInput"}, "output": {"shape": "PutBookOutput"},
			"errors": [{"shape": "FullException"}, {"shape": "BurntException"}]
		}
	},
	"shapes": {
		"PutBookInput": {"type": "structure", "required": ["Title"], "members": {"Title": {"shape": "Title"}, "Words": {"shape": "WordList"}}},
		"PutBookOutput": {"type": "structure", "members": {"Old": {"shape": "Title"}}},
		"FullException": {"type": "structure", "exception": true, "members": {"Message": {"shape": "Title"}}},
		"Title": {"type": "string", "min": 1, "max": 9, "pattern": ".*", "enum": ["a", "b"], "sensitive": true},
		"WordList": {"type": "list", "member": {"shape": "Title"}, "min": 0, "max": 3}
	}
}`

// TestFactsAreComplete changes one value of a model after the other,
// and takes one after the other away: each time the facts must be others.
func TestFactsAreComplete(t *testing.T) {
	var tree any
	if err := json.Unmarshal([]byte(everything), &tree); err != nil {
		t.Fatal(err)
	}

	said := func() (string, error) {
		text, err := json.Marshal(tree)
		if err != nil {
			return "", err
		}

		m, err := parseModel(strings.NewReader(string(text)))
		return m.facts().String(), err
	}

	want, err := said()
	if err != nil {
		t.Fatal(err)
	}

	tried := 0
	mutate("", tree, func(any) {}, func(what string) {
		tried++
		if got, err := said(); err == nil && got == want {
			t.Errorf("%s: the facts are the same", what)
		}
	})
	if got, err := said(); got != want || err != nil || tried < 60 {
		t.Errorf("after %d changes the model is another, %v", tried, err)
	}
}

// mutate calls check after each change of the value at path, and undoes it.
func mutate(path string, v any, set func(any), check func(what string)) {
	change := func(to any) {
		set(to)
		check(fmt.Sprintf("%s = %v", path, to))
		set(v)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inside := v[name]
			mutate(path+"."+name, inside, func(to any) { v[name] = to }, check)
			delete(v, name)
			check(path + " without " + name)
			v[name] = inside
		}
	case []any:
		for i, element := range v {
			mutate(fmt.Sprintf("%s[%d]", path, i), element, func(to any) { v[i] = to }, check)
		}

		if len(v) > 1 && !strings.HasSuffix(path, "required") {
			turned := slices.Clone(v)
			slices.Reverse(turned)
			change(turned)
		}

		change(v[1:])

	case string:
		change(v + "x")
	case float64:
		change(v + 1)
	case bool:
		change(!v)
	}
}

func TestOrderOfMembersIsAFact(t *testing.T) {
	turned := strings.Replace(everything, `{"Title": {"shape": "Title"}, "Words": {"shape": "WordList"}}`,
		`{"Words": {"shape": "WordList"}, "Title": {"shape": "Title"}}`, 1)
	a, errA := parseModel(strings.NewReader(everything))
	b, errB := parseModel(strings.NewReader(turned))
	if errA != nil || errB != nil || a.facts().String() == b.facts().String() {
		t.Errorf("the facts do not tell the order of members (%v, %v)", errA, errB)
	}
}

func TestUnknownPropertiesOfModelsAreRefused(t *testing.T) {
	for _, unknown := range []string{
		`{"shapes": {"A": {"type": "string", "deprecated": true}}}`,
		`{"shapes": {"A": {"type": "structure", "members": {"B": {"shape": "C", "locationName": "b"}}}}}`,
		`{"operations": {"A": {"idempotent": true}}}`,
		`{"metadata": {"hostPrefix": "api."}}`,
	} {
		if _, err := parseModel(strings.NewReader(unknown)); err == nil {
			t.Errorf("%s: an unknown property is accepted", unknown)
		}
	}
}

// TestEachChangeOfADeclarationIsSeen changes one thing of a service after the
// other: each time the facts declared must be others.
func TestEachChangeOfADeclarationIsSeen(t *testing.T) {
	for _, service := range []func() wire.Service{wire.CodeConnections, wire.CodeStarConnections} {
		want := declared(t, service()).String()
		seen := func(what string, change func(*wire.Service)) {
			t.Helper()
			s := service()
			change(&s)

			if declared(t, s).String() == want {
				t.Errorf("%s: %s: the facts are the same", s.Name, what)
			}
		}

		seen("name", func(s *wire.Service) { s.Name += "x" })
		seen("prefix", func(s *wire.Service) { s.Prefix += "x" })
		for i, op := range service().Operations {
			changeOperation(op, func(what string, change func(*wire.Operation)) {
				seen(what, func(s *wire.Service) { change(&s.Operations[i]) })
			})
		}

		for name, shape := range service().Shapes {
			changeShape(name, shape, func(what string, changed wire.Shape) {
				seen(what, func(s *wire.Service) { s.Shapes[name] = changed })
			})
			seen("no shape "+name, func(s *wire.Service) {
				delete(s.Shapes, name)
				for other, shape := range s.Shapes {
					if shape.Member == name { // the element of a list is no member
						shape.Member = ""
						s.Shapes[other] = shape
					}
				}
			})
		}
	}
}

func changeOperation(op wire.Operation, seen func(what string, change func(*wire.Operation))) {
	name := op.Name
	seen(name+": name", func(o *wire.Operation) { o.Name += "x" })
	seen(name+": one exception more", func(o *wire.Operation) { o.Errors = append(o.Errors, "BurntException") })
	if len(op.Errors) > 0 {
		seen(name+": one exception less", func(o *wire.Operation) { o.Errors = o.Errors[1:] })
	}
	seen(name+": input", func(o *wire.Operation) { o.Input = reflect.TypeFor[struct{}]() })
	seen(name+": output", func(o *wire.Operation) { o.Output = reflect.TypeFor[struct{}]() })
}

func changeShape(name string, s wire.Shape, seen func(what string, changed wire.Shape)) {
	change := func(what string, f func(*wire.Shape)) {
		changed := s
		changed.Enum = slices.Clone(s.Enum)
		f(&changed)
		seen(name+": "+what, changed)
	}

	change("bounds", func(s *wire.Shape) { s.Bounded = !s.Bounded })
	change("pattern", func(s *wire.Shape) { s.Pattern += "x" })
	change("secrecy", func(s *wire.Shape) { s.Sensitive = !s.Sensitive })
	change("one value more", func(s *wire.Shape) { s.Enum = append(s.Enum, "X") })

	if s.Bounded {
		change("minimum", func(s *wire.Shape) { s.Min++ })
		change("maximum", func(s *wire.Shape) { s.Max++ })
	}

	if len(s.Enum) > 0 {
		change("one value less", func(s *wire.Shape) { s.Enum = s.Enum[1:] })
		change("another value", func(s *wire.Shape) { s.Enum[0] += "x" })
	}

	if len(s.Enum) > 1 {
		change("order of values", func(s *wire.Shape) { slices.Reverse(s.Enum) })
	}

	if s.Member != "" {
		change("elements", func(s *wire.Shape) { s.Member = "Timestamp" })
	}
}
