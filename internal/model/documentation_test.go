package model_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstephq/lockstep/internal/model"
	"github.com/lockstephq/lockstep/internal/wire"
)

var update = flag.Bool("update", false, "write documentation.json and docs/api.md from the source")

// A documentation is documentation.json.
type documentation struct {
	Operations map[string]string
	Structures map[string]structureText
	Values     map[string]map[string]string
}

type structureText struct {
	Text    string
	Members map[string]string `json:",omitempty"`
}

func TestDocumentationIsWhatTheSourceSays(t *testing.T) {
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(readSource(t)); err != nil {
		t.Fatal(err)
	}
	current(t, "documentation.json", want.Bytes())
}

func readSource(t *testing.T) documentation {
	t.Helper()
	texts := documentation{
		Operations: map[string]string{},
		Structures: map[string]structureText{},
		Values:     map[string]map[string]string{},
	}
	texts.readShapes(t, parse(t, "../wire"))
	texts.describeMembers(t)
	methods := operationMethods(append(parse(t, "../api"), parse(t, "../iam")...))
	for _, s := range wire.Services() {
		for _, op := range s.Operations {
			if texts.Operations[op.Name] = methods[op.Name]; methods[op.Name] == "" {
				t.Errorf("operation %s has no comment", op.Name)
			}
		}
	}

	return texts
}

// describeMembers adds the comment of the shape to members without one.
func (d documentation) describeMembers(t *testing.T) {
	t.Helper()
	texts := shapeTexts(parse(t, "../wire"))
	for _, service := range wire.Services() {
		for _, operation := range service.Operations {
			d.describeFields(operation.Input, texts)
			d.describeFields(operation.Output, texts)
		}
	}
}

func (d documentation) describeFields(structure reflect.Type, texts map[string]string) {
	for structure.Kind() == reflect.Slice || structure.Kind() == reflect.Pointer {
		structure = structure.Elem()
	}

	documented, ok := d.Structures[structure.Name()]
	if !ok {
		return
	}

	for i := range structure.NumField() {
		field := structure.Field(i)
		if text := texts[field.Tag.Get("shape")]; text != "" && documented.Members[field.Name] == "" {
			documented.Members[field.Name] = text
		}
		d.describeFields(field.Type, texts)
	}
}

// shapeTexts returns the comments of shapes by their names: those above the entries
// of tables of shapes.
func shapeTexts(files []*ast.File) map[string]string {
	texts := map[string]string{}
	for _, file := range files {
		comments := map[token.Pos]*ast.CommentGroup{} // by the position after the comment's line
		for _, group := range file.Comments {
			comments[group.End()] = group
		}

		ast.Inspect(file, func(n ast.Node) bool {
			entry, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}

			name, ok := entry.Key.(*ast.BasicLit)
			if !ok {
				return true
			}

			// An entry begins after its comment, a line break and two tabs.
			if group := comments[entry.Pos()-3]; group != nil {
				texts[strings.Trim(name.Value, `"`)] = sentence("", group)
			}

			return true
		})
	}
	return texts
}

// refresh returns a model with the texts of the source. Those that are built into the
// test are out of date during an update.
func (d documentation) refresh(service model.Model) model.Model {
	for i, op := range service.Operations {
		service.Operations[i].Text = d.Operations[op.Name]
	}

	for i, structure := range service.Structures {
		service.Structures[i].Text = d.Structures[structure.Name].Text
		for j, member := range structure.Members {
			structure.Members[j].Text = d.Structures[structure.Name].Members[member.Name]
		}
	}

	for i, structure := range service.Shapes {
		service.Shapes[i].Values = d.Values[structure.Name]
	}

	return service
}

// current compares a generated file, or writes it.
func current(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}

	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what the source says; `go test ./internal/model -update` mends it (-want +got):\n%s",
			name, diff)
	}
}

func parse(t *testing.T, room string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(room + "/*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %d files, %v", room, len(names), err)
	}

	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}

		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}

		files = append(files, file)
	}

	return files
}

