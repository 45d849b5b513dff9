package template

import (
	"regexp"
	"slices"
	"strings"
)

// A Template is one that is well formed: every section has the right shape and
// every name that it refers to exists. It is immutable and may be shared.
type Template struct {
	description string
	parameters  []*parameter
	mappings    map[string]map[string]map[string]*node
	conditions  []field
	rules       []*rule
	resources   []*resource
	outputs     []*output
}

type resource struct {
	id, typ    string
	line       int
	condition  string
	dependsOn  []string
	policies   map[string]string // DeletionPolicy, UpdateReplacePolicy
	metadata   *node
	properties *node
	attributes *node // CreationPolicy and UpdatePolicy, as they stand
}

type output struct {
	id, description, condition string
	line                       int
	value, export              *node
}

// The patterns of names in a template.
var (
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`)
	typePattern   = regexp.MustCompile(`^(Custom::[A-Za-z0-9_@-]{1,60}|[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}(::MODULE)?)$`)
	exportPattern = regexp.MustCompile(`^[A-Za-z0-9:-]{1,255}$`)
)

// Parse decodes a template and checks all that can be checked without values.
// Every error is an *[Error].
func Parse(body string) (*Template, error) {
	root, err := decode(body)
	if err != nil {
		return nil, err
	}
	if root.kind != object {
		return nil, errorf("Template format error: unsupported structure.")
	}

	p := &parser{t: &Template{}}
	if err := p.sections(root); err != nil {
		return nil, err
	}
	if err := newChecker(p.t).run(); err != nil {
		return nil, err
	}

	return p.t, nil
}

// Description returns the template's description, "" for none.
func (t *Template) Description() string { return t.description }

// ResourceTypes lists the types of the template's resources, sorted, each once.
func (t *Template) ResourceTypes() []string {
	var out []string
	for _, r := range t.resources {
		out = append(out, r.typ)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Capabilities lists what a caller has to acknowledge, and a sentence that says
// for which resource types; both are empty when there is nothing.
func (t *Template) Capabilities() (required []string, reason string) {
	named := map[string]string{
		"AWS::IAM::Group": "GroupName", "AWS::IAM::InstanceProfile": "InstanceProfileName",
		"AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName",
		"AWS::IAM::AccessKey": "", "AWS::IAM::Policy": "", "AWS::IAM::UserToGroupAddition": "",
		"AWS::IAM::RolePolicy": "", "AWS::IAM::UserPolicy": "", "AWS::IAM::GroupPolicy": "",
	}

	capability := ""
	var types []string
	for _, r := range t.resources {
		property, iam := named[r.typ]
		if !iam {
			continue
		}

		types = append(types, r.typ)
		if property != "" && r.properties != nil && r.properties.member(property) != nil {
			capability = "CAPABILITY_NAMED_IAM"
		} else if capability == "" {
			capability = "CAPABILITY_IAM"
		}
	}

	if capability == "" {
		return nil, ""
	}

	slices.Sort(types)
	types = slices.Compact(types)
	return []string{capability}, "The following resource(s) require capabilities: [" + strings.Join(types, ", ") + "]"
}

// parser fills a template from its nodes.
type parser struct {
	t *Template
}

func (p *parser) sections(root *node) error {
	for _, f := range root.fields {
		if err := p.section(f); err != nil {
			return err
		}
	}
	if len(p.t.resources) == 0 {
		return errorf("Template format error: At least one Resources member must be defined.")
	}
	return nil
}

func (p *parser) section(f field) error {
	switch f.name {
	case "AWSTemplateFormatVersion":
		if f.value.kind != scalar || f.value.text != "2010-09-09" {
			return faultf(f.line, "Template format error: unsupported value for AWSTemplateFormatVersion.")
		}
		return nil
	case "Description":
		if f.value.kind != scalar {
			return faultf(f.line, "Template format error: every Description member must be a string.")
		}
		if len(f.value.text) > 1024 {
			return faultf(f.line, "Template format error: 'Description' length is greater than 1024.")
		}

		p.t.description = f.value.text
		return nil

	case "Transform":
		return unexpanded(f.line, "Transform "+names(f.value))
	case "Hooks", "Globals":
		return unexpanded(f.line, f.name)
	case "Metadata":
		return objectSection(f)
	}

	sections := map[string]func(field) error{
		"Parameters": p.parameterSection, "Mappings": p.mappingSection, "Conditions": p.conditionSection,
		"Rules": p.ruleSection, "Resources": p.resourceSection, "Outputs": p.outputSection,
	}
	parse, ok := sections[f.name]
	if !ok {
		return faultf(f.line, "Invalid template property or properties [%s]", clip(f.name))
	}

	if err := objectSection(f); err != nil {
		return err
	}

	return parse(f)
}

func objectSection(f field) error {
	switch f.value.kind {
	case object:
		return nil
	case null:
		return faultf(f.line, "Template format error: [/%s] 'null' values are not allowed in templates", f.name)
	}
	return faultf(f.line, "Template format error: %s must be an object.", f.name)
}

// names shows a value that is one name or a list of them.
func names(n *node) string {
	if n.kind == list {
		var out []string
		for _, it := range n.items {
			out = append(out, names(it))
		}
		return strings.Join(out, ", ")
	}
	if name := n.member("Name"); name != nil {
		return name.text
	}
	return n.text
}

func (p *parser) mappingSection(f field) error {
	if len(f.value.fields) > maxMappings {
		return faultf(f.line, "Template format error: Number of mappings, %d, is greater than maximum allowed, %d", len(f.value.fields), maxMappings)
	}

	p.t.mappings = map[string]map[string]map[string]*node{}
	for _, m := range f.value.fields {
		if m.name == "Fn::Transform" {
			return unexpanded(m.line, "Fn::Transform")
		}
		if m.value.kind != object {
			return faultf(m.line, "Template format error: Every Mappings member %s must be a map", clip(m.name))
		}

		top := map[string]map[string]*node{}
		for _, k := range m.value.fields {
			if k.value.kind != object {
				return faultf(k.line, "Template format error: Every Mappings attribute must be a map of strings or lists")
			}

			second := map[string]*node{}
			for _, v := range k.value.fields {
				if err := literal(v.value); err != nil {
					return err
				}
				second[v.name] = v.value
			}

			top[k.name] = second
		}

		p.t.mappings[m.name] = top
	}

	return nil
}

// literal accepts a string or a list of strings: what a mapping may hold.
func literal(n *node) error {
	ok := n.kind == scalar || n.kind == list
	for _, it := range n.items {
		ok = ok && it.kind == scalar
	}
	if !ok {
		return faultf(n.line, "Template format error: Every Mappings attribute must be a String or a List.")
	}
	return nil
}

func (p *parser) conditionSection(f field) error {
	for _, c := range f.value.fields {
		if c.value.kind != object {
			return faultf(c.line, "Template format error: Every Conditions member must be an object")
		}
	}
	p.t.conditions = f.value.fields
	return nil
}
