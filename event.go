package lockstep

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Event is a fact inside an attempt, written for the attempt's owner.
type Event struct {
	Time       time.Time
	Type       string // a constant such as CHANGESET_CREATION_SUCCEEDED
	Message    string // a sentence; on the wire it is called Event
	ExternalID string // what the fact is about: an ARN, a stack id, a SHA; "" for none
}

// MaxMessage is the longest message of an event, in bytes.
const MaxMessage = 2000

// Cut shortens a text to n bytes at a character's end and says so with an
// ellipsis.
func Cut(s string, n int) string {
	const ellipsis = "…"
	if len(s) <= n {
		return s
	}
	n = max(0, n-len(ellipsis))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ellipsis
}

// Plain makes one line of a text from elsewhere, without what would command a
// terminal or turn the direction of the text.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.TrimSpace(s))
}
