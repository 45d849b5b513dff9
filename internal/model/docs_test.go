package model_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lockstephq/lockstep/internal/model"
	"github.com/lockstephq/lockstep/internal/wire"
)

// docsIntroduction is what no shape says.
const docsIntroduction = `# The API

<!-- Written by ` + "`go test ./internal/model -update`" + ` from the shapes and the comments of the source. Change those. -->

Three services share one port: AWS CodeConnections, AWS CodeStar Connections, and Lockstep's own. The first two are AWS's, so that
AWS's SDKs and the AWS CLI speak them; what differs from AWS is in [compatibility.md](compatibility.md). For the third, ` +
	"`lockstep\nmodel --install`" + ` gives boto3 and the AWS CLI its model: ` + "`aws lockstep list-resource-syncs`" + `.

- A request is ` + "`POST /`" + ` with a JSON object, ` + "`Content-Type: application/x-amz-json-1.0`" + ` and ` + "`X-Amz-Target: PREFIX.OPERATION`" + `, signed with AWS
  Signature Version 4 in the name of the service. Unknown members are ignored.
- A time is a number of seconds since 1970, with three decimals.
- An error is ` + "`{\"__type\": \"…#NAME\", \"Message\": \"…\"}`" + `. Beside the exceptions that an operation declares, each may answer with what is common:
  ` + "`ValidationException`" + ` (a value does not fit its shape), ` + "`SerializationException`" + ` (no JSON of the right form), ` +
	"`UnknownOperationException`" + `,
  ` + "`RequestEntityTooLargeException`, `MissingAuthenticationTokenException`, `IncompleteSignatureException`, `InvalidSignatureException`,\n  `UnrecognizedClientException`, `ExpiredTokenException`, `AccessDeniedException`, `ThrottlingException` and `InternalFailure`" + `.
- What the caller may not read is answered exactly as what is not there, and lists leave it out.
- A list with ` + "`NextToken`" + ` is read page by page until the answer has none. A page has at most 50 entries unless ` + "`MaxResults`" + ` says otherwise. A
  token is good for the same list, the same filters and the same caller.

In the tables a member is marked *required* where it is.

`

// A docsWriter writes docs/api.md.
type docsWriter struct {
	strings.Builder
	structures map[string]model.Structure
	shapes     map[string]model.Shape
	// lacking are members that the older of AWS's services does not have.
	lacking map[string]bool
	linked  map[string]bool // structures that something refers to
}

func TestDocsAreWhatTheShapesSay(t *testing.T) {
	source := readSource(t)
	newer, older, own := source.refresh(describe(t, wire.CodeConnections())), source.refresh(describe(t, wire.CodeStarConnections())),
		source.refresh(describe(t, wire.Lockstep()))
	w := &docsWriter{structures: map[string]model.Structure{}, shapes: map[string]model.Shape{}, lacking: map[string]bool{}, linked: map[string]bool{}}
	for _, m := range []model.Model{own, newer} {
		for _, s := range m.Structures {
			w.structures[s.Name] = s
		}
		for _, s := range m.Shapes {
			w.shapes[s.Name] = s
		}
	}

	differences := w.compare(newer, older)
	w.WriteString(docsIntroduction)
	w.contents(newer, own)
	w.line("## AWS CodeConnections and AWS CodeStar Connections\n")
	w.line("| service | signed as | prefix |\n| --- | --- | --- |")

	for _, m := range []model.Model{newer, older} {
		w.line("| %s %s | `%s` | `%s` |", m.ID, m.Version, m.Name, m.Prefix)
	}

	w.line("\nAWS describes both: [CodeConnections](https://docs.aws.amazon.com/codeconnections/latest/APIReference/),\n" +
		"[CodeStar Connections](https://docs.aws.amazon.com/codestar-connections/latest/APIReference/). They are the same, but that in CodeStar\nConnections:\n")
	for _, d := range differences {
		w.line("- %s", d)
	}

	w.line("")
	w.operations(newer)
	w.line("## Lockstep's own service\n\nSigned as `%s`, with the prefix `%s`, version %s.\n", own.Name, own.Prefix, own.Version)
	w.operations(own)
	w.reference(own, newer)
	current(t, "../../docs/api.md", []byte(w.String()))
}

func (w *docsWriter) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// compare says what the older of AWS's services lacks or wants otherwise.
func (w *docsWriter) compare(newer, older model.Model) (differences []string) {
	for _, s := range newer.Structures {
		i := slices.IndexFunc(older.Structures, func(o model.Structure) bool { return o.Name == s.Name })
		for _, m := range s.Members {
			if i < 0 || !slices.ContainsFunc(older.Structures[i].Members, func(o model.Member) bool { return o.Name == m.Name }) {
				w.lacking[s.Name+"."+m.Name] = true
				if text := fmt.Sprintf("`%s` is no member.", m.Name); !slices.Contains(differences, text) {
					differences = append(differences, text)
				}
			}
		}
	}

	for _, s := range newer.Shapes {
		i := slices.IndexFunc(older.Shapes, func(o model.Shape) bool { return o.Name == s.Name })
		if i < 0 || reflect.DeepEqual(s, older.Shapes[i]) {
			continue
		}

		o := older.Shapes[i]
		if len(s.Enum) > 0 {
			gone := slices.DeleteFunc(slices.Clone(s.Enum), func(v string) bool { return slices.Contains(o.Enum, v) })
			differences = append(differences, fmt.Sprintf("`%s` is no `%s`.", strings.Join(gone, "`, `"), s.Name))
			continue
		}

		differences = append(differences, fmt.Sprintf("`%s` must match `%s`.", s.Name, o.Pattern))
	}

	return differences
}

