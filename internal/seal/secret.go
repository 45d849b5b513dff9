package seal

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[hidden]"

// A Secret is a text that does not show itself: not in logs, whatever the
// handler, not through fmt, whatever the verb, and not in JSON, YAML or a
// column. The zero value is the empty secret, which prints as nothing, so that
// a configuration dump tells set from unset.
type Secret struct {
	// A pointer: fmt cannot call methods on unexported fields and would print
	// a plain string held there.
	text *string
}

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal gives the text to whoever must use it. It is the only way to it, so
// that a search for the name finds every use.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Equal compares two secrets in a time that depends on their lengths alone.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String gives a placeholder.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return hidden
}

// Format writes the placeholder for every verb, %x and %#v included.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String())
}

// LogValue gives the placeholder to every slog handler.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText gives the placeholder to every encoder that asks for text: JSON and
// YAML among them.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a secret from a configuration file.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
