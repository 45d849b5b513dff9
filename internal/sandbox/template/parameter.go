package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type parameter struct {
	name, typ, description string
	line                   int
	initial                *string // Default
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
		if p.initial != nil {
			d.Default, d.HasDefault = *p.initial, true
		}
		out = append(out, d)
	}
	return out
}

func (p *parser) parameterSection(f field) error {
	if n := len(f.value.fields); n > maxParameters {
		return errorf("Template format error: Number of parameters, %d, is greater than maximum allowed, %d", n, maxParameters)
	}

	for _, m := range f.value.fields {
		if strings.HasPrefix(m.name, "Fn::") {
			return unexpanded(m.line, m.name)
		}
		if !idPattern.MatchString(m.name) {
			return faultf(m.line, "Template format error: Parameter name %s is non alphanumeric.", clip(m.name))
		}
		if m.value.kind != object {
			return faultf(m.line, "Template format error: Any Parameters member must be an object.")
		}

		d := &parameter{name: m.name, line: m.line}
		for _, a := range m.value.fields {
			if err := d.attribute(a); err != nil {
				return err
			}
		}

		if err := d.settle(); err != nil {
			return err
		}

		p.t.parameters = append(p.t.parameters, d)
	}

	return nil
}

func (d *parameter) attribute(a field) error {
	v := a.value
	if a.name == "AllowedValues" {
		if v.kind != list {
			return faultf(a.line, "Template format error: AllowedValues of parameter '%s' must be a list", d.name)
		}

		for _, it := range v.items {
			if it.kind != scalar {
				return faultf(it.line, "Template format error: Every AllowedValues member must be a string.")
			}
			d.allowed = append(d.allowed, it.text)
		}

		return nil
	}

	if v.kind != scalar {
		return faultf(a.line, "Template format error: Every %s member must be a string.", clip(a.name))
	}

	switch a.name {
	case "Type":
		d.typ = v.text
	case "Description":
		d.description = v.text
	case "Default":
		d.initial = &v.text
	case "NoEcho":
		d.noEcho = strings.EqualFold(v.text, "true")
	case "ConstraintDescription":
		d.constraint = v.text
	case "AllowedPattern":
		return d.setPattern(a)
	case "MinLength", "MaxLength", "MinValue", "MaxValue":
		return d.bound(a)
	default:
		return faultf(a.line, "Invalid template parameter property '%s'", clip(a.name))
	}

	return nil
}

// setPattern compiles AllowedPattern. CloudFormation's engine is Java's, ours
// has no look-around: a pattern that needs it is refused rather than ignored.
func (d *parameter) setPattern(a field) error {
	re, err := regexp.Compile(`^(?:` + a.value.text + `)$`)
	if err != nil {
		return unexpanded(a.line, "AllowedPattern "+a.value.text)
	}
	d.pattern, d.patternText = re, a.value.text
	return nil
}

func (d *parameter) bound(a field) error {
	if strings.HasSuffix(a.name, "Length") {
		n, err := strconv.Atoi(a.value.text)
		if err != nil {
			return faultf(a.line, "Template format error: %s of parameter '%s' must be an integer", a.name, d.name)
		}

		if a.name == "MinLength" {
			d.minLength = &n
		} else {
			d.maxLength = &n
		}

		return nil
	}

	x, err := strconv.ParseFloat(a.value.text, 64)
	if err != nil {
		return faultf(a.line, "Template format error: %s of parameter '%s' must be a number", a.name, d.name)
	}

	if a.name == "MinValue" {
		d.minValue, d.minText = &x, a.value.text
	} else {
		d.maxValue, d.maxText = &x, a.value.text
	}

	return nil
}

// settle checks the declaration as a whole: its type and its default.
func (d *parameter) settle() error {
	switch {
	case d.typ == "":
		return faultf(d.line, "Template format error: Every Parameters object must contain a Type member.")
	case !knownParameterType(d.valueType()):
		return faultf(d.line, "Template format error: Unrecognized parameter type: %s", clip(d.typ))
	}

	if d.initial != nil {
		if err := d.check(*d.initial); err != nil {
			return faultf(d.line, "Template format error: default of %s: %s", d.name, err)
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

// stored says whether the parameter's value is the name of one in the parameter
// store, whose value a Ref yields.
func (d *parameter) stored() bool { return strings.HasPrefix(d.typ, "AWS::SSM::Parameter::Value<") }

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

// split takes a list parameter's text apart, the spaces around values dropped.
func split(text string) []string {
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
	parts := split(text)
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return out
}
