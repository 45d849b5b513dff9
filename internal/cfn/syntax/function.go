package syntax

import (
	"slices"
	"strings"
)

// CheckArguments returns AWS's message if the arguments of a function are wrong, and
// "" if they are right. Known is false if there is no such function.
func CheckArguments(name string, arg *Node) (complaint string, known bool) {
	ok := true
	switch name {
	case "Ref":
		ok, complaint = arg.Kind == Scalar && arg.Text != "", "Template error: every Ref object must have a single String value."
	case "Fn::GetAtt":
		ok, complaint = isGetAttArgument(arg), "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
	case "Fn::Sub":
	case "Fn::Join":
		ok, complaint = arg.HasItems(2) && arg.Items[0].Kind == Scalar && arg.Items[1].CanBeList(), "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	case "Fn::Split":
		ok, complaint = arg.HasItems(2) && arg.Items[0].Kind == Scalar && arg.Items[0].Text != "" && arg.Items[1].CanBeText(), "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	case "Fn::Select":
		ok, complaint = arg.HasItems(2) && arg.Items[0].CanBeText() && arg.Items[1].CanBeList(), "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
	case "Fn::If":
		ok, complaint = arg.HasItems(3) && arg.Items[0].Kind == Scalar, "Template error: Fn::If requires a list argument with three elements: the name of a condition and two values"
	case "Fn::FindInMap":
		return checkFindInMap(arg)
	case "Fn::Base64":
		ok, complaint = arg.CanBeText(), "Template error: every Fn::Base64 object must have a String-typed value."
	case "Fn::ImportValue":
		ok, complaint = arg.CanBeText(), "Template error: every Fn::ImportValue object requires one String parameter."
	case "Fn::GetAZs":
		ok, complaint = arg.CanBeText(), "Template error: every Fn::GetAZs object must have a String-typed value."
	case "Fn::Cidr":
		ok = arg.Kind == List && (len(arg.Items) == 2 || len(arg.Items) == 3) && !slices.ContainsFunc(arg.Items, func(n *Node) bool { return !n.CanBeText() })
		complaint = "Template error: every Fn::Cidr object requires two or three parameters: an address block, a count and the number of subnet bits"
	default:
		return checkCondition(name, arg)
	}

	if ok {
		complaint = ""
	}

	return complaint, true
}

func checkFindInMap(arg *Node) (string, bool) {
	if arg.HasItems(3) && arg.Items[0].CanBeText() && arg.Items[1].CanBeText() && arg.Items[2].CanBeText() {
		return "", true
	}
	if arg.HasItems(4) {
		return "the sandbox does not expand DefaultValue of Fn::FindInMap", true
	}
	return "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value", true
}

func checkCondition(name string, arg *Node) (complaint string, known bool) {
	ok := true
	switch name {
	case "Fn::And", "Fn::Or":
		ok, complaint = arg.Kind == List && len(arg.Items) >= 2 && len(arg.Items) <= 10, "Template error: every "+name+" object requires a list of at least 2 and at most 10 boolean parameters."
	case "Fn::Not":
		ok, complaint = arg.HasItems(1), "Template error: every Fn::Not object requires one boolean parameter."
	case "Fn::Equals":
		ok, complaint = arg.HasItems(2), "Template error: every Fn::Equals object requires a list of 2 string parameters."
	case "Fn::Contains", "Fn::EachMemberIn":
		ok, complaint = arg.HasItems(2) && arg.Items[0].CanBeList(), "Template error: every "+name+" object requires two parameters, the first of which is a list of strings."
	case "Fn::EachMemberEquals":
		ok, complaint = arg.HasItems(2) && arg.Items[0].CanBeList(), "Template error: every Fn::EachMemberEquals object requires two parameters, a list of strings and a string."
	default:
		return "", false
	}

	if ok {
		complaint = ""
	}

	return complaint, true
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
