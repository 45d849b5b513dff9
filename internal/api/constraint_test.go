package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lockstephq/lockstep/internal/db/dbtest"
)

// An oracle says what AWS would find wrong with an input. It knows the models'
// facts from the tables that package wire's tests compare with botocore, and
// nothing of the code that validates.
type oracle struct {
	signing, prefix string
	operations      map[string]string // to the input
	members         map[string][]omember
	shapes          map[string]oshape
}

type omember struct {
	name, shape string
	required    bool
}

type oshape struct {
	kind      string
	min, max  *int
	sensitive bool
	pattern   string
	enum      []string
	element   string
}

func newOracle(t *testing.T, service string) oracle {
	t.Helper()
	text, err := os.ReadFile("../wire/testdata/" + service + ".txt")
	if err != nil {
		t.Fatal(err)
	}

	o := oracle{operations: map[string]string{}, members: map[string][]omember{}, shapes: map[string]oshape{}}
	order := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		word := strings.Fields(line)
		switch word[0] {
		case "service":
			o.signing = word[1]
			o.prefix = word[2]
		case "operation":
			o.operations[word[1]] = word[4]
		case "order":
			order[word[1]] = word[2:]
		case "member":
			of, name, _ := strings.Cut(word[1], ".")
			o.members[of] = append(o.members[of], omember{name, word[2], word[3] == "required"})
		case "list": // stands before its shape
			o.shapes[word[1]] = oshape{element: word[3]}
		case "shape":
			o.shapes[word[1]] = parseShape(t, word[2:], o.shapes[word[1]])
		}
	}

	for of, names := range order {
		slices.SortFunc(o.members[of],
			func(a, b omember) int { return slices.Index(names, a.name) - slices.Index(names, b.name) })
	}

	if git := o.shapes["ProviderType"]; !slices.Contains(git.enum, "Git") { // the one extension
		git.enum = append(git.enum, "Git")
		o.shapes["ProviderType"] = git
	}

	return o
}

func parseShape(t *testing.T, word []string, s oshape) oshape {
	s.kind = word[0]
	for i := 1; i < len(word); i++ {
		switch word[i] {
		case "sensitive":
			s.sensitive = true
			continue
		case "enum":
			s.enum = word[i+1:]
			return s
		case "pattern":
			s.pattern = word[i+1]
		default:
			n, err := strconv.Atoi(word[i+1])
			if err != nil {
				t.Fatal(err)
			}

			if word[i] == "min" {
				s.min = &n
			} else {
				s.max = &n
			}
		}

		i++
	}

	return s
}

// message is the whole text of a ValidationException, "" for a good input.
func (o oracle) message(input map[string]any, structure string) string {
	all := o.structure(input, structure, "")
	if len(all) == 0 {
		return ""
	}
	s := "s"
	if len(all) == 1 {
		s = ""
	}
	text := []rune(fmt.Sprintf("%d validation error%s detected: %s", len(all), s, strings.Join(all, "; ")))
	return string(text[:min(len(text), 600)])
}

func (o oracle) structure(v map[string]any, structure, path string) (all []string) {
	for _, m := range o.members[structure] {
		at := strings.ToLower(m.name[:1]) + m.name[1:]
		if path != "" {
			at = path + "." + at
		}

		if v[m.name] != nil {
			all = append(all, o.value(v[m.name], m.shape, at)...)
		} else if m.required {
			all = append(all, problem("Value null", at, "not be null"))
		}
	}

	return all
}

func problem(value, path, must string) string {
	return value + " at '" + path + "' failed to satisfy constraint: Member must " + must
}

func (o oracle) value(v any, shape, path string) (all []string) {
	s, ok := o.shapes[shape]
	if !ok {
		return o.structure(v.(map[string]any), shape, path)
	}

	shown := "Value '" + o.show(v, shape) + "'"
	if s.sensitive {
		shown = "Value"
	}

	switch v := v.(type) {
	case string:
		all = append(s.bounds(shown, path, "length", utf8.RuneCountInString(v)), s.words(shown, path, v)...)
	case int:
		all = s.bounds(shown, path, "value", v)
	case []any:
		all = append(s.bounds(shown, path, "length", len(v)), o.elements(v, s.element, shown, path)...)
	}

	return all
}

