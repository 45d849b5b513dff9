package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lockstephq/lockstep"
)

// The exit codes. Those from ExitTimedOut on are of `lockstep wait`.
const (
	ExitOK       = 0
	ExitFailed   = 1
	ExitUsage    = 2
	ExitTimedOut = 3
	ExitBlocked  = 4
	ExitNotFound = 5 // there is no such resource
	ExitGitHost  = 6 // the repository, the branch or the commit cannot be read
	ExitPinned   = 7 // another commit was requested by its id
	ExitServer   = 8 // the Lockstep server cannot be reached, or refuses the caller
)

// Exit ends the program with a code. Nothing is printed: the command has said
// what happened.
type Exit int

// Error returns the code as text. It is never printed.
func (e Exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// Error is an error with advice and an exit code.
type Error struct {
	Problem string
	Hint    string // what to do about it; optional
	Code    int    // exit code
}

// Errorf returns an Error with the exit code [ExitFailed].
func Errorf(format string, args ...any) *Error {
	return &Error{Problem: fmt.Sprintf(format, args...), Code: ExitFailed}
}

// Usagef returns an Error for a command that was given wrongly, before anything
// was done.
func Usagef(format string, args ...any) *Error {
	return &Error{Problem: fmt.Sprintf(format, args...), Code: ExitUsage}
}

// WithHint adds what to do about the error, and returns it.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Error returns the problem.
func (e *Error) Error() string { return e.Problem }

// ExitCode prints an error, unless it is nil or an [Exit], and returns the
// program's exit code.
func (e *Env) ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if exit, ok := errors.AsType[Exit](err); ok {
		return int(exit)
	}
	if failed, ok := errors.AsType[*Error](err); ok {
		e.PrintError(failed.Problem, failed.Hint)
		return failed.Code
	}

	e.PrintError(e.server.Explain(err))
	return ExitFailed
}

// PrintError prints a problem, and below it the hint unless it is empty.
func (e *Env) PrintError(problem, hint string) {
	for i, line := range strings.Split(problem, "\n") {
		if i == 0 && !strings.HasPrefix(line, "lockstep ") { // the path of a command
			line = "lockstep: " + line
		}

		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		fmt.Fprintf(e.Stderr, "%s%s\n", indent, lockstep.SanitizeLine(line))
	}

	if hint != "" {
		fmt.Fprintf(e.Stderr, "  %s\n", lockstep.SanitizeLine(hint))
	}
}
