package template

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// An Error is a fault of the template or of the values given to it. Its message
// is CloudFormation's where CloudFormation has one, and is meant to be shown.
type Error struct {
	Message string
}

func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// faultf is errorf with the line the fault stands on.
func faultf(line int, format string, args ...any) error {
	return errorf("%s (line %d)", fmt.Sprintf(format, args...), line)
}

// unexpanded refuses a feature that the sandbox does not have.
func unexpanded(line int, feature string) error {
	return faultf(line, "the sandbox does not expand %s", clip(feature))
}

// clip keeps text taken from a template from flooding a message.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

type kind int

const (
	scalar kind = iota
	list
	object
	null
)

// A node is one value of a template. Short tags are already in their long form.
type node struct {
	line   int
	kind   kind
	text   string // of a scalar, as CloudFormation sees it: always a string
	items  []*node
	fields []field
}

type field struct {
	name  string
	line  int
	value *node
}

// member returns the value of a key, or nil.
func (n *node) member(name string) *node {
	for _, f := range n.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// function returns the name and the argument of a function call: an object
// whose only key is Ref or begins with Fn::.
func (n *node) function() (string, *node, bool) {
	if n.kind != object || len(n.fields) != 1 {
		return "", nil, false
	}
	f := n.fields[0]
	if f.name == "Ref" || strings.HasPrefix(f.name, "Fn::") {
		return f.name, f.value, true
	}
	return "", nil, false
}

// plain returns the node as a value, functions left standing: the form in which
// two templates are compared.
func (n *node) plain() any {
	if n == nil {
		return nil
	}

	switch n.kind {
	case list:
		out := make([]any, len(n.items))
		for i, it := range n.items {
			out[i] = it.plain()
		}
		return out
	case object:
		out := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			out[f.name] = f.value.plain()
		}
		return out
	}

	return n.text
}

// canonical returns one text for equal values, "" for none.
func (n *node) canonical() string {
	if n == nil {
		return ""
	}
	return Canonical(n.plain())
}

// Canonical returns a value as JSON with sorted keys, so that equal values have
// equal texts. Values are strings, []any and map[string]any.
func Canonical(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // values made by this package always encode
		return fmt.Sprint(v)
	}
	return string(b)
}

// each calls f on the node and on all below it.
func (n *node) each(f func(*node) error) error {
	if err := f(n); err != nil {
		return err
	}

	for _, it := range n.items {
		if err := it.each(f); err != nil {
			return err
		}
	}

	for _, fd := range n.fields {
		if err := fd.value.each(f); err != nil {
			return err
		}
	}

	return nil
}

// only refuses keys that are not among those allowed.
func (n *node) only(refuse func(field) error, allowed ...string) error {
	for _, f := range n.fields {
		if !slices.Contains(allowed, f.name) {
			return refuse(f)
		}
	}
	return nil
}