func (s oshape) bounds(shown, path, what string, n int) []string {
	if s.max != nil && n > *s.max {
		return []string{problem(shown, path, fmt.Sprintf("have %s less than or equal to %d", what, *s.max))}
	}
	if s.min != nil && n < *s.min {
		return []string{problem(shown, path, fmt.Sprintf("have %s greater than or equal to %d", what, *s.min))}
	}
	return nil
}

func (s oshape) words(shown, path, v string) (all []string) {
	if s.pattern != "" && !regexp.MustCompile(`\A(?:`+s.pattern+`)\z`).MatchString(v) {
		all = append(all, problem(shown, path, "satisfy regular expression pattern: "+s.pattern))
	}
	if len(s.enum) > 0 && !slices.Contains(s.enum, v) {
		all = append(all, problem(shown, path, "satisfy enum value set: ["+strings.Join(s.enum, ", ")+"]"))
	}
	return all
}

// elements lists structures one by one, and other elements together.
func (o oracle) elements(list []any, element, shown, path string) (all []string) {
	s, words := o.shapes[element]
	bad := false
	for i, e := range list {
		at := fmt.Sprintf("%s.%d.member", path, i+1)
		switch {
		case e == nil:
			all = append(all, problem("Value null", at, "not be null"))
		case words:
			bad = bad || len(o.value(e, element, at)) > 0
		default:
			all = append(all, o.structure(e.(map[string]any), element, at)...)
		}
	}

	if !bad {
		return all
	}

	var demands []string
	if s.max != nil {
		demands = append(demands, fmt.Sprintf("Member must have length less than or equal to %d", *s.max),
			fmt.Sprintf("Member must have length greater than or equal to %d", *s.min))
	}

	if s.pattern != "" {
		demands = append(demands, "Member must satisfy regular expression pattern: "+s.pattern)
	}

	if len(s.enum) > 0 {
		demands = append(demands, "Member must satisfy enum value set: ["+strings.Join(s.enum, ", ")+"]")
	}

	return append(all, problem(shown, path, "satisfy constraint: ["+strings.Join(demands, ", ")+"]"))
}

// show spells a value as Java does.
func (o oracle) show(v any, shape string) string {
	switch v := v.(type) {
	case []any:
		var all []string
		for _, e := range v {
			if e != nil {
				all = append(all, o.show(e, o.shapes[shape].element))
			}
		}
		return "[" + strings.Join(all, ", ") + "]"
	case map[string]any:
		var all []string
		for _, m := range o.members[shape] {
			text := ""
			if v[m.name] != nil {
				text = o.show(v[m.name], m.shape)
			}

			all = append(all, strings.ToLower(m.name[:1])+m.name[1:]+"="+text)
		}
		return shape + "(" + strings.Join(all, ", ") + ")"
	}

	return fmt.Sprint(v)
}

