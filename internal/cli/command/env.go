package command

import (
	"io"
	"os"
	"strings"

	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
)

// Env is the environment in which a command runs.
type Env struct {
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// server is the server in use, which ExitCode explains errors with.
	server client.Settings
}

// Printf prints to standard output, as [output.Fprintf] does.
func (e *Env) Printf(format string, args ...any) error {
	return output.Fprintf(e.Stdout, format, args...)
}

// Colors reports whether standard output shows colors. It obeys NO_COLOR
// (https://no-color.org) and TERM.
func (e *Env) Colors() output.Colors {
	return output.Colors(output.IsTerminal(e.Stdout) && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb")
}

// ReadFile reads a file of at most limit bytes, or standard input if name is
// "-". Errors call the file what; they never show what it holds.
func (e *Env) ReadFile(what, name string, limit int) (string, error) {
	source := e.Stdin
	if name == "-" {
		name = "standard input"
	} else {
		file, err := os.Open(name)
		if err != nil {
			return "", Usagef("Cannot read the %s: %s.", what, err)
		}
		defer file.Close()

		source = file
	}

	text, err := io.ReadAll(io.LimitReader(source, int64(limit)+1))
	if err != nil {
		return "", Usagef("Cannot read the %s: %s.", what, err)
	}
	if len(text) == 0 || len(text) > limit {
		return "", Usagef("Cannot use %s as the %s: it must have 1 to %d bytes.", name, what, limit)
	}

	return string(text), nil
}

// ReadSecret reads standard input, which must be one line of a length in bytes.
// It refuses a terminal, which would show the secret. Errors name the flag.
func (e *Env) ReadSecret(flag string, minLength, maxLength int) (string, error) {
	if err := e.RequirePipe(flag); err != nil {
		return "", err
	}

	text, err := io.ReadAll(io.LimitReader(e.Stdin, int64(maxLength)+3))
	if err != nil {
		return "", Usagef("--%s: cannot read standard input: %s.", flag, err)
	}

	secret := strings.TrimRight(string(text), "\r\n")
	if len(secret) < minLength || len(secret) > maxLength || strings.ContainsAny(secret, "\r\n") {
		return "", Usagef("--%s: standard input must be one line of %d to %d bytes.", flag, minLength, maxLength)
	}

	return secret, nil
}

// RequirePipe returns an error if standard input is a terminal, which would show
// the secret that a flag reads.
func (e *Env) RequirePipe(flag string) error {
	if !output.IsTerminal(e.Stdin) {
		return nil
	}
	return Usagef("--%s reads a secret from standard input, and a terminal would show it.", flag).
		WithHint("Pipe the secret in, for example: printenv GIT_TOKEN | lockstep connect NAME --token-stdin …")
}
