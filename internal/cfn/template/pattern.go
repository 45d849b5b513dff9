package template

import (
	"regexp"
	regexpsyntax "regexp/syntax"

	"github.com/lockstephq/lockstep/internal/cfn/syntax"
)

// The limits of AllowedPattern, which CloudFormation does not publish. A short pattern can
// have a large program, since repeats multiply it: x{1000} has a thousand instructions.
const (
	// maxPattern is the longest pattern, in bytes.
	maxPattern = 4096
	// maxPatternSize bounds the instructions of all patterns of a template.
	maxPatternSize = 10_000
	// maxMatchSteps bounds the steps that match all values of a template: a step is one
	// instruction at one character.
	maxMatchSteps = 10_000_000
)

// setPattern compiles AllowedPattern. CloudFormation uses Java's engine. A pattern that
// Go's engine does not support, such as look-around, is refused, and so is one whose
// program is too large. The program is measured before it is compiled.
func (d *parameter) setPattern(field syntax.Field) error {
	text := field.Value.Text
	if len(text) > maxPattern {
		return syntax.ErrorAt(field.Line, "Template format error: AllowedPattern of parameter '%s' is longer than %d "+
			"bytes", d.name, maxPattern)
	}

	parsed, err := regexpsyntax.Parse(text, regexpsyntax.Perl)
	if err != nil {
		return syntax.Unsupported(field.Line, "AllowedPattern "+syntax.Clip(text))
	}

	d.patternSize = programSize(parsed)
	if d.patternSize > maxPatternSize {
		return patternTooLarge(field.Line, d.name)
	}

	pattern, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil {
		return syntax.Unsupported(field.Line, "AllowedPattern "+syntax.Clip(text))
	}

	d.pattern = pattern
	d.patternText = text
	return nil
}

func patternTooLarge(line int, name string) error {
	return syntax.ErrorAt(line, "Template format error: AllowedPattern of parameter '%s' repeats too much: all patterns "+
		"of a template together may have %d steps. Use MinLength and MaxLength instead of a repeat such as {1,1000}",
		name, maxPatternSize)
}

// programSize estimates the instructions of a pattern without compiling it. It stops
// counting above maxPatternSize.
func programSize(pattern *regexpsyntax.Regexp) int {
	// A character class is one instruction, but its ranges are copied for some programs.
	const rangesPerStep = 256
	size := 1 + len(pattern.Rune)/rangesPerStep
	if pattern.Op == regexpsyntax.OpLiteral {
		size = 1 + len(pattern.Rune)
	}

	for _, sub := range pattern.Sub {
		if size += programSize(sub); size > maxPatternSize {
			return maxPatternSize + 1
		}
	}

	if pattern.Op == regexpsyntax.OpRepeat {
		size *= max(pattern.Min, pattern.Max, 1) + 1
	}

	return min(size, maxPatternSize+1)
}

// matchSteps returns how many steps it takes to match a value, and each element of a list.
func (d *parameter) matchSteps(value string) int {
	if d.pattern == nil {
		return 0
	}
	return d.patternSize * (2*min(len(value), maxValue) + 1)
}

// A matchBudget counts the steps that match the values of a template.
type matchBudget int

// spend returns an error if a value takes more steps than are left.
func (b *matchBudget) spend(declared *parameter, value string) error {
	*b += matchBudget(declared.matchSteps(value))
	if *b > maxMatchSteps {
		return syntax.ErrorAt(declared.line, "Template format error: the value of parameter '%s' is too long to be "+
			"matched with its AllowedPattern", declared.name)
	}
	return nil
}
