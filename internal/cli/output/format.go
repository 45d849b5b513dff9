package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// Format is the value of the flag --output.
type Format string

// The formats. Only Table is for people.
const (
	FormatTable Format = "table"
	FormatJSON  Format = "json"
	FormatYAML  Format = "yaml"
)

// String returns the value of the flag.
func (f *Format) String() string { return string(*f) }

// Type returns the name of the value in help.
func (f *Format) Type() string { return "format" }

// Set sets the value of the flag.
func (f *Format) Set(text string) error {
	switch format := Format(text); format {
	case FormatTable, FormatJSON, FormatYAML:
		*f = format
		return nil
	}
	return errors.New("must be table, json or yaml")
}

// IsDocument reports whether the format is for programs.
func (f Format) IsDocument() bool { return f != FormatTable }

// Write prints a document as YAML if f is [FormatYAML], and as JSON otherwise.
// Members are named as in the API; times are in RFC 3339.
func (f Format) Write(w io.Writer, document any) error {
	tree := documentTree(reflect.ValueOf(document))
	var text bytes.Buffer
	if f == FormatYAML {
		encoder := yaml.NewEncoder(&text)
		encoder.SetIndent(2)
		if err := errors.Join(encoder.Encode(quoteUnsafe(tree)), encoder.Close()); err != nil {
			return err
		}
	} else if err := encodeJSON(&text, tree, "  "); err != nil {
		return err
	}

	_, err := io.WriteString(w, escapeUnsafe(text.String()))
	return err
}

// WriteLine prints a document as one line of JSON.
func WriteLine(w io.Writer, document any) error {
	var text bytes.Buffer
	if err := encodeJSON(&text, documentTree(reflect.ValueOf(document)), ""); err != nil {
		return err
	}
	_, err := io.WriteString(w, escapeUnsafe(text.String()))
	return err
}

func encodeJSON(w io.Writer, tree any, indent string) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	return encoder.Encode(tree)
}

// isUnsafe reports whether a document must escape r.
func isUnsafe(r rune) bool { return r != '\n' && lockstep.IsUnsafe(r) }

// escapeUnsafe escapes, as JSON does, the unsafe characters that the encoders
// leave as they are. All of them are inside quotes.
func escapeUnsafe(text string) string {
	if !strings.ContainsFunc(text, isUnsafe) {
		return text
	}

	var escaped strings.Builder
	for _, r := range text {
		if isUnsafe(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.WriteRune(r)
		}
	}

	return escaped.String()
}

// quoteUnsafe puts text with unsafe characters into double quotes, since YAML
// knows escapes only there.
func quoteUnsafe(tree any) any {
	switch node := tree.(type) {
	case map[string]any:
		for name, value := range node {
			node[name] = quoteUnsafe(value)
		}
	case []any:
		for i, value := range node {
			node[i] = quoteUnsafe(value)
		}
	case string:
		if strings.ContainsFunc(node, isUnsafe) {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: node}
		}
	}

	return tree
}

// documentTree returns a document as maps and lists, whose keys the encoders
// sort. Times become RFC 3339: only machines read the API's seconds.
func documentTree(value reflect.Value) any {
	if !value.IsValid() {
		return nil
	}

	switch t := value.Interface().(type) {
	case wire.Time:
		return t.UTC().Format(time.RFC3339Nano)
	case time.Time:
		return t.UTC().Format(time.RFC3339Nano)
	}

	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		return documentTree(value.Elem())
	case reflect.Struct:
		return members(value)
	case reflect.Slice:
		all := make([]any, value.Len())
		for i := range all {
			all[i] = documentTree(value.Index(i))
		}
		return all
	}

	return value.Interface()
}

// members returns the members of a struct, without those that the API omits.
func members(value reflect.Value) map[string]any {
	all := map[string]any{}
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if field.Anonymous {
			maps.Copy(all, members(value.Field(i)))
		} else if !strings.Contains(field.Tag.Get("json"), "omitzero") || !value.Field(i).IsZero() {
			all[field.Name] = documentTree(value.Field(i))
		}
	}
	return all
}
