package local

import "fmt"

// The exit codes of the program.
const (
	exitFailure = 1
	exitUsage   = 2
)

// An Exit is an error with the exit code of the program. An empty Message means that the message has
// been printed.
type Exit struct {
	Code    int
	Message string
}

// Error returns the message.
func (e *Exit) Error() string { return e.Message }

// usageErrorf returns an error for a command that cannot be run as it was given.
func usageErrorf(format string, args ...any) error {
	return &Exit{Code: exitUsage, Message: fmt.Sprintf(format, args...)}
}
