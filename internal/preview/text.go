package preview

import (
	"html"
	"strings"
	"unicode"

	"github.com/lockstephq/lockstep"
)

// codeSpan returns external text as a Markdown code span of at most n bytes, in
// which no host finds a mention, a reference, a link, markup or HTML. Characters
// that could end the span or a table cell are replaced by similar ones.
func codeSpan(text string, n int) string {
	text = singleLine(lockstep.Truncate(text, n))
	if text == "" {
		return "–"
	}
	return "`" + inSpan.Replace(text) + "`"
}

// inSpan replaces what ends a code span or a table cell, and the starts of the markers
// by which the comment of a link is found.
var inSpan = strings.NewReplacer("`", "ˋ", "|", "│", "<!--", "<!‑‑", "[lockstep:", "[lockstep\u2236")

// htmlCode is codeSpan for HTML.
func htmlCode(text string, n int) string {
	return "<code>" + html.EscapeString(inSpan.Replace(singleLine(lockstep.Truncate(text, n)))) + "</code>"
}

// singleLine returns text on one line, without invisible characters, some of which
// change the direction of others.
func singleLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '�'
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	return strings.Join(strings.Fields(text), " ")
}

// escapeMarker escapes text for an HTML comment. Different texts have different
// results.
func escapeMarker(text string) string {
	const hexadecimal = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		switch char := text[i]; {
		case char >= 'a' && char <= 'z', char >= 'A' && char <= 'Z', char >= '0' && char <= '9', char == '/',
			char == '_', char == '.':
			b.WriteByte(char)
		default:
			b.WriteString(string([]byte{'%', hexadecimal[char>>4], hexadecimal[char&15]}))
		}
	}
	return b.String()
}