// examples has for each pattern a value that satisfies it, and some that do not.
var examples = map[string][]string{
	".*":                  {"a", "a\nb"},
	"^.*$":                {"a", "\n", "a\n"},
	`[\s\S]*`:             {"a"},
	"https?://.+":         {"https://a.example.com", "ftp://a.example.com", "https://"},
	"[0-9]{12}":           {"111122223333", "11112222333x", "١١١١٢٢٢٢٣٣٣٣"},
	"[!-~]+":              {"sixteen-letters!", "sixteen letters!", "sixteen-letters\n"},
	"[A-Z0-9]+":           {"LSAK000000000000", "lsak000000000000", "LSAK-00000000000"},
	"[A-Za-z0-9+=,.@_-]+": {"jo", "j o", "jö"},
	"arn:aws(-[\\w]+)*:.+:.+:[0-9]{12}:.+": {
		"arn:aws:codeconnections:eu-central-1:111122223333:connection/a",
		"arn:aws:a:b:1:c",
		" arn:aws:a:b:111122223333:c",
	},
	`arn:aws(-[\w]+)*:(codestar-connections|codeconnections):.+:[0-9]{12}:host\/.+`: {
		"arn:aws:codestar-connections:eu-central-1:111122223333:host/a-00000000",
		"arn:aws:iam:eu-central-1:111122223333:host/a",
	},
	`arn:aws(-[\w]+)*:codestar-connections:.+:[0-9]{12}:host\/.+`: {
		"arn:aws:codestar-connections:eu-central-1:111122223333:host/a-00000000",
		"arn:aws:codeconnections:eu-central-1:111122223333:host/a",
	},
	`arn:aws(-[\w]+)*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+`: {
		role,
		"arn:aws:iam::111122223333:user/a",
		"arn:aws:iam::111122223333:role/a b",
		role + "\n",
	},
	`arn:aws(-[\w]+)*:kms:[a-z\-0-9]+:\d{12}:key/[a-zA-Z0-9\-]+`: {
		"arn:aws:kms:eu-central-1:111122223333:key/a", "arn:aws:kms:eu-central-1:111122223333:alias/a"},
	`^[0-9a-fA-F]{8}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{4}\b-[0-9a-fA-F]{12}$`: {
		noLink,
		"00000000",
		noLink + "0",
		"x" + noLink[1:],
	},
	`^[0-9A-Za-z]+[0-9A-Za-z_\\-]*$`: {"web", "-web", "we b", "web\n"},
	`sg-\w{8}(\w{9})?`:               {"sg-00000000", "sg-000000000", "subnet-00000"},
	`subnet-\w{8}(\w{9})?`:           {"subnet-00000000", "subnet-000000000", "sg-000000000000"},
	`vpc-\w{8}(\w{9})?`:              {"vpc-00000000", "vpc-000000000", "vpc-0000000é"},
}

// good returns a valid value of a shape.
func (o oracle) good(t *testing.T, shape string) any {
	s, ok := o.shapes[shape]
	switch {
	case !ok:
		v := map[string]any{}
		for _, m := range o.members[shape] {
			if m.required {
				v[m.name] = o.good(t, m.shape)
			}
		}
		return v

	case s.kind == "integer" && s.min != nil:
		return *s.min
	case s.kind == "integer":
		return 1
	case s.kind == "boolean":
		return true
	case s.kind == "list":
		return []any{o.good(t, s.element)}
	case len(s.enum) > 0:
		return s.enum[0]
	case s.pattern == "" && s.min != nil:
		return strings.Repeat("a", max(1, *s.min))
	case s.pattern == "":
		return "a"
	}

	if examples[s.pattern] == nil || s.kind != "string" {
		t.Fatalf("shape %s: the test has no examples for pattern %s, or kind %s", shape, s.pattern, s.kind)
	}

	return examples[s.pattern][0]
}

// bad gives values that break the constraints of a shape, each in one way: as
// far as that goes, since a value can break two.
func (o oracle) bad(t *testing.T, shape string) (all []any) {
	s, ok := o.shapes[shape]
	switch {
	case !ok:
		for _, changed := range o.badInputs(t, shape) {
			all = append(all, changed)
		}
		return all

	case s.kind == "integer" && s.max != nil:
		return []any{*s.min - 1, *s.max + 1, -1 << 31, 1<<31 - 1}
	case s.kind == "list":
		good := o.good(t, s.element)
		all = append(all, []any{nil}, []any{good, nil})
		if s.max != nil {
			all = append(all, slices.Repeat([]any{good}, *s.max+1), append(slices.Repeat([]any{good}, *s.max), nil))
		}

		if s.min != nil && *s.min > 0 {
			all = append(all, []any{})
		}

		for _, element := range o.bad(t, s.element) {
			all = append(all, []any{good, element}, []any{element, good, nil})
		}

		return all
	}

	if s.max != nil {
		all = append(all, strings.Repeat("é", *s.max+1), strings.Repeat("a", *s.max+1))
	}

	if s.min != nil && *s.min > 0 {
		all = append(all, strings.Repeat("a", *s.min-1))
	}

	for _, wrong := range examples[s.pattern][min(1, len(examples[s.pattern])):] {
		all = append(all, wrong)
	}

	if len(s.enum) > 0 {
		all = append(all, "", strings.ToLower(s.enum[0]), s.enum[0]+" ", "<&>\"\\")
	}

	return all
}

