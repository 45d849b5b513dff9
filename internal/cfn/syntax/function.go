package syntax

import (
	"slices"
	"strings"
)

// An argumentForm is the form of a function's arguments.
type argumentForm struct {
	valid     func(*Node) bool
	complaint string // AWS's message if the arguments are not valid
}

// argumentForms are the forms of the functions' arguments. That of Fn::Sub is checked
// by SubArguments.
var argumentForms = map[string]argumentForm{
	"Ref": {
		func(arg *Node) bool { return arg.Kind == Scalar && arg.Text != "" },
		"Template error: every Ref object must have a single String value.",
	},
	"Fn::GetAtt": {
		isGetAttArgument,
		"Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and " +
			"the resource attribute",
	},
	"Fn::Sub": {valid: func(*Node) bool { return true }},
	"Fn::Join": {
		func(arg *Node) bool {
			return arg.HasItems(2) && arg.Items[0].Kind == Scalar && arg.Items[1].CanBeList()
		},
		"Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a " +
			"list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) " +
			"to be joined.",
	},
	"Fn::Split": {
		func(arg *Node) bool {
			return arg.HasItems(2) && arg.Items[0].Kind == Scalar && arg.Items[0].Text != "" && arg.Items[1].CanBeText()
		},
		"Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a " +
			"string to be split or a function that returns a string to be split.",
	},
	"Fn::Select": {
		func(arg *Node) bool { return arg.HasItems(2) && arg.Items[0].CanBeText() && arg.Items[1].CanBeList() },
		"Template error: Fn::Select requires a list argument with two elements: an integer index and a list",
	},
	"Fn::If": {
		func(arg *Node) bool { return arg.HasItems(3) && arg.Items[0].Kind == Scalar },
		"Template error: Fn::If requires a list argument with three elements: the name of a condition and two values",
	},
	"Fn::FindInMap": {
		func(arg *Node) bool { return arg.HasItems(3) && allCanBeText(arg.Items) },
		"Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the " +
			"attribute for return value",
	},
	"Fn::Base64": {
		(*Node).CanBeText,
		"Template error: every Fn::Base64 object must have a String-typed value.",
	},
	"Fn::ImportValue": {
		(*Node).CanBeText,
		"Template error: every Fn::ImportValue object requires one String parameter.",
	},
	"Fn::GetAZs": {
		(*Node).CanBeText,
		"Template error: every Fn::GetAZs object must have a String-typed value.",
	},
	"Fn::Cidr": {
		func(arg *Node) bool { return (arg.HasItems(2) || arg.HasItems(3)) && allCanBeText(arg.Items) },
		"Template error: every Fn::Cidr object requires two or three parameters: an address block, a count and the " +
			"number of subnet bits",
	},
	"Fn::And": {
		isOperandList,
		"Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters.",
	},
	"Fn::Or": {
		isOperandList,
		"Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters.",
	},
	"Fn::Not": {
		func(arg *Node) bool { return arg.HasItems(1) },
		"Template error: every Fn::Not object requires one boolean parameter.",
	},
	"Fn::Equals": {
		func(arg *Node) bool { return arg.HasItems(2) },
		"Template error: every Fn::Equals object requires a list of 2 string parameters.",
	},
	"Fn::Contains": {
		isListWithOperand,
		"Template error: every Fn::Contains object requires two parameters, the first of which is a list of strings.",
	},
	"Fn::EachMemberIn": {
		isListWithOperand,
		"Template error: every Fn::EachMemberIn object requires two parameters, the first of which is a list of " +
			"strings.",
	},
	"Fn::EachMemberEquals": {
		isListWithOperand,
		"Template error: every Fn::EachMemberEquals object requires two parameters, a list of strings and a string.",
	},
}

// CheckArguments returns AWS's message if the arguments of a function are wrong, and
// "" if they are right. Known is false if there is no such function.
func CheckArguments(name string, arg *Node) (complaint string, known bool) {
	form, known := argumentForms[name]
	switch {
	case !known || form.valid(arg):
		return "", known
	case name == "Fn::FindInMap" && arg.HasItems(4):
		return "the sandbox does not support DefaultValue of Fn::FindInMap", true
	}
	return form.complaint, true
}

func isOperandList(arg *Node) bool {
	return arg.Kind == List && len(arg.Items) >= 2 && len(arg.Items) <= 10
}

func isListWithOperand(arg *Node) bool { return arg.HasItems(2) && arg.Items[0].CanBeList() }

func allCanBeText(items []*Node) bool {
	return !slices.ContainsFunc(items, func(item *Node) bool { return !item.CanBeText() })
}

// HasItems reports whether the node is a list with a number of elements.
func (n *Node) HasItems(count int) bool { return n.Kind == List && len(n.Items) == count }

// CanBeText reports whether the value of the node can be a string.
func (n *Node) CanBeText() bool {
	_, _, isCall := n.Function()
	return n.Kind == Scalar || isCall
}

// CanBeList reports whether the value of the node can be a list.
func (n *Node) CanBeList() bool {
	_, _, isCall := n.Function()
	return n.Kind == List || isCall
}

func isGetAttArgument(arg *Node) bool {
	if arg.Kind == Scalar {
		id, att, _ := strings.Cut(arg.Text, ".")
		return id != "" && att != ""
	}
	if !arg.HasItems(2) || arg.Items[0].Kind != Scalar || arg.Items[0].Text == "" {
		return false
	}
	return arg.Items[1].CanBeText() && (arg.Items[1].Kind != Scalar || arg.Items[1].Text != "")
}

// GetAttArguments returns the resource and the attribute of a valid argument of
// GetAtt.
func GetAttArguments(arg *Node) (string, *Node) {
	if arg.Kind == Scalar {
		id, att, _ := strings.Cut(arg.Text, ".")
		return id, &Node{Line: arg.Line, Text: att}
	}
	return arg.Items[0].Text, arg.Items[1]
}

// IsPseudoParameter reports whether a name is that of a pseudo parameter.
func IsPseudoParameter(name string) bool {
	switch name {
	case "AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition",
		"AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix":
		return true
	}
	return false
}