// operationMethods returns the exported methods of the service, by name.
func operationMethods(files []*ast.File) map[string]string {
	all := map[string]string{}
	for _, f := range files {
		for _, decl := range f.Decls {
			if m, ok := decl.(*ast.FuncDecl); ok && m.Recv != nil && m.Name.IsExported() {
				all[m.Name.Name] = sentence(m.Name.Name, m.Doc)
			}
		}
	}
	return all
}

func (d documentation) readShapes(t *testing.T, files []*ast.File) {
	t.Helper()
	values := map[string][2]string{} // constant: its value and what it means
	for _, function := range files {
		for _, decl := range function.Decls {
			declaration, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}

			for _, spec := range declaration.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					d.readStruct(s, declaration.Doc)
				case *ast.ValueSpec:
					if v, ok := constant(s); ok {
						values[s.Names[0].Name] = v
					}
				}
			}
		}
	}

	for _, function := range files {
		ast.Inspect(function, func(n ast.Node) bool {
			d.readEnum(n, values)
			return true
		})
	}
}

func (d documentation) readStruct(spec *ast.TypeSpec, doc *ast.CommentGroup) {
	fields, ok := spec.Type.(*ast.StructType)
	if !ok || !strings.Contains(tags(fields), "shape:") && !strings.HasSuffix(spec.Name.Name, "put") {
		return
	}

	text := structureText{Text: sentence(spec.Name.Name, doc), Members: map[string]string{}}
	for _, field := range fields.Fields.List {
		for _, name := range field.Names {
			if member := sentence(name.Name, field.Doc); member != "" {
				text.Members[name.Name] = member
			} else if member := sentence(name.Name, field.Comment); member != "" {
				text.Members[name.Name] = member
			}
		}
	}

	d.Structures[spec.Name.Name] = text
}

func tags(s *ast.StructType) string {
	var all string
	for _, f := range s.Fields.List {
		if f.Tag != nil {
			all += f.Tag.Value
		}
	}
	return all
}

// constant reads Name = "VALUE" // meaning
func constant(spec *ast.ValueSpec) (valueAndMeaning [2]string, ok bool) {
	if len(spec.Names) != 1 || len(spec.Values) != 1 || spec.Comment == nil {
		return valueAndMeaning, false
	}
	lit, ok := spec.Values[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return valueAndMeaning, false
	}
	value, err := strconv.Unquote(lit.Value)
	return [2]string{value, strings.TrimSpace(spec.Comment.Text())}, err == nil
}

// readEnum reads "Shape": enum(Constant, …).
func (d documentation) readEnum(n ast.Node, values map[string][2]string) {
	pair, ok := n.(*ast.KeyValueExpr)
	if !ok {
		return
	}

	key, isText := pair.Key.(*ast.BasicLit)
	call, isCall := pair.Value.(*ast.CallExpr)
	if !isText || !isCall {
		return
	}

	if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "enum" {
		return
	}

	meanings := map[string]string{}
	for _, arg := range call.Args {
		if name, ok := arg.(*ast.Ident); ok && values[name.Name][0] != "" {
			meanings[values[name.Name][0]] = values[name.Name][1]
		}
	}

	if len(meanings) > 0 {
		d.Values[strings.Trim(key.Value, `"`)] = meanings
	}
}

// sentence returns the first paragraph of a comment without the name: "Name does so."
// becomes "Does so.", and "Name is a thing." becomes "A thing."
func sentence(name string, comment *ast.CommentGroup) string {
	paragraph, _, _ := strings.Cut(strings.TrimSpace(comment.Text()), "\n\n")
	text := strings.NewReplacer("\n", " ", "[", "", "]", "").Replace(paragraph)
	text = strings.TrimPrefix(text, name+" ")
	text = strings.TrimPrefix(text, "is ")

	first, end := utf8.DecodeRuneInString(text)
	if end == 0 {
		return ""
	}

	return string(unicode.ToUpper(first)) + text[end:]
}