// badInputs changes one member of a good structure at a time.
func (o oracle) badInputs(t *testing.T, structure string) (all []map[string]any) {
	for _, m := range o.members[structure] {
		with := func(v any) map[string]any {
			changed := o.good(t, structure).(map[string]any)
			changed[m.name] = v
			return changed
		}
		if m.required {
			missing := with(nil)
			delete(missing, m.name)
			all = append(all, with(nil), missing)
		}

		for _, v := range o.bad(t, m.shape) {
			all = append(all, with(v))
		}
	}

	return all
}

// An asker sends inputs of one service's operations, signed.
type asker struct {
	*world
	oracle
	asked int
}

func (a *asker) ask(operation string, input any) (name, message string) {
	a.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		a.Fatal(err)
	}

	a.asked++
	status, answer := a.Send(a.NewRequest(a.signing, a.prefix+"."+operation, string(body)))
	var e struct {
		Type    string `json:"__type"`
		Message string // either spelling
	}
	if err := json.Unmarshal(answer, &e); err != nil || status >= 500 || (status == 200) != (e.Type == "") {
		a.Errorf("%s %.300s was answered with %d %s", operation, body, status, answer)
	}

	return e.Type, e.Message
}

// refuses checks that an input gets the whole of AWS's text.
func (a *asker) refuses(operation string, input map[string]any) {
	a.Helper()
	want := a.message(input, a.operations[operation])
	if want == "" {
		a.Errorf("%s %v: the test takes this for good", operation, input)
	}
	if name, got := a.ask(operation, input); name != "com.amazon.coral.validate#ValidationException" || got != want {
		a.Errorf("%s %.300v\n got %s %s\nwant %s", operation, input, name, got, want)
	}
}

// eachOperation runs f for the operations of the three services.
func eachOperation(t *testing.T, f func(t *testing.T, a *asker, operation string)) {
	w := newWorld(t, dbtest.Open(t))
	for _, service := range []string{"codeconnections", "codestar-connections", "lockstep"} {
		t.Run(service, func(t *testing.T) {
			here := *w
			here.TB = t
			a := &asker{world: &here, oracle: newOracle(t, service)}
			for _, operation := range slices.Sorted(maps.Keys(a.operations)) {
				f(t, a, operation)
			}

			t.Logf("%d requests", a.asked)
		})
	}
}

func TestEachViolatedConstraintIsDescribedAsByAWS(t *testing.T) {
	eachOperation(t, func(t *testing.T, a *asker, operation string) {
		for _, input := range a.badInputs(t, a.operations[operation]) {
			a.refuses(operation, input)
		}
	})
}

func TestAllProblemsAreCountedInTheModelsOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	eachOperation(t, func(t *testing.T, a *asker, operation string) {
		structure := a.operations[operation]
		for range 12 {
			input := a.good(t, structure).(map[string]any)
			for _, m := range a.members[structure] {
				if bad := a.bad(t, m.shape); len(bad) > 0 && rnd.IntN(3) > 0 {
					input[m.name] = bad[rnd.IntN(len(bad))]
				} else if m.required && rnd.IntN(2) > 0 {
					delete(input, m.name)
				}
			}

			if a.message(input, structure) != "" {
				a.refuses(operation, input)
			}
		}
	})
}

