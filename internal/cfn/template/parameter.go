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
	patternSize            int // instructions of pattern, estimated
	patternText            string
	minLength, maxLength   *int
	minValue, maxValue     *float64
	minText, maxText       string
	constraint             string
}

// A Parameter is the declaration of a parameter.
type Parameter struct {
	Name          string
	Type          string
	Description   string
	Default       string
	HasDefault    bool
	NoEcho        bool
	AllowedValues []string
}

// Parameters returns the declared parameters in their order.
func (t *Template) Parameters() []Parameter {
	var out []Parameter
	for _, declared := range t.parameters {
		parameter := Parameter{
			Name:          declared.name,
			Type:          declared.typ,
			Description:   declared.description,
			NoEcho:        declared.noEcho,
			AllowedValues: slices.Clone(declared.allowed),
		}

		if declared.defaultValue != nil {
			parameter.Default = *declared.defaultValue
			parameter.HasDefault = true
		}

		out = append(out, parameter)
	}

	return out
}

func (p *parser) parameterSection(section syntax.Field) error {
	if n := len(section.Value.Fields); n > maxParameters {
		return syntax.Errorf("Template format error: Number of parameters, %d, is greater than maximum allowed, %d", n,
			maxParameters)
	}

	size := 0
	var budget matchBudget
	for _, field := range section.Value.Fields {
		if strings.HasPrefix(field.Name, "Fn::") {
			return syntax.Unsupported(field.Line, field.Name)
		}
		if !idPattern.MatchString(field.Name) {
			return syntax.ErrorAt(field.Line, "Template format error: Parameter name %s is non alphanumeric.",
				syntax.Clip(field.Name))
		}
		if field.Value.Kind != syntax.Object {
			return syntax.ErrorAt(field.Line, "Template format error: Any Parameters member must be an object.")
		}

		parameter := &parameter{name: field.Name, line: field.Line}
		for _, a := range field.Value.Fields {
			if err := parameter.setMember(a); err != nil {
				return err
			}
		}

		if size += parameter.patternSize; size > maxPatternSize {
			return patternTooLarge(parameter.line, parameter.name)
		}
		if parameter.defaultValue != nil {
			if err := budget.spend(parameter, *parameter.defaultValue); err != nil {
				return err
			}
		}

		if err := parameter.validate(); err != nil {
			return err
		}

		p.t.parameters = append(p.t.parameters, parameter)
	}

	return nil
}

func (d *parameter) setMember(field syntax.Field) error {
	value := field.Value
	if field.Name == "AllowedValues" {
		if value.Kind != syntax.List {
			return syntax.ErrorAt(field.Line,
				"Template format error: AllowedValues of parameter '%s' must be a list", d.name)
		}

		for _, item := range value.Items {
			if item.Kind != syntax.Scalar {
				return syntax.ErrorAt(item.Line, "Template format error: Every AllowedValues member must be a string.")
			}
			d.allowed = append(d.allowed, item.Text)
		}

		return nil
	}

	if value.Kind != syntax.Scalar {
		return syntax.ErrorAt(field.Line, "Template format error: Every %s member must be a string.",
			syntax.Clip(field.Name))
	}

	switch field.Name {
	case "Type":
		d.typ = value.Text
	case "Description":
		d.description = value.Text
	case "Default":
		d.defaultValue = &value.Text
	case "NoEcho":
		d.noEcho = strings.EqualFold(value.Text, "true")
	case "ConstraintDescription":
		d.constraint = value.Text
	case "AllowedPattern":
		return d.setPattern(field)
	case "MinLength", "MaxLength", "MinValue", "MaxValue":
		return d.setBound(field)
	default:
		return syntax.ErrorAt(field.Line, "Invalid template parameter property '%s'", syntax.Clip(field.Name))
	}

	return nil
}

func (d *parameter) setBound(field syntax.Field) error {
	if strings.HasSuffix(field.Name, "Length") {
		length, err := strconv.Atoi(field.Value.Text)
		if err != nil {
			return syntax.ErrorAt(field.Line,
				"Template format error: %s of parameter '%s' must be an integer", field.Name, d.name)
		}

		if field.Name == "MinLength" {
			d.minLength = &length
		} else {
			d.maxLength = &length
		}

		return nil
	}

	number, err := strconv.ParseFloat(field.Value.Text, 64)
	if err != nil {
		return syntax.ErrorAt(field.Line,
			"Template format error: %s of parameter '%s' must be a number", field.Name, d.name)
	}

	if field.Name == "MinValue" {
		d.minValue = &number
		d.minText = field.Value.Text
	} else {
		d.maxValue = &number
		d.maxText = field.Value.Text
	}

	return nil
}

// validate checks the type and the default of the declaration.
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

	element, isList := strings.CutPrefix(typ, "List<")
	if isList {
		element = strings.TrimSuffix(element, ">")
	}

	return slices.Contains([]string{
		"AWS::EC2::AvailabilityZone::Name", "AWS::EC2::Image::Id", "AWS::EC2::Instance::Id",
		"AWS::EC2::KeyPair::KeyName", "AWS::EC2::SecurityGroup::GroupName", "AWS::EC2::SecurityGroup::Id",
		"AWS::EC2::Subnet::Id", "AWS::EC2::Volume::Id", "AWS::EC2::VPC::Id", "AWS::Route53::HostedZone::Id",
	}, element)
}

// isStored reports whether the parameter's value is a name in the parameter store. A
// Ref returns the value stored there.
func (d *parameter) isStored() bool { return strings.HasPrefix(d.typ, "AWS::SSM::Parameter::Value<") }

// valueType returns the type of the value of a Ref.
func (d *parameter) valueType() string {
	if of, ok := strings.CutPrefix(d.typ, "AWS::SSM::Parameter::Value<"); ok {
		return strings.TrimSuffix(of, ">")
	}
	return d.typ
}

func isListType(typ string) bool {
	return typ == "CommaDelimitedList" || strings.HasPrefix(typ, "List<")
}

// isList reports whether the parameter's own value is a list. The name of a stored
// parameter is not.
func (d *parameter) isList() bool { return isListType(d.typ) }

// splitList splits the text of a list parameter and trims the values.
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

// value returns the value of a Ref to the parameter.
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
