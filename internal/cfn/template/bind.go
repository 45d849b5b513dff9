package template

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// maxValue is the longest parameter value, in bytes.
const maxValue = 4096

// A Given is what a caller sent for one parameter.
type ParameterInput struct {
	Key   string
	Value *string
	// UsePrevious asks for the value that the stack has.
	UsePrevious bool
}

// Masked stands for a NoEcho parameter's value wherever values are shown.
const Masked = "****"

// BindParameters gives each declared parameter its value: the one given, the previous one
// where that is asked for, else the default; and checks its constraints.
// previous holds the values of the stack as it is, nil for a new one.
func (t *Template) BindParameters(given []ParameterInput, previous map[string]string) (map[string]string, error) {
	byName := map[string]ParameterInput{}
	var unknown []string
	for _, g := range given {
		if _, twice := byName[g.Key]; twice {
			return nil, syntax.Errorf("Duplicate parameter key: %s", syntax.Clip(g.Key))
		}

		byName[g.Key] = g
		if !slices.ContainsFunc(t.parameters, func(d *parameter) bool { return d.name == g.Key }) {
			unknown = append(unknown, syntax.Clip(g.Key))
		}
	}

	if unknown != nil {
		return nil, syntax.Errorf("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}

	values := map[string]string{}
	var missing []string
	for _, d := range t.parameters {
		v, ok, err := d.chooseValue(byName[d.name], previous)
		if err != nil {
			return nil, err
		}

		if !ok {
			missing = append(missing, d.name)
		}

		values[d.name] = v
	}

	if missing != nil {
		return nil, syntax.Errorf("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}

	for _, d := range t.parameters {
		if err := d.check(values[d.name]); err != nil {
			return nil, err
		}
	}

	return values, nil
}

// chooseValue says which value a parameter takes, and whether there is one.
func (d *parameter) chooseValue(g ParameterInput, previous map[string]string) (string, bool, error) {
	switch {
	case g.UsePrevious && g.Value != nil && *g.Value != "":
		return "", false, syntax.Errorf("Invalid input for parameter key %s. Cannot specify usePreviousValue as true and non empty value for a parameter", d.name)
	case g.UsePrevious:
		v, ok := previous[d.name]
		if !ok {
			return "", false, syntax.Errorf("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", d.name)
		}
		return v, true, nil

	case g.Value != nil:
		return *g.Value, true, nil
	case d.defaultValue != nil:
		return *d.defaultValue, true, nil
	}

	return "", false, nil
}

// check applies the declaration's constraints to a value.
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

// violation names the first constraint that a value breaks, "" for none.
func (d *parameter) violation(v string) string {
	if d.allowed != nil && !slices.Contains(d.allowed, v) {
		return "must be one of AllowedValues"
	}
	if d.typ == "Number" || d.typ == "List<Number>" {
		return d.numberViolation(v)
	}

	n := utf8.RuneCountInString(v)
	switch {
	case d.minLength != nil && n < *d.minLength:
		return "must contain at least " + strconv.Itoa(*d.minLength) + " characters"
	case d.maxLength != nil && n > *d.maxLength:
		return "must contain at most " + strconv.Itoa(*d.maxLength) + " characters"
	case d.pattern != nil && !d.pattern.MatchString(v):
		return "must match pattern " + d.patternText
	}

	return ""
}

func (d *parameter) numberViolation(v string) string {
	x, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	switch {
	case err != nil:
		return "must be a number."
	case d.minValue != nil && x < *d.minValue:
		return "must be a number not less than " + d.minText
	case d.maxValue != nil && x > *d.maxValue:
		return "must be a number not greater than " + d.maxText
	}
	return ""
}
