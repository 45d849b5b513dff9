package template

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// maxValue is the longest value of a parameter, in bytes.
const maxValue = 4096

// A ParameterInput is what a caller sent for one parameter.
type ParameterInput struct {
	Key   string
	Value *string
	// UsePrevious keeps the stack's value.
	UsePrevious bool
}

// Masked is shown instead of a NoEcho parameter's value.
const Masked = "****"

// BindParameters returns the value of each declared parameter: the given value, the
// previous value if it is to be kept, or the default. It checks the constraints.
// Previous has the values of the existing stack, and is nil for a new one.
func (t *Template) BindParameters(given []ParameterInput, previous map[string]string) (map[string]string, error) {
	byName := map[string]ParameterInput{}
	var unknown []string
	for _, input := range given {
		if _, twice := byName[input.Key]; twice {
			return nil, syntax.Errorf("Duplicate parameter key: %s", syntax.Clip(input.Key))
		}

		byName[input.Key] = input
		if !slices.ContainsFunc(t.parameters, func(parameter *parameter) bool { return parameter.name == input.Key }) {
			unknown = append(unknown, syntax.Clip(input.Key))
		}
	}

	if unknown != nil {
		return nil, syntax.Errorf("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}

	values := map[string]string{}
	var missing []string
	for _, parameter := range t.parameters {
		value, ok, err := parameter.chooseValue(byName[parameter.name], previous)
		if err != nil {
			return nil, err
		}

		if !ok {
			missing = append(missing, parameter.name)
		}

		values[parameter.name] = value
	}

	if missing != nil {
		return nil, syntax.Errorf("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}

	var budget matchBudget
	for _, parameter := range t.parameters {
		if err := budget.spend(parameter, values[parameter.name]); err != nil {
			return nil, err
		}
		if err := parameter.check(values[parameter.name]); err != nil {
			return nil, err
		}
	}

	return values, nil
}

// chooseValue returns the value of a parameter, and whether there is one.
func (d *parameter) chooseValue(input ParameterInput, previous map[string]string) (string, bool, error) {
	switch {
	case input.UsePrevious && input.Value != nil && *input.Value != "":
		return "", false, syntax.Errorf("Invalid input for parameter key %s. Cannot specify usePreviousValue as true "+
			"and non empty value for a parameter", d.name)
	case input.UsePrevious:
		value, ok := previous[d.name]
		if !ok {
			return "", false, syntax.Errorf("Invalid input for parameter key %s. Cannot specify "+
				"usePreviousValue as true for a parameter key not in the previous template", d.name)
		}
		return value, true, nil

	case input.Value != nil:
		return *input.Value, true, nil
	case d.defaultValue != nil:
		return *d.defaultValue, true, nil
	}

	return "", false, nil
}

// check checks the declaration's constraints on a value.
func (d *parameter) check(text string) error {
	if len(text) > maxValue {
		return syntax.Errorf("Parameter '%s' must contain at most %d bytes", d.name, maxValue)
	}

	values := []string{text}
	if d.isList() {
		values = splitList(text)
	}

	for _, v := range values {
		reason := d.violation(v)
		if reason == "" {
			continue
		}
		if d.constraint != "" {
			return syntax.Errorf("Parameter '%s' failed to satisfy constraint: %s", d.name, d.constraint)
		}

		return syntax.Errorf("Parameter '%s' %s", d.name, reason)
	}

	return nil
}

// violation returns the first constraint that a value violates, or "".
func (d *parameter) violation(value string) string {
	if d.allowed != nil && !slices.Contains(d.allowed, value) {
		return "must be one of AllowedValues"
	}
	if d.typ == "Number" || d.typ == "List<Number>" {
		return d.numberViolation(value)
	}

	length := utf8.RuneCountInString(value)
	switch {
	case d.minLength != nil && length < *d.minLength:
		return "must contain at least " + strconv.Itoa(*d.minLength) + " characters"
	case d.maxLength != nil && length > *d.maxLength:
		return "must contain at most " + strconv.Itoa(*d.maxLength) + " characters"
	case d.pattern != nil && !d.pattern.MatchString(value):
		return "must match pattern " + d.patternText
	}

	return ""
}

func (d *parameter) numberViolation(v string) string {
	number, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	switch {
	case err != nil:
		return "must be a number."
	case d.minValue != nil && number < *d.minValue:
		return "must be a number not less than " + d.minText
	case d.maxValue != nil && number > *d.maxValue:
		return "must be a number not greater than " + d.maxText
	}
	return ""
}
