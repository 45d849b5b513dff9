package local

import (
	"io"

	"github.com/lockstephq/lockstep"
)

// A screen is a writer for people. It sanitizes what it writes, because everyone who can commit
// to a repository controls file names and the events of stacks.
type screen struct{ io.Writer }

// Write expects whole characters, as package fmt writes them.
func (s screen) Write(b []byte) (int, error) {
	if _, err := io.WriteString(s.Writer, lockstep.Sanitize(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}
