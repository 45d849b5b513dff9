package template

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// call evaluates one function. The checker has checked the number and the kind of the
// arguments. Their values are checked here.
func (e *evaluator) call(node *syntax.Node, name string, arg *syntax.Node) (any, error) {
	switch name {
	case "Ref":
		return e.ref(node, arg.Text)
	case "Fn::GetAtt":
		return e.getAtt(node, arg)
	case "Fn::Sub":
		return e.sub(node, arg)
	case "Fn::Join":
		return e.join(node, arg)
	case "Fn::Split":
		return e.split(node, arg)
	case "Fn::Select":
		return e.selectItem(node, arg)
	case "Fn::If":
		taken, err := e.ifBranch(arg)
		if err != nil {
			return nil, err
		}
		return e.value(taken)

	case "Fn::FindInMap":
		return e.findInMap(node, arg)
	case "Fn::Base64":
		text, err := e.text(node, arg, "Template error: every Fn::Base64 object must have a String-typed value.")
		return base64.StdEncoding.EncodeToString([]byte(text)), err
	case "Fn::ImportValue":
		return e.importValue(node, arg)
	case "Fn::GetAZs":
		return e.getAZs(node, arg)
	case "Fn::Cidr":
		return e.cidr(node, arg)
	}

	return nil, syntax.Unsupported(node.Line, name)
}

// text evaluates a node that must be a string.
func (e *evaluator) text(node, arg *syntax.Node, complaint string) (string, error) {
	value, err := e.value(arg)
	if err != nil {
		return "", err
	}
	text, ok := value.(string)
	if !ok {
		return "", syntax.ErrorAt(node.Line, "%s", complaint)
	}
	return text, nil
}

// texts evaluates a node that must be a list of strings.
func (e *evaluator) texts(node, arg *syntax.Node, complaint string) ([]string, error) {
	value, err := e.value(arg)
	if err != nil {
		return nil, err
	}

	items, ok := value.([]any)
	if !ok {
		return nil, syntax.ErrorAt(node.Line, "%s", complaint)
	}

	out := make([]string, len(items))
	for i, it := range items {
		if out[i], ok = it.(string); !ok {
			return nil, syntax.ErrorAt(node.Line, "%s", complaint)
		}
	}

	return out, nil
}

func (e *evaluator) ref(node *syntax.Node, name string) (any, error) {
	if name == "AWS::NoValue" {
		return noValue{}, nil
	}

	if syntax.IsPseudoParameter(name) {
		value, ok := e.in.Pseudo[name]
		if !ok {
			return "", nil
		}
		return value, nil
	}

	if p := e.names.parameters[name]; p != nil {
		return p.value(e.in.Parameters[name]), nil
	}

	placed, ok := e.resolved[name]
	if !ok {
		return nil, e.errNotCreated(node, name)
	}

	return placed.Ref, nil
}

// errNotCreated is the error of a reference to a resource whose condition is false.
func (e *evaluator) errNotCreated(n *syntax.Node, id string) error {
	return syntax.ErrorAt(n.Line, "Template format error: Unresolved resource dependencies [%s] in the Resources "+
		"block of the template", syntax.Clip(id))
}

func (e *evaluator) getAtt(node, arg *syntax.Node) (any, error) {
	id, att := syntax.GetAttArguments(arg)
	name, err := e.text(node, att, "Template error: every Fn::GetAtt object requires two non-empty parameters, the "+
		"resource name and the resource attribute")
	if err != nil {
		return nil, err
	}
	return e.attribute(node, id, name)
}

func (e *evaluator) attribute(n *syntax.Node, id, name string) (any, error) {
	placed, ok := e.resolved[id]
	if !ok {
		return nil, e.errNotCreated(n, id)
	}
	return placed.Attribute(name)
}

func (e *evaluator) sub(node, arg *syntax.Node) (any, error) {
	text, own, err := syntax.SubArguments(node, arg)
	if err != nil {
		return nil, err
	}

	parts, err := syntax.SplitSub(text)
	if err != nil {
		return nil, err
	}

	var b strings.Builder
	for _, p := range parts {
		text := p.Text
		if p.IsVariable {
			if text, err = e.subVariable(node, p.Text, own); err != nil {
				return nil, err
			}
		}

		if b.Len()+len(text) > maxEvaluatedSize {
			return nil, e.countSize(node, b.String()+text)
		}

		b.WriteString(text)
	}

	return b.String(), nil
}

