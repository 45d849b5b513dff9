package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

type parameter struct {
	name, typ, description string
	line                   int
	defaultValue           *string // Default
	noEcho                 bool
	allowed                []string
	pattern                *regexp.Regexp
	patternText            string
	minLength, maxLength   *int
	minValue, maxValue     *float64
	minText, maxText       string
	constraint             string
}

// A Parameter is one declaration, for those who list them.
type Parameter struct {
	Name, Type, Description string
	Default                 string
	HasDefault, NoEcho      bool
	AllowedValues           []string
}

// Parameters lists the declared parameters in their order.
func (t *Template) Parameters() []Parameter {
	var out []Parameter
	for _, p := range t.parameters {
		d := Parameter{Name: p.name, Type: p.typ, Description: p.description, NoEcho: p.noEcho, AllowedValues: slices.Clone(p.allowed)}
		if p.defaultValue != nil {
			d.Default, d.HasDefault = *p.defaultValue, true
		}
		out = append(out, d)
	}
	return out
}

func (p *parser) parameterSection(f syntax.Field) error {
	if n := len(f.Value.Fields); n > maxParameters {
		return syntax.Errorf("Template format error: Number of parameters, %d, is greater than maximum allowed, %d", n, maxParameters)
	}

	for _, m := range f.Value.Fields {
		if strings.HasPrefix(m.Name, "Fn::") {
			return syntax.Unsupported(m.Line, m.Name)
		}
		if !idPattern.MatchString(m.Name) {
			return syntax.ErrorAt(m.Line, "Template format error: Parameter name %s is non alphanumeric.", syntax.Clip(m.Name))
		}
		if m.Value.Kind != syntax.Object {
			return syntax.ErrorAt(m.Line, "Template format error: Any Parameters member must be an object.")
		}

		d := &parameter{name: m.Name, line: m.Line}
		for _, a := range m.Value.Fields {
			if err := d.setMember(a); err != nil {
				return err
			}
		}

		if err := d.validate(); err != nil {
			return err
		}

		p.t.parameters = append(p.t.parameters, d)
	}

	return nil
}

func (d *parameter) setMember(a syntax.Field) error {
	v := a.Value
	if a.Name == "AllowedValues" {
		if v.Kind != syntax.List {
			return syntax.ErrorAt(a.Line, "Template format error: AllowedValues of parameter '%s' must be a list", d.name)
		}

		for _, it := range v.Items {
			if it.Kind != syntax.Scalar {
				return syntax.ErrorAt(it.Line, "Template format error: Every AllowedValues member must be a string.")
			}
			d.allowed = append(d.allowed, it.Text)
		}

		return nil
	}

	if v.Kind != syntax.Scalar {
		return syntax.ErrorAt(a.Line, "Template format error: Every %s member must be a string.", syntax.Clip(a.Name))
	}

	switch a.Name {
	case "Type":
		d.typ = v.Text
	case "Description":
		d.description = v.Text
	case "Default":
		d.defaultValue = &v.Text
	case "NoEcho":
		d.noEcho = strings.EqualFold(v.Text, "true")
	case "ConstraintDescription":
		d.constraint = v.Text
	case "AllowedPattern":
		return d.setPattern(a)
	case "MinLength", "MaxLength", "MinValue", "MaxValue":
		return d.setBound(a)
	default:
		return syntax.ErrorAt(a.Line, "Invalid template parameter property '%s'", syntax.Clip(a.Name))
	}

	return nil
}

// setPattern compiles AllowedPattern. CloudFormation's engine is Java's, ours
// has no look-around: a pattern that needs it is refused rather than ignored.
func (d *parameter) setPattern(a syntax.Field) error {
	re, err := regexp.Compile(`^(?:` + a.Value.Text + `)$`)
	if err != nil {
		return syntax.Unsupported(a.Line, "AllowedPattern "+a.Value.Text)
	}
	d.pattern, d.patternText = re, a.Value.Text
	return nil
}

func (d *parameter) setBound(a syntax.Field) error {
	if strings.HasSuffix(a.Name, "Length") {
		n, err := strconv.Atoi(a.Value.Text)
		if err != nil {
			return syntax.ErrorAt(a.Line, "Template format error: %s of parameter '%s' must be an integer", a.Name, d.name)
		}

		if a.Name == "MinLength" {
			d.minLength = &n
		} else {
			d.maxLength = &n
		}

		return nil
	}

	x, err := strconv.ParseFloat(a.Value.Text, 64)
	if err != nil {
		return syntax.ErrorAt(a.Line, "Template format error: %s of parameter '%s' must be a number", a.Name, d.name)
	}

	if a.Name == "MinValue" {
		d.minValue, d.minText = &x, a.Value.Text
	} else {
		d.maxValue, d.maxText = &x, a.Value.Text
	}

	return nil
}

// validate checks the declaration as a whole: its type and its default.
func (d *parameter) validate() error {
	switch {
	case d.typ == "":
		return syntax.ErrorAt(d.line, "Template format error: Every Parameters object must contain a Type member.")
	case !knownParameterType(d.valueType()):
		return syntax.ErrorAt(d.line, "Template format error: Unrecognized parameter type: %s", syntax.Clip(d.typ))
	}

	if d.defaultValue != nil {
		if err := d.check(*d.defaultValue); err != nil {
			return syntax.ErrorAt(d.line, "Template format error: default of %s: %s", d.name, err)
		}
	}

	return nil
}

func knownParameterType(typ string) bool {
	switch typ {
	case "String", "Number", "CommaDelimitedList", "List<Number>", "List<String>", "AWS::SSM::Parameter::Name":
		return true
	}

	of, isList := strings.CutPrefix(typ, "List<")
	if isList {
		of = strings.TrimSuffix(of, ">")
	}

	return slices.Contains([]string{
		"AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id",
		"AWS::EC2::KeyPair::KeyName", "AWS::EC2::SecurityGroup::GroupName", "AWS::EC2::SecurityGroup::Id",
		"AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id",
	}, of)
}

// isStored says whether the parameter's value is the name of one in the parameter
// store, whose value a Ref yields.
func (d *parameter) isStored() bool { return strings.HasPrefix(d.typ, "AWS::SSM::Parameter::Value<") }

// valueType is the type of what a Ref yields.
func (d *parameter) valueType() string {
	if of, ok := strings.CutPrefix(d.typ, "AWS::SSM::Parameter::Value<"); ok {
		return strings.TrimSuffix(of, ">")
	}
	return d.typ
}

func isListType(typ string) bool {
	return typ == "CommaDelimitedList" || strings.HasPrefix(typ, "List<")
}

// isList says whether the parameter's own value is a list. The name of a stored
// parameter is not, whatever that holds.
func (d *parameter) isList() bool { return isListType(d.typ) }

// splitList takes a list parameter's text apart, the spaces around values dropped.
func splitList(text string) []string {
	if text == "" {
		return nil
	}
	out := strings.Split(text, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

// value is what a Ref to the parameter yields.
func (d *parameter) value(text string) any {
	if !isListType(d.valueType()) {
		return text
	}
	parts := splitList(text)
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}
