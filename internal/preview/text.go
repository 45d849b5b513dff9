package preview

import (
	"html"
	"strings"
	"unicode"

	"github.com/lockstephq/lockstep"
)

// codeSpan gives a text from outside as a code span of Markdown, at most n bytes of
// it: there nothing is a mention, a reference, a link, markup or HTML, on any
// host. What could end the span, or a table's cell, is put by what looks like it.
func codeSpan(text string, n int) string {
	text = singleLine(lockstep.Truncate(text, n))
	if text == "" {
		return "–"
	}
	return "`" + inSpan.Replace(text) + "`"
}

// The last would be a marker, by which the comment of another link is found.
var inSpan = strings.NewReplacer("`", "ˋ", "|", "│", "<!--", "<!‑‑")

// htmlCode is code where a host reads HTML and not Markdown.
func htmlCode(text string, n int) string {
	return "<code>" + html.EscapeString(inSpan.Replace(singleLine(lockstep.Truncate(text, n)))) + "</code>"
}

// singleLine gives a text on one line, without characters that do not show: some of
// them turn the order of others around.
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

// escapeMarker gives a text as it can stand in an HTML comment, different for different
// texts.
func escapeMarker(text string) string {
	const hexadecimal = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		switch char := text[i]; {
		case char >= 'a' && char <= 'z', char >= 'A' && char <= 'Z', char >= '0' && char <= '9', char == '/', char == '_', char == '.':
			b.WriteByte(char)
		default:
			b.WriteString(string([]byte{'%', hexadecimal[char>>4], hexadecimal[char&15]}))
		}
	}
	return b.String()
}
