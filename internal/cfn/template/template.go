package template

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// A Template is one that is well formed: every section has the right shape and
// every name that it refers to exists. It is immutable and may be shared.
type Template struct {
	description string
	parameters  []*parameter
	mappings    map[string]map[string]map[string]*syntax.Node
	conditions  []syntax.Field
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
	metadata   *syntax.Node
	properties *syntax.Node
	attributes *syntax.Node // CreationPolicy and UpdatePolicy, as they stand
}

type output struct {
	id, description, condition string
	line                       int
	value, export              *syntax.Node
}

// CloudFormation's quotas of a template.
const (
	maxResources  = 500
	maxParameters = 200
	maxOutputs    = 200
	maxMappings   = 200
)

// The patterns of names in a template.
var (
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`)
	typePattern   = regexp.MustCompile(`^(Custom::[A-Za-z0-9_@-]{1,60}|[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}(::MODULE)?)$`)
	exportPattern = regexp.MustCompile(`^[A-Za-z0-9:-]{1,255}$`)
)

// Parse decodes a template and checks all that can be checked without values.
// Every error is an *[Error].
func Parse(body string) (*Template, error) {
	root, err := syntax.Decode(body)
	if err != nil {
		return nil, err
	}
	if root.Kind != syntax.Object {
		return nil, syntax.Errorf("Template format error: unsupported structure.")
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
		if property != "" && r.properties != nil && r.properties.Member(property) != nil {
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

func (p *parser) sections(root *syntax.Node) error {
	for _, f := range root.Fields {
		if err := p.section(f); err != nil {
			return err
		}
	}
	if len(p.t.resources) == 0 {
		return syntax.Errorf("Template format error: At least one Resources member must be defined.")
	}
	return nil
}

func (p *parser) section(f syntax.Field) error {
	switch f.Name {
	case "AWSTemplateFormatVersion":
		if f.Value.Kind != syntax.Scalar || f.Value.Text != "2010-09-09" {
			return syntax.ErrorAt(f.Line, "Template format error: unsupported value for AWSTemplateFormatVersion.")
		}
		return nil
	case "Description":
		if f.Value.Kind != syntax.Scalar {
			return syntax.ErrorAt(f.Line, "Template format error: every Description member must be a string.")
		}
		if len(f.Value.Text) > 1024 {
			return syntax.ErrorAt(f.Line, "Template format error: 'Description' length is greater than 1024.")
		}

		p.t.description = f.Value.Text
		return nil

	case "Transform":
		return syntax.Unsupported(f.Line, "Transform "+describeNames(f.Value))
	case "Hooks", "Globals":
		return syntax.Unsupported(f.Line, f.Name)
	case "Metadata":
		return checkSection(f)
	}

	sections := map[string]func(syntax.Field) error{
		"Parameters": p.parameterSection, "Mappings": p.mappingSection, "Conditions": p.conditionSection,
		"Rules": p.ruleSection, "Resources": p.resourceSection, "Outputs": p.outputSection,
	}
	parse, ok := sections[f.Name]
	if !ok {
		return syntax.ErrorAt(f.Line, "Invalid template property or properties [%s]", syntax.Clip(f.Name))
	}

	if err := checkSection(f); err != nil {
		return err
	}

	return parse(f)
}

func checkSection(f syntax.Field) error {
	switch f.Value.Kind {
	case syntax.Object:
		return nil
	case syntax.Null:
		return syntax.ErrorAt(f.Line, "Template format error: [/%s] 'null' values are not allowed in templates", f.Name)
	}
	return syntax.ErrorAt(f.Line, "Template format error: %s must be an object.", f.Name)
}

// describeNames shows a value that is one name or a list of them.
func describeNames(n *syntax.Node) string {
	if n.Kind == syntax.List {
		var out []string
		for _, it := range n.Items {
			out = append(out, describeNames(it))
		}
		return strings.Join(out, ", ")
	}
	if name := n.Member("Name"); name != nil {
		return name.Text
	}
	return n.Text
}

func (p *parser) mappingSection(f syntax.Field) error {
	if len(f.Value.Fields) > maxMappings {
		return syntax.ErrorAt(f.Line, "Template format error: Number of mappings, %d, is greater than maximum allowed, %d", len(f.Value.Fields), maxMappings)
	}

	p.t.mappings = map[string]map[string]map[string]*syntax.Node{}
	for _, m := range f.Value.Fields {
		if m.Name == "Fn::Transform" {
			return syntax.Unsupported(m.Line, "Fn::Transform")
		}
		if m.Value.Kind != syntax.Object {
			return syntax.ErrorAt(m.Line, "Template format error: Every Mappings member %s must be a map", syntax.Clip(m.Name))
		}

		top := map[string]map[string]*syntax.Node{}
		for _, k := range m.Value.Fields {
			if k.Value.Kind != syntax.Object {
				return syntax.ErrorAt(k.Line, "Template format error: Every Mappings attribute must be a map of strings or lists")
			}

			second := map[string]*syntax.Node{}
			for _, v := range k.Value.Fields {
				if err := checkMappingValue(v.Value); err != nil {
					return err
				}
				second[v.Name] = v.Value
			}

			top[k.Name] = second
		}

		p.t.mappings[m.Name] = top
	}

	return nil
}

// checkMappingValue accepts a string or a list of strings: what a mapping may hold.
func checkMappingValue(n *syntax.Node) error {
	ok := n.Kind == syntax.Scalar || n.Kind == syntax.List
	for _, it := range n.Items {
		ok = ok && it.Kind == syntax.Scalar
	}
	if !ok {
		return syntax.ErrorAt(n.Line, "Template format error: Every Mappings attribute must be a String or a List.")
	}
	return nil
}

func (p *parser) conditionSection(f syntax.Field) error {
	for _, c := range f.Value.Fields {
		if c.Value.Kind != syntax.Object {
			return syntax.ErrorAt(c.Line, "Template format error: Every Conditions member must be an object")
		}
	}
	p.t.conditions = f.Value.Fields
	return nil
}