func (w *docsWriter) contents(models ...model.Model) {
	w.line("## Contents\n")
	for i, title := range []string{"AWS CodeConnections and AWS CodeStar Connections", "Lockstep's own service"} {
		var links []string
		for _, op := range models[i].Operations {
			links = append(links, link(op.Name))
		}
		w.line("- [%s](#%s): %s", title, anchor(title), strings.Join(links, ", "))
	}
	w.line("- [Structures](#structures), [enumerations](#enumerations), [exceptions](#exceptions)\n")
}

// anchor is the one that GitHub gives a heading.
func anchor(heading string) string {
	return strings.NewReplacer(" ", "-", "'", "").Replace(strings.ToLower(heading))
}

func link(heading string) string { return fmt.Sprintf("[%s](#%s)", heading, anchor(heading)) }

func (w *docsWriter) operations(m model.Model) {
	for _, op := range m.Operations {
		w.line("### %s\n\n%s\n", op.Name, op.Text)
		w.members("takes", w.structures[op.Input])
		w.members("gives", w.structures[op.Output])
		exceptions := []string{}
		for _, e := range op.Errors {
			exceptions = append(exceptions, "`"+strings.TrimSuffix(e, "Exception")+"`")
		}

		if len(exceptions) > 0 {
			w.line("Exceptions: %s.\n", strings.Join(exceptions, ", "))
		}
	}
}

// terse is how many words a text has that says no more than the operation's own.
const terse = 14

// members writes a table of an operation's input or output, under what is said
// of the whole.
func (w *docsWriter) members(verb string, s model.Structure) {
	if len(s.Members) == 0 {
		w.line("It %s nothing.\n", verb)
		return
	}

	text := s.Text
	if strings.HasPrefix(text, "Answers ") || strings.HasPrefix(text, "Asks for a page of ") {
		_, text, _ = strings.Cut(text, ". ")
	} else if strings.HasSuffix(s.Name, "Input") && len(strings.Fields(text)) <= terse {
		text = ""
	}

	if text != "" {
		w.line("%s\n", text)
	}

	w.line("| it %s | |\n| --- | --- |", verb)
	w.rows(s)
	w.line("")
}

func (w *docsWriter) rows(s model.Structure) {
	for _, m := range s.Members {
		text := w.what(m.Shape)
		if m.Required {
			text = "*required* " + text
		}

		if w.lacking[s.Name+"."+m.Name] {
			text += "; not in CodeStar Connections"
		}

		if m.Text != "" {
			text += ". " + m.Text
		}

		w.line("| `%s` | %s |", m.Name, text)
	}
}

// what says what a shape is and demands.
func (w *docsWriter) what(name string) string {
	if _, ok := w.structures[name]; ok {
		w.refer(name)
		return link(name)
	}

	s := w.shapes[name]
	switch s.Kind {
	case model.Boolean:
		return "true or false"
	case model.Timestamp:
		return "time"
	case model.Integer:
		return "whole number" + bounds(s, "")
	case model.List:
		return "list of " + w.what(s.Element) + bounds(s, "")
	}

	if len(s.Enum) > 0 {
		return link(name)
	}

	text := "text" + bounds(s, " characters")
	switch s.Pattern {
	case "", `[\s\S]*`:
	case ".*", "^.*$":
		text += ", one line"
	default:
		text += ", `" + strings.ReplaceAll(s.Pattern, "|", `\|`) + "`"
	}

	if s.Sensitive {
		text += ", secret"
	}

	return text
}

func bounds(s model.Shape, of string) string {
	switch {
	case !s.Bounded:
		return ""
	case s.Min == s.Max:
		return fmt.Sprintf(", %d%s", s.Min, of)
	}
	return fmt.Sprintf(", %d to %d%s", s.Min, s.Max, of)
}

// refer notes a structure and those inside it.
func (w *docsWriter) refer(name string) {
	if w.linked[name] {
		return
	}
	w.linked[name] = true
	for _, m := range w.structures[name].Members {
		w.what(m.Shape)
	}
}

// reference writes what is referred to, once.
func (w *docsWriter) reference(own, newer model.Model) {
	w.line("## Structures\n")
	for _, s := range own.Structures {
		w.structures[s.Name] = s
	}

	for _, s := range newer.Structures {
		w.structures[s.Name] = s
	}

	for _, name := range sortedNames(w.linked) {
		s := w.structures[name]
		w.line("### %s\n\n%s\n\n| member | |\n| --- | --- |", name, s.Text)
		w.rows(s)
		w.line("")
	}

	w.line("## Enumerations\n")
	enums := map[string]bool{}
	for name, s := range w.shapes {
		enums[name] = len(s.Enum) > 0
	}

	for _, name := range sortedNames(enums) {
		s := w.shapes[name]
		w.line("### %s\n", name)
		if len(s.Values) == 0 {
			w.line("`%s`\n", strings.Join(s.Enum, "`, `"))
			continue
		}

		for _, v := range s.Enum {
			w.line("- `%s`: %s", v, s.Values[v])
		}

		w.line("")
	}

	w.line("## Exceptions\n\n| exception | |\n| --- | --- |")
	exceptions := map[string]string{}
	for _, e := range slices.Concat(own.Exceptions, newer.Exceptions) {
		exceptions[e.Name] = e.Text
	}

	for _, name := range sortedNames(exceptions) {
		w.line("| `%s` | %s |", name, exceptions[name])
	}
}

func sortedNames[V comparable](all map[string]V) []string {
	var none V
	var names []string
	for name, v := range all {
		if v != none {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
