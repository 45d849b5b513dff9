package template

import (
	"regexp"
	"strings"
)

// A piece of a Fn::Sub text is literal or a variable's name.
type piece struct {
	text     string
	variable bool
}

// pieces takes a Fn::Sub text apart. ${!X} is the literal ${X}; a ${ that is
// never closed is literal too.
func pieces(n *node) ([]piece, error) {
	var out []piece
	rest := n.text
	for {
		before, after, ok := strings.Cut(rest, "${")
		name, tail, closed := strings.Cut(after, "}")
		if !ok || !closed {
			return append(out, piece{text: rest}), nil
		}

		out = append(out, piece{text: before})
		switch literal, isLiteral := strings.CutPrefix(name, "!"); {
		case isLiteral:
			out = append(out, piece{text: "${" + literal + "}"})
		case !isVariable(name):
			return nil, faultf(n.line, "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons")
		default:
			out = append(out, piece{text: name, variable: true})
		}

		rest = tail
	}
}

func isVariable(name string) bool {
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return name != ""
}

// subForm splits the argument of Fn::Sub into its text and its own variables.
func subForm(call, arg *node) (text *node, own *node, err error) {
	if arg.kind == scalar {
		return arg, &node{kind: object}, nil
	}
	if arg.kind == list && len(arg.items) == 2 && arg.items[0].kind == scalar && arg.items[1].kind == object {
		return arg.items[0], arg.items[1], nil
	}
	return nil, nil, faultf(call.line, "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string")
}

var dynamicPattern = regexp.MustCompile(`\{\{resolve:[^}]*\}?\}?`)

// dynamic returns the first dynamic reference in a text, "" for none.
func dynamic(text string) string {
	if !strings.Contains(text, "{{resolve:") {
		return ""
	}
	return dynamicPattern.FindString(text)
}
