package syntax

import (
	"regexp"
	"strings"
)

// A SubPart is a part of the text of Fn::Sub: literal text or the name of a variable.
type SubPart struct {
	Text       string
	IsVariable bool
}

// SplitSub splits the text of Fn::Sub. ${!X} is the literal ${X}. A ${ without an end is
// literal too.
func SplitSub(text *Node) ([]SubPart, error) {
	var out []SubPart
	rest := text.Text
	for {
		before, after, ok := strings.Cut(rest, "${")
		name, tail, closed := strings.Cut(after, "}")
		if !ok || !closed {
			return append(out, SubPart{Text: rest}), nil
		}

		out = append(out, SubPart{Text: before})
		switch literal, isLiteral := strings.CutPrefix(name, "!"); {
		case isLiteral:
			out = append(out, SubPart{Text: "${" + literal + "}"})
		case !isVariableName(name):
			return nil, ErrorAt(text.Line, "Template error: variable names in Fn::Sub syntax must contain only "+
				"alphanumeric characters, underscores, periods, and colons")
		default:
			out = append(out, SubPart{Text: name, IsVariable: true})
		}

		rest = tail
	}
}

func isVariableName(name string) bool {
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return name != ""
}

// SubArguments returns the text and the variables of the argument of Fn::Sub.
func SubArguments(call, arg *Node) (text *Node, variables *Node, err error) {
	if arg.Kind == Scalar {
		return arg, &Node{Kind: Object}, nil
	}
	if arg.Kind == List && len(arg.Items) == 2 && arg.Items[0].Kind == Scalar && arg.Items[1].Kind == Object {
		return arg.Items[0], arg.Items[1], nil
	}
	return nil, nil, ErrorAt(call.Line, "Template error: One or more Fn::Sub intrinsic functions don't specify "+
		"expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping "+
		"of values to replace in the string")
}

var dynamicPattern = regexp.MustCompile(`\{\{resolve:[^}]*\}?\}?`)

// DynamicReference returns the first dynamic reference of a text, or "".
func DynamicReference(text string) string {
	if !strings.Contains(text, "{{resolve:") {
		return ""
	}
	return dynamicPattern.FindString(text)
}
