package template

import (
	"slices"
	"strings"
)

// form checks that a function exists in this place and has the arguments it
// needs, so that evaluation can rely on their number and kind.
func (c *checker) form(n *node, name string, arg *node, b block) error {
	conditional := []string{"Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals"}
	ruleOnly := []string{"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"}
	switch {
	case slices.Contains(conditional, name) && !b.rules:
		return faultf(n.line, "Template error: %s can only be used in Conditions and Rules", name)
	case slices.Contains(ruleOnly, name) && b.name != "Rules":
		return faultf(n.line, "Template error: %s can only be used in Rules", name)
	case slices.Contains([]string{"Fn::GetAtt", "Fn::ImportValue", "Fn::GetAZs", "Fn::Cidr", "Fn::Base64"}, name) && b.rules:
		return faultf(n.line, "Template format error: %s cannot be used in the %s block of the template", name, b.name)
	}

	complaint, known := formOf(name, arg)
	if !known {
		return unexpanded(n.line, name)
	}
	if complaint != "" {
		return faultf(n.line, "%s", complaint)
	}

	if name == "Fn::FindInMap" && arg.items[0].kind == scalar && c.t.mappings[arg.items[0].text] == nil {
		return faultf(n.line, "Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", clip(arg.items[0].text))
	}

	if name == "Fn::Sub" {
		_, _, err := subForm(n, arg)
		return err
	}

	return nil
}

// formOf returns what AWS says when the arguments are wrong, "" when they are
// right; known is false for a function that there is not.
func formOf(name string, arg *node) (complaint string, known bool) {
	ok := true
	switch name {
	case "Ref":
		ok, complaint = arg.kind == scalar && arg.text != "", "Template error: every Ref object must have a single String value."
	case "Fn::GetAtt":
		ok, complaint = isGetAtt(arg), "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
	case "Fn::Sub":
	case "Fn::Join":
		ok, complaint = arg.has(2) && arg.items[0].kind == scalar && arg.items[1].listlike(), "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
	case "Fn::Split":
		ok, complaint = arg.has(2) && arg.items[0].kind == scalar && arg.items[0].text != "" && arg.items[1].textlike(), "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
	case "Fn::Select":
		ok, complaint = arg.has(2) && arg.items[0].textlike() && arg.items[1].listlike(), "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
	case "Fn::If":
		ok, complaint = arg.has(3) && arg.items[0].kind == scalar, "Template error: Fn::If requires a list argument with three elements: the name of a condition and two values"
	case "Fn::FindInMap":
		return findInMapForm(arg)
	case "Fn::Base64":
		ok, complaint = arg.textlike(), "Template error: every Fn::Base64 object must have a String-typed value."
	case "Fn::ImportValue":
		ok, complaint = arg.textlike(), "Template error: every Fn::ImportValue object requires one String parameter."
	case "Fn::GetAZs":
		ok, complaint = arg.textlike(), "Template error: every Fn::GetAZs object must have a String-typed value."
	case "Fn::Cidr":
		ok = arg.kind == list && (len(arg.items) == 2 || len(arg.items) == 3) && !slices.ContainsFunc(arg.items, func(n *node) bool { return !n.textlike() })
		complaint = "Template error: every Fn::Cidr object requires two or three parameters: an address block, a count and the number of subnet bits"
	default:
		return conditionForm(name, arg)
	}

	if ok {
		complaint = ""
	}

	return complaint, true
}

func findInMapForm(arg *node) (string, bool) {
	if arg.has(3) && arg.items[0].textlike() && arg.items[1].textlike() && arg.items[2].textlike() {
		return "", true
	}
	if arg.has(4) {
		return "the sandbox does not expand DefaultValue of Fn::FindInMap", true
	}
	return "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value", true
}

func conditionForm(name string, arg *node) (complaint string, known bool) {
	ok := true
	switch name {
	case "Fn::And", "Fn::Or":
		ok, complaint = arg.kind == list && len(arg.items) >= 2 && len(arg.items) <= 10, "Template error: every "+name+" object requires a list of at least 2 and at most 10 boolean parameters."
	case "Fn::Not":
		ok, complaint = arg.has(1), "Template error: every Fn::Not object requires one boolean parameter."
	case "Fn::Equals":
		ok, complaint = arg.has(2), "Template error: every Fn::Equals object requires a list of 2 string parameters."
	case "Fn::Contains", "Fn::EachMemberIn":
		ok, complaint = arg.has(2) && arg.items[0].listlike(), "Template error: every "+name+" object requires two parameters, the first of which is a list of strings."
	case "Fn::EachMemberEquals":
		ok, complaint = arg.has(2) && arg.items[0].listlike(), "Template error: every Fn::EachMemberEquals object requires two parameters, a list of strings and a string."
	default:
		return "", false
	}

	if ok {
		complaint = ""
	}

	return complaint, true
}

// has says whether the node is a list of n elements.
func (n *node) has(count int) bool { return n.kind == list && len(n.items) == count }

// textlike says whether the node can yield a string.
func (n *node) textlike() bool {
	_, _, call := n.function()
	return n.kind == scalar || call
}

// listlike says whether the node can yield a list.
func (n *node) listlike() bool {
	_, _, call := n.function()
	return n.kind == list || call
}

func isGetAtt(arg *node) bool {
	if arg.kind == scalar {
		id, att, _ := strings.Cut(arg.text, ".")
		return id != "" && att != ""
	}
	if !arg.has(2) || arg.items[0].kind != scalar || arg.items[0].text == "" {
		return false
	}
	return arg.items[1].textlike() && (arg.items[1].kind != scalar || arg.items[1].text != "")
}

// getAtt splits a checked GetAtt argument into the resource and the attribute.
func getAtt(arg *node) (string, *node) {
	if arg.kind == scalar {
		id, att, _ := strings.Cut(arg.text, ".")
		return id, &node{line: arg.line, text: att}
	}
	return arg.items[0].text, arg.items[1]
}

func isPseudo(name string) bool {
	switch name {
	case "AWS::AccountId", "AWS::NotificationARNs", "AWS::NoValue", "AWS::Partition",
		"AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix":
		return true
	}
	return false
}
