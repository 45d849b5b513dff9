package syntax

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// An Error is an error of a template or of its parameter values. Its message is to be
// shown. It is CloudFormation's message if CloudFormation has one.
type Error struct {
	Message string
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an *[Error].
func Errorf(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// ErrorAt returns an *[Error] whose message ends in a line.
func ErrorAt(line int, format string, args ...any) error {
	return Errorf("%s (line %d)", fmt.Sprintf(format, args...), line)
}

// Unsupported returns the error of a feature that cannot be evaluated.
func Unsupported(line int, feature string) error {
	return ErrorAt(line, "the sandbox does not support %s", Clip(feature))
}

// Clip truncates text of a template for a message.
func Clip(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// A Kind is that of a node.
type Kind int

// The kinds of nodes.
const (
	Scalar Kind = iota
	List
	Object
	Null
)

// A Node is one value of a template. Short tags are in their long form.
type Node struct {
	Line   int
	Kind   Kind
	Text   string // of a scalar
	Items  []*Node
	Fields []Field
}

// A Field is one key of an object.
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

// setField adds a field to an object, or replaces the one of the same name: of
// duplicate keys CloudFormation uses the last. At has the index of each name.
func (n *Node) setField(field Field, at map[string]int) {
	if i, ok := at[field.Name]; ok {
		n.Fields[i] = field
		return
	}
	at[field.Name] = len(n.Fields)
	n.Fields = append(n.Fields, field)
}

// Plain returns the node as a value. Functions are not evaluated.
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

// Canonical returns the text of the node, which is the same for equal nodes. It
// returns "" for nil.
func (n *Node) Canonical() string {
	if n == nil {
		return ""
	}
	return Canonical(n.Plain())
}

// Canonical returns a value as JSON with sorted keys, so that equal values have equal
// texts. Values are strings, []any and map[string]any.
func Canonical(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // impossible for these types
		return fmt.Sprint(v)
	}
	return string(b)
}

// Walk calls visit for the node and all nodes below it, until visit returns an error.
func (n *Node) Walk(visit func(*Node) error) error {
	if err := visit(n); err != nil {
		return err
	}

	for _, item := range n.Items {
		if err := item.Walk(visit); err != nil {
			return err
		}
	}

	for _, field := range n.Fields {
		if err := field.Value.Walk(visit); err != nil {
			return err
		}
	}

	return nil
}

// CheckKeys returns the error that refuse makes of the first key that is not allowed.
func (n *Node) CheckKeys(refuse func(Field) error, allowed ...string) error {
	for _, f := range n.Fields {
		if !slices.Contains(allowed, f.Name) {
			return refuse(f)
		}
	}
	return nil
}
