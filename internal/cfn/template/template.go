package template

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// A Template is a checked template: its sections have the right form and the names it
// refers to exist. It is immutable and safe for concurrent use.
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
	attributes *syntax.Node // CreationPolicy and UpdatePolicy, not evaluated
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
	idPattern   = regexp.MustCompile(`^[A-Za-z0-9]{1,255}$`)
	typePattern = regexp.MustCompile(`^(Custom::[A-Za-z0-9_@-]{1,60}|` +
		`[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}::[A-Za-z0-9]{2,64}(::MODULE)?)$`)
	exportPattern = regexp.MustCompile(`^[A-Za-z0-9:-]{1,255}$`)
)

// Parse decodes a template and checks everything that does not depend on values. Every
// error is a *[syntax.Error].
func Parse(body string) (*Template, error) {
	root, err := syntax.Decode(body)
	if err != nil {
		return nil, err
	}
	if root.Kind != syntax.Object {
		return nil, syntax.Errorf("Template format error: unsupported structure.")
	}

	parser := &parser{t: &Template{}}
	if err := parser.sections(root); err != nil {
		return nil, err
	}
	if err := newChecker(parser.t).run(); err != nil {
		return nil, err
	}

	return parser.t, nil
}

// Description returns the template's description, or "".
func (t *Template) Description() string { return t.description }

// ResourceTypes returns the types of the template's resources, sorted.
func (t *Template) ResourceTypes() []string {
	var out []string
	for _, r := range t.resources {
		out = append(out, r.typ)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Capabilities returns the capabilities that a caller has to acknowledge, and a
// sentence with the resource types that need them. Both are empty if there are none.
func (t *Template) Capabilities() (required []string, reason string) {
	named := map[string]string{
		"AWS::IAM::Group":               "GroupName",
		"AWS::IAM::InstanceProfile":     "InstanceProfileName",
		"AWS::IAM::ManagedPolicy":       "ManagedPolicyName",
		"AWS::IAM::Role":                "RoleName",
		"AWS::IAM::User":                "UserName",
		"AWS::IAM::AccessKey":           "",
		"AWS::IAM::Policy":              "",
		"AWS::IAM::UserToGroupAddition": "",
		"AWS::IAM::RolePolicy":          "",
		"AWS::IAM::UserPolicy":          "",
		"AWS::IAM::GroupPolicy":         "",
	}

	capability := ""
	var types []string
	for _, resource := range t.resources {
		property, iam := named[resource.typ]
		if !iam {
			continue
		}

		types = append(types, resource.typ)
		if property != "" && resource.properties != nil && resource.properties.Member(property) != nil {
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

// A parser fills a template from its nodes.
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

func (p *parser) section(section syntax.Field) error {
	switch section.Name {
	case "AWSTemplateFormatVersion":
		if section.Value.Kind != syntax.Scalar || section.Value.Text != "2010-09-09" {
			return syntax.ErrorAt(section.Line,
				"Template format error: unsupported value for AWSTemplateFormatVersion.")
		}
		return nil
	case "Description":
		if section.Value.Kind != syntax.Scalar {
			return syntax.ErrorAt(section.Line, "Template format error: every Description member must be a string.")
		}
		if len(section.Value.Text) > 1024 {
			return syntax.ErrorAt(section.Line, "Template format error: 'Description' length is greater than 1024.")
		}

		p.t.description = section.Value.Text
		return nil

	case "Transform":
		return syntax.Unsupported(section.Line, "Transform "+describeNames(section.Value))
	case "Hooks", "Globals":
		return syntax.Unsupported(section.Line, section.Name)
	case "Metadata":
		return checkSection(section)
	}

	sections := map[string]func(syntax.Field) error{
		"Parameters": p.parameterSection,
		"Mappings":   p.mappingSection,
		"Conditions": p.conditionSection,
		"Rules":      p.ruleSection,
		"Resources":  p.resourceSection,
		"Outputs":    p.outputSection,
	}
	parse, ok := sections[section.Name]
	if !ok {
		return syntax.ErrorAt(section.Line, "Invalid template property or properties [%s]", syntax.Clip(section.Name))
	}

	if err := checkSection(section); err != nil {
		return err
	}

	return parse(section)
}

func checkSection(section syntax.Field) error {
	switch section.Value.Kind {
	case syntax.Object:
		return nil
	case syntax.Null:
		return syntax.ErrorAt(section.Line, "Template format error: [/%s] 'null' values are not allowed in templates",
			section.Name)
	}
	return syntax.ErrorAt(section.Line, "Template format error: %s must be an object.", section.Name)
}

// describeNames returns a value that is a name, or a list of names, as text.
func describeNames(node *syntax.Node) string {
	if node.Kind == syntax.List {
		var out []string
		for _, it := range node.Items {
			out = append(out, describeNames(it))
		}
		return strings.Join(out, ", ")
	}
	if name := node.Member("Name"); name != nil {
		return name.Text
	}
	return node.Text
}

func (p *parser) mappingSection(section syntax.Field) error {
	if len(section.Value.Fields) > maxMappings {
		return syntax.ErrorAt(section.Line, "Template format error: Number of mappings, %d, is greater than maximum "+
			"allowed, %d", len(section.Value.Fields), maxMappings)
	}

	p.t.mappings = map[string]map[string]map[string]*syntax.Node{}
	for _, mapping := range section.Value.Fields {
		if mapping.Name == "Fn::Transform" {
			return syntax.Unsupported(mapping.Line, "Fn::Transform")
		}
		if mapping.Value.Kind != syntax.Object {
			return syntax.ErrorAt(mapping.Line, "Template format error: Every Mappings member %s must be a map",
				syntax.Clip(mapping.Name))
		}

		top := map[string]map[string]*syntax.Node{}
		for _, key := range mapping.Value.Fields {
			if key.Value.Kind != syntax.Object {
				return syntax.ErrorAt(key.Line,
					"Template format error: Every Mappings attribute must be a map of strings or lists")
			}

			second := map[string]*syntax.Node{}
			for _, value := range key.Value.Fields {
				if err := checkMappingValue(value.Value); err != nil {
					return err
				}
				second[value.Name] = value.Value
			}

			top[key.Name] = second
		}

		p.t.mappings[mapping.Name] = top
	}

	return nil
}

// checkMappingValue accepts a string or a list of strings.
func checkMappingValue(node *syntax.Node) error {
	ok := node.Kind == syntax.Scalar || node.Kind == syntax.List
	for _, it := range node.Items {
		ok = ok && it.Kind == syntax.Scalar
	}
	if !ok {
		return syntax.ErrorAt(node.Line, "Template format error: Every Mappings attribute must be a String or a List.")
	}
	return nil
}

func (p *parser) conditionSection(section syntax.Field) error {
	for _, c := range section.Value.Fields {
		if c.Value.Kind != syntax.Object {
			return syntax.ErrorAt(c.Line, "Template format error: Every Conditions member must be an object")
		}
	}
	p.t.conditions = section.Value.Fields
	return nil
}
