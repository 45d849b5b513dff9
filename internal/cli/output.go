package cli

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

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// A format is a value of -o.
type format string

const (
	asTable format = "table"
	asJSON  format = "json"
	asYAML  format = "yaml"
)

// formats gives a command the flag -o.
func formats(c *cobra.Command) *format {
	f := asTable
	c.Flags().VarP(&f, "output", "o", "table, json or yaml")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]string{string(asTable), string(asJSON), string(asYAML)}, cobra.ShellCompDirectiveNoFileComp))
	return &f
}

// String gives the value.
func (f *format) String() string { return string(*f) }

// Type names the value in help.
func (f *format) Type() string { return "format" }

// Set takes the value.
func (f *format) Set(text string) error {
	switch format(text) {
	case asTable, asJSON, asYAML:
		*f = format(text)
		return nil
	}
	return usagef("it is none of table, json, yaml")
}

// write prints a document as JSON or YAML.
func (f format) write(w io.Writer, document any) error {
	tree := members(reflect.ValueOf(document))
	var text bytes.Buffer
	if f == asYAML {
		e := yaml.NewEncoder(&text)
		e.SetIndent(2)
		if err := errors.Join(e.Encode(quoted(tree)), e.Close()); err != nil {
			return err
		}
	} else {
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")

		if err := e.Encode(tree); err != nil {
			return err
		}
	}

	_, err := io.WriteString(w, escaped(text.String()))
	return err
}

// writeLine prints a document as one line of JSON.
func writeLine(w io.Writer, document any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(members(reflect.ValueOf(document))); err != nil {
		return err
	}
	_, err := io.WriteString(w, escaped(text.String()))
	return err
}

// escaped writes in the way of JSON what commands a terminal and what the encoders
// leave as it is. All of it is inside quotes.
func escaped(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && lockstep.IsUnsafe(r) }) {
		return text
	}

	var b strings.Builder
	for _, r := range text {
		if r != '\n' && lockstep.IsUnsafe(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}

	return b.String()
}

// quoted puts double quotes around what is to be escaped, where YAML would
// have none.
func quoted(tree any) any {
	switch t := tree.(type) {
	case map[string]any:
		for name, v := range t {
			t[name] = quoted(v)
		}
	case []any:
		for i, v := range t {
			t[i] = quoted(v)
		}
	case string:
		if strings.ContainsFunc(t, func(r rune) bool { return r != '\n' && lockstep.IsUnsafe(r) }) {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: t}
		}
	}

	return tree
}

// members makes maps and lists of a document, whose keys are then in order,
// with times as RFC 3339: the wire's seconds are for machines alone.
func members(v reflect.Value) any {
	if !v.IsValid() {
		return nil
	}

	switch t := v.Interface().(type) {
	case wire.Time:
		return t.UTC().Format(time.RFC3339Nano)
	case time.Time:
		return t.UTC().Format(time.RFC3339Nano)
	}

	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return members(v.Elem())
	case reflect.Struct:
		return structMembers(v)
	case reflect.Slice:
		all := make([]any, v.Len())
		for i := range all {
			all[i] = members(v.Index(i))
		}
		return all
	}

	return v.Interface()
}

// structMembers leaves out what is absent on the wire too.
func structMembers(v reflect.Value) map[string]any {
	all := map[string]any{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			maps.Copy(all, structMembers(v.Field(i)))
		} else if !strings.Contains(f.Tag.Get("json"), "omitzero") || !v.Field(i).IsZero() {
			all[f.Name] = members(v.Field(i))
		}
	}
	return all
}
