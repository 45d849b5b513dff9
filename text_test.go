package lockstep_test

import (
	"strings"
	"testing"

	"github.com/lockstephq/lockstep"
)

func TestSanitizeKeepsTheLayoutAndDropsWhatATerminalObeys(t *testing.T) {
	if got := lockstep.Sanitize(" a\x1b[2J\tb\r\n\u202ec\u009b "); got != " a[2J\tb\nc " {
		t.Errorf("Sanitize = %q", got)
	}
}

func TestSanitizeLineMakesOneLine(t *testing.T) {
	if got := lockstep.SanitizeLine("\n a\x1b[2J\tb\r\n\u202ec\u009b \n"); got != "a[2J b c" {
		t.Errorf("SanitizeLine = %q", got)
	}
}

func TestAttack28EveryKindOfUnsafeCharacterIsRemoved(t *testing.T) {
	unsafe := map[string]string{
		"escape":                 "\x1b",
		"carriage return":        "\r",
		"bell":                   "\a",
		"delete":                 "\x7f",
		"C1 introducer":          "\u009b",
		"C1 next line":           "\u0085",
		"line separator":         "\u2028",
		"paragraph separator":    "\u2029",
		"right-to-left override": "\u202e",
		"isolate":                "\u2066",
		"Arabic letter mark":     "\u061c",
	}
	for name, text := range unsafe {
		t.Run(name, func(t *testing.T) {
			if got := lockstep.Sanitize("a" + text + "b"); got != "ab" {
				t.Errorf("Sanitize = %q, want %q", got, "ab")
			}
			if got := strings.ReplaceAll(lockstep.SanitizeLine("a"+text+"b"), " ", ""); got != "ab" {
				t.Errorf("SanitizeLine = %q, want the letters alone", got)
			}
		})
	}
}

func TestSanitizeLineSeparatesTheLinesThatItJoins(t *testing.T) {
	for _, separator := range []string{"\n", "\r\n", "\t", "\u2028", "\u2029"} {
		if got := lockstep.SanitizeLine("a" + separator + "b"); got != "a b" {
			t.Errorf("SanitizeLine with %q = %q, want %q", separator, got, "a b")
		}
	}
}

func TestTruncateEndsAtTheBoundaryOfACharacter(t *testing.T) {
	tests := []struct {
		name     string
		text     string
		maxBytes int
		want     string
	}{
		{name: "short enough", text: "äöü", maxBytes: 6, want: "äöü"},
		{name: "between two characters", text: "äöü", maxBytes: 5, want: "ä…"},
		{name: "within a character", text: "aäöü", maxBytes: 5, want: "a…"},
		{name: "no room for a character", text: "äöü", maxBytes: 3, want: "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := lockstep.Truncate(test.text, test.maxBytes); got != test.want {
				t.Errorf("Truncate(%q, %d) = %q, want %q", test.text, test.maxBytes, got, test.want)
			}
		})
	}
}
