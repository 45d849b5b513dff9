package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/client"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitTimedOut    = 3
	exitNeedsPerson = 4
)

// A program is what a command may touch of the world around it.
type program struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	// server is the one in use, for the explanation of errors.
	server client.Settings
}

// Run runs the program and returns its exit code. It returns soon after ctx
// ends.
func Run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRootCommand(p)
	root.SetArgs(append([]string{}, args...)) // of nil cobra makes os.Args
	return p.fail(root.ExecuteContext(ctx))
}

// A usageError is a command given wrongly.
type usageError struct {
	problem string
	remedy  string // may be ""
}

// Error is the problem.
func (e *usageError) Error() string { return e.problem }

func usagef(format string, args ...any) *usageError {
	return &usageError{problem: fmt.Sprintf(format, args...)}
}

// try adds what to do about it.
func (e *usageError) try(remedy string) *usageError {
	e.remedy = remedy
	return e
}

// A failure is an error with something to do about it.
type failure struct {
	problem string
	remedy  string
}

// Error is the problem.
func (e *failure) Error() string { return e.problem }

// An exit ends the program with a code when everything has been said.
type exit int

// Error is for nobody: an exit is never printed.
func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// fail prints an error and gives the exit code, 0 for nil.
func (p *program) fail(err error) int {
	if err == nil {
		return exitOK
	}

	var code exit
	var usage *usageError
	var failed *failure
	switch {
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		p.complain(usage.problem, usage.remedy)
		return exitUsage
	case errors.As(err, &failed):
		p.complain(failed.problem, failed.remedy)
		return exitFailed
	}

	p.complain(p.server.Explain(err))
	return exitFailed
}

// complain prints what is wrong, a line each, and under it what to do.
func (p *program) complain(problem, remedy string) {
	for i, line := range strings.Split(problem, "\n") {
		if i == 0 && !strings.HasPrefix(line, "lockstep ") { // as a command's own path does
			line = "lockstep: " + line
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		fmt.Fprintf(p.stderr, "%s%s\n", indent, plain(line))
	}
	if remedy != "" {
		fmt.Fprintf(p.stderr, "  %s\n", plain(remedy))
	}
}

// plain is how a text from elsewhere is printed.
func plain(text string) string { return lockstep.SanitizeLine(text) }
