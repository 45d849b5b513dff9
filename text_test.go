package lockstep_test

import (
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
