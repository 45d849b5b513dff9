package seal

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const hidden = "[hidden]"

// A Secret is a text that does not appear in logs, formatted output, JSON, YAML or
// columns. The zero value is the empty secret, which is formatted as "", so that a
// dump of a configuration shows whether it is set.
type Secret struct {
	// text is a pointer because fmt prints unexported fields without calling their
	// methods.
	text *string
}

// NewSecret returns a secret with a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text. It is the only way to get it, so that a search for the
// name finds every use.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Equal compares two secrets in a time that depends only on their lengths.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns a placeholder.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return hidden
}

// Format writes the placeholder for every verb, including %x and %#v.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String())
}

// LogValue returns the placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the placeholder to encoders of text, such as JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the text, from a configuration file.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
