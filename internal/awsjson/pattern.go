package awsjson

import (
	"fmt"
	"regexp"
	"strings"
)

// compile returns a regular expression that accepts the same strings as Java's
// Matcher.matches does for a pattern: the whole string must match, a dot matches no
// line terminator (Java has five), and \s includes the vertical tab. It returns an
// error if RE2 does not support the pattern.
func compile(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`\A(?:`)
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch char := pattern[i]; {
		case char == '\\' && i+1 < len(pattern):
			i++
			writeEscape(&b, pattern[i], inClass)
		case char == '[' && !inClass:
			inClass = true
			b.WriteByte(char)
		case char == ']' && inClass:
			inClass = false
			b.WriteByte(char)
		case char == '.' && !inClass:
			b.WriteString(`[^\n\r\x{85}\x{2028}\x{2029}]`)
		default:
			b.WriteByte(char)
		}
	}

	b.WriteString(`)\z`)
	expression, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}

	return expression, nil
}

func writeEscape(b *strings.Builder, char byte, inClass bool) {
	switch {
	case char == 's' && inClass:
		b.WriteString(`\s\x0b`)
	case char == 's':
		b.WriteString(`[\s\x0b]`)
	case char == 'S' && !inClass:
		b.WriteString(`[^\s\x0b]`)
	default:
		b.WriteByte('\\')
		b.WriteByte(char)
	}
}
