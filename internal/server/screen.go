package server

import (
	"io"
	"strings"
	"unicode"
)

// A screen writes for a person. What commands a terminal, or turns the
// direction of the text, is left out: file names and the words of stacks are
// whatever somebody has committed.
type screen struct{ io.Writer }

// Write wants whole characters, as fmt gives them.
func (s screen) Write(b []byte) (int, error) {
	if _, err := io.WriteString(s.Writer, harmless(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}