// subVariable returns the value of one ${name} of Fn::Sub.
func (e *evaluator) subVariable(node *syntax.Node, name string, own *syntax.Node) (string, error) {
	value, err := any(nil), error(nil)
	id, att, dotted := strings.Cut(name, ".")
	if given := own.Member(name); given != nil {
		value, err = e.value(given)
	} else if dotted {
		value, err = e.attribute(node, id, att)
	} else {
		value, err = e.ref(node, name)
	}

	if err != nil {
		return "", err
	}

	text, ok := value.(string)
	if !ok {
		return "", syntax.ErrorAt(node.Line, "Template error: every value of the context object of every "+
			"Fn::Sub object must be a string or a function that returns a string")
	}

	return text, nil
}

func (e *evaluator) join(node, arg *syntax.Node) (any, error) {
	parts, err := e.texts(node, arg.Items[1],
		"Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of "+
			"strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
	if err != nil {
		return nil, err
	}
	size := 0
	for _, p := range parts {
		if size += len(p) + len(arg.Items[0].Text); size > maxEvaluatedSize {
			return nil, syntax.ErrorAt(node.Line, "Template error: the evaluated template is larger than %d bytes",
				maxEvaluatedSize)
		}
	}
	return strings.Join(parts, arg.Items[0].Text), nil
}

func (e *evaluator) split(n, arg *syntax.Node) (any, error) {
	text, err := e.text(n, arg.Items[1], "Template error: every Fn::Split object requires two parameters, (1) a "+
		"string delimiter and (2) a string to be split or a function that returns a string to be split.")
	if err != nil {
		return nil, err
	}
	parts := strings.Split(text, arg.Items[0].Text)
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out, nil
}

func (e *evaluator) selectItem(node, arg *syntax.Node) (any, error) {
	const complaint = "Template error: Fn::Select requires a list argument with a valid index value"
	text, err := e.text(node, arg.Items[0], complaint)
	if err != nil {
		return nil, err
	}

	i, err := strconv.Atoi(text)
	if err != nil {
		return nil, syntax.ErrorAt(node.Line, "%s", complaint)
	}

	value, err := e.value(arg.Items[1])
	if err != nil {
		return nil, err
	}

	items, ok := value.([]any)
	switch {
	case !ok:
		return nil, syntax.ErrorAt(node.Line,
			"Template error: Fn::Select requires a list argument with two elements: an integer index and a list")
	case i < 0 || i >= len(items):
		return nil, syntax.ErrorAt(node.Line,
			"Template error: Fn::Select cannot select nonexistent value at index %d", i)
	}

	return items[i], nil
}

func (e *evaluator) findInMap(node, arg *syntax.Node) (any, error) {
	var keys [3]string
	for i := range keys {
		var err error
		keys[i], err = e.text(node, arg.Items[i],
			"Template error: every Fn::FindInMap object requires three parameters, the map name, map key and "+
				"the attribute for return value")
		if err != nil {
			return nil, err
		}
	}

	mapping, ok := e.t.mappings[keys[0]]
	if !ok {
		return nil, syntax.ErrorAt(node.Line, "Template error: Mapping named '%s' is not present in the 'Mappings' "+
			"section of template.", syntax.Clip(keys[0]))
	}

	found := mapping[keys[1]][keys[2]]
	if found == nil {
		return nil, syntax.ErrorAt(node.Line, "Template error: Unable to get mapping for %s",
			syntax.Clip(strings.Join(keys[:], "::")))
	}

	return found.Plain(), nil
}

func (e *evaluator) importValue(n, arg *syntax.Node) (any, error) {
	name, err := e.text(n, arg, "Template error: every Fn::ImportValue object requires one String parameter.")
	if err != nil {
		return nil, err
	}

	value, ok := e.in.Import(name)
	if !ok {
		return nil, &MissingExport{Name: name}
	}

	if !slices.Contains(e.imports, name) {
		e.imports = append(e.imports, name)
	}

	return value, nil
}
