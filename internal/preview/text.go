package preview

import (
	"html"
	"strings"
	"unicode"

	"github.com/lockstephq/lockstep"
)

// code gives a text from outside as a code span of Markdown, at most n bytes of
// it: there nothing is a mention, a reference, a link, markup or HTML, on any
// host. What could end the span, or a table's cell, is put by what looks like it.
func code(text string, n int) string {
	text = oneLine(lockstep.Truncate(text, n))
	if text == "" {
		return "–"
	}
	return "`" + inSpan.Replace(text) + "`"
}

// The last would be a marker, by which the comment of another link is found.
var inSpan = strings.NewReplacer("`", "ˋ", "|", "│", "<!--", "<!‑‑")

// htmlCode is code where a host reads HTML and not Markdown.
func htmlCode(text string, n int) string {
	return "<code>" + html.EscapeString(inSpan.Replace(oneLine(lockstep.Truncate(text, n)))) + "</code>"
}

// oneLine gives a text on one line, without characters that do not show: some of
// them turn the order of others around.
func oneLine(text string) string {
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

// marked gives a text as it can stand in an HTML comment, different for different
// texts.
func marked(text string) string {
	const hexadecimal = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '/', c == '_', c == '.':
			b.WriteByte(c)
		default:
			b.WriteString(string([]byte{'%', hexadecimal[c>>4], hexadecimal[c&15]}))
		}
	}
	return b.String()
}
