package lockstep

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsUnsafe reports whether a terminal may obey r instead of showing it, r changes
// the direction of the text around it, or r begins a line or a paragraph.
func IsUnsafe(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// Sanitize returns text without unsafe characters, except line breaks and tabs.
// Use it for text from outside that is printed as it is laid out.
func Sanitize(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && IsUnsafe(r) {
			return -1
		}
		return r
	}, text)
}

// SanitizeLine returns text without unsafe characters and without space around
// it; line breaks, separators of lines and tabs become spaces. Use it for text from
// outside within a line of output.
func SanitizeLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case IsUnsafe(r):
			return -1
		}
		return r
	}, strings.TrimSpace(text))
}

// Truncate shortens text to at most maxBytes bytes, at the boundary of a
// character. Text that was shortened ends with an ellipsis.
func Truncate(text string, maxBytes int) string {
	const ellipsis = "…"
	if len(text) <= maxBytes {
		return text
	}

	end := max(0, maxBytes-len(ellipsis))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}
