package server

import (
	"io"

	"github.com/lockstephq/lockstep"
)

// A screen writes for a person. What commands a terminal, or turns the
// direction of the text, is left out: file names and the words of stacks are
// whatever somebody has committed.
type screen struct{ io.Writer }

// Write wants whole characters, as fmt gives them.
func (s screen) Write(b []byte) (int, error) {
	if _, err := io.WriteString(s.Writer, lockstep.Sanitize(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}
