package syntax

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

func Errorf(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// ErrorAt is errorf with the line the fault stands on.
func ErrorAt(line int, format string, args ...any) error {
	return Errorf("%s (line %d)", fmt.Sprintf(format, args...), line)
}

// Unsupported refuses a feature that the sandbox does not have.
func Unsupported(line int, feature string) error {
	return ErrorAt(line, "the sandbox does not expand %s", Clip(feature))
}

// Clip keeps text taken from a template from flooding a message.
func Clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

type Kind int

const (
	Scalar Kind = iota
	List
	Object
	Null
)

// A node is one value of a template. Short tags are already in their long form.
type Node struct {
	Line   int
	Kind   Kind
	Text   string // of a scalar, as CloudFormation sees it: always a string
	Items  []*Node
	Fields []Field
}

type Field struct {
	Name  string
	Line  int
	Value *Node
}

// Member returns the value of a key, or nil.
func (n *Node) Member(name string) *Node {
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Function returns the name and the argument of a function call: an object
// whose only key is Ref or begins with Fn::.
func (n *Node) Function() (string, *Node, bool) {
	if n.Kind != Object || len(n.Fields) != 1 {
		return "", nil, false
	}
	f := n.Fields[0]
	if f.Name == "Ref" || strings.HasPrefix(f.Name, "Fn::") {
		return f.Name, f.Value, true
	}
	return "", nil, false
}

// Plain returns the node as a value, functions left standing: the form in which
// two templates are compared.
func (n *Node) Plain() any {
	if n == nil {
		return nil
	}

	switch n.Kind {
	case List:
		out := make([]any, len(n.Items))
		for i, it := range n.Items {
			out[i] = it.Plain()
		}
		return out
	case Object:
		out := make(map[string]any, len(n.Fields))
		for _, f := range n.Fields {
			out[f.Name] = f.Value.Plain()
		}
		return out
	}

	return n.Text
}

// Canonical returns one text for equal values, "" for none.
func (n *Node) Canonical() string {
	if n == nil {
		return ""
	}
	return Canonical(n.Plain())
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

// Walk calls f on the node and on all below it.
func (n *Node) Walk(visit func(*Node) error) error {
	if err := visit(n); err != nil {
		return err
	}

	for _, it := range n.Items {
		if err := it.Walk(visit); err != nil {
			return err
		}
	}

	for _, fd := range n.Fields {
		if err := fd.Value.Walk(visit); err != nil {
			return err
		}
	}

	return nil
}

// CheckKeys refuses keys that are not among those allowed.
func (n *Node) CheckKeys(refuse func(Field) error, allowed ...string) error {
	for _, f := range n.Fields {
		if !slices.Contains(allowed, f.Name) {
			return refuse(f)
		}
	}
	return nil
}
