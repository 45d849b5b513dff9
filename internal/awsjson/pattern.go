package awsjson

import (
	"fmt"
	"regexp"
	"strings"
)

// compile turns a pattern of a model into a regular expression that accepts the
// same strings as Java's Matcher.matches does: the whole string must match, a
// dot matches no line terminator (Java has five), and \s includes the vertical
// tab. A pattern that needs more than RE2 has is an error.
func compile(pattern string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString(`\A(?:`)
	inClass := false
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			writeEscape(&b, pattern[i], inClass)
		case c == '[' && !inClass:
			inClass = true
			b.WriteByte(c)
		case c == ']' && inClass:
			inClass = false
			b.WriteByte(c)
		case c == '.' && !inClass:
			b.WriteString(`[^\n\r\x{85}\x{2028}\x{2029}]`)
		default:
			b.WriteByte(c)
		}
	}

	b.WriteString(`)\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}

	return re, nil
}

func writeEscape(b *strings.Builder, c byte, inClass bool) {
	switch {
	case c == 's' && inClass:
		b.WriteString(`\s\x0b`)
	case c == 's':
		b.WriteString(`[\s\x0b]`)
	case c == 'S' && !inClass:
		b.WriteString(`[^\s\x0b]`)
	default:
		b.WriteByte('\\')
		b.WriteByte(c)
	}
}