// Whatever an operation makes of a good input, its shape is not what is wrong.
func TestValidValuesAreAccepted(t *testing.T) {
	eachOperation(t, func(t *testing.T, a *asker, operation string) {
		structure := a.operations[operation]
		inputs := []map[string]any{a.good(t, structure).(map[string]any)}
		for _, m := range a.members[structure] {
			for _, v := range append(a.atLimits(m.shape), a.good(t, m.shape)) {
				inputs = append(inputs, map[string]any{"Unknown": 1, m.name: v})
			}
			if !m.required {
				inputs = append(inputs, map[string]any{m.name: nil})
			}
		}

		for _, input := range inputs {
			good := a.good(t, structure).(map[string]any)
			maps.Copy(good, input)
			if name, message := a.ask(operation, good); strings.Contains(message, "validation error") ||
				strings.Contains(name, "Serialization") {
				t.Errorf("%s %.300v: %s %s", operation, good, name, message)
			}
		}
	})
}

// atLimits returns the shortest and the longest value of a shape without a pattern.
func (o oracle) atLimits(shape string) []any {
	switch s := o.shapes[shape]; {
	case s.max == nil || s.kind == "list":
		return nil
	case s.kind == "integer":
		return []any{*s.min, *s.max}
	case s.pattern == "" || slices.Contains([]string{".*", "^.*$", `[\s\S]*`}, s.pattern):
		return []any{strings.Repeat("é", *s.min), strings.Repeat("é", *s.max)}
	}
	return nil
}

// A mistake is a value of a wrong type and what is said of it.
type mistake struct {
	value any
	want  string
}

// mistakes gives values of wrong types for a shape, and good lists and
// structures with such a value inside.
func (o oracle) mistakes(shape string) (all []mistake) {
	s, ok := o.shapes[shape]
	switch {
	case !ok:
		namespace := o.prefix[:max(strings.LastIndexByte(o.prefix, '.'), 0)]
		all = []mistake{{7, "Unexpected field type"}, {"a", "Unexpected field type"},
			{[]any{}, "Unrecognized collection type class " + namespace + "." + shape}}
		for _, m := range o.members[shape] {
			for _, inside := range o.mistakes(m.shape) {
				all = append(all, mistake{map[string]any{m.name: inside.value}, inside.want})
			}
		}

		return all
	case s.kind == "list":
		all = []mistake{{7, "Unexpected field type"}, {"a", "Unexpected field type"}, {true, "Unexpected field type"},
			{map[string]any{}, "Start of structure or map found where not expected"}}
		for _, inside := range o.mistakes(s.element) {
			all = append(all, mistake{[]any{inside.value}, inside.want}, mistake{[]any{nil, inside.value}, inside.want})
		}
		return all
	}

	want := strings.ToUpper(s.kind[:1]) + s.kind[1:]
	for _, m := range []mistake{{"7", "STRING_VALUE"}, {7, "NUMBER_VALUE"}, {7.5, "DECIMAL_VALUE"},
		{true, "TRUE_VALUE"}, {false, "FALSE_VALUE"}} {
		number := m.want == "NUMBER_VALUE" || m.want == "DECIMAL_VALUE"
		truth := m.want == "TRUE_VALUE" || m.want == "FALSE_VALUE"
		if s.kind == "string" && m.want == "STRING_VALUE" ||
			s.kind == "integer" && number ||
			s.kind == "boolean" && truth {
			continue
		}

		all = append(all, mistake{m.value, m.want + " cannot be converted to " + want})
	}

	return append(all, mistake{[]any{}, "Unrecognized collection type class java.lang." + want},
		mistake{map[string]any{}, "Start of structure or map found where not expected"})
}

func TestAWrongTypeIsASerializationException(t *testing.T) {
	eachOperation(t, func(t *testing.T, a *asker, operation string) {
		for _, m := range a.mistakes(a.operations[operation])[3:] {
			// What else is wrong does not count: the input was not understood.
			if name, got := a.ask(operation, m.value); name != "com.amazon.coral.service#SerializationException" ||
				got != m.want {
				t.Errorf("%s %v: %s %q, want %q", operation, m.value, name, got, m.want)
			}
		}
	})
}
