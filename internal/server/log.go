package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"

	"github.com/lockstephq/lockstep"
)

// newLogger returns a logger that writes lines to w in a format, text or json.
func newLogger(format string, w io.Writer) *slog.Logger {
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, nil)) // quotes what cannot be printed
	}
	return slog.New(slog.NewJSONHandler(escapingWriter{w}, nil))
}

// An escapingWriter escapes in lines of JSON the characters that a terminal may obey and
// that package slog writes as they are. All of them are inside strings.
type escapingWriter struct{ io.Writer }

// Write expects whole lines.
func (w escapingWriter) Write(line []byte) (int, error) {
	if _, err := w.Writer.Write(escapeUnsafe(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

func escapeUnsafe(line []byte) []byte {
	isUnsafe := func(r rune) bool { return r != '\n' && lockstep.IsUnsafe(r) }
	if !bytes.ContainsFunc(line, isUnsafe) {
		return line
	}

	var escaped bytes.Buffer
	for _, r := range string(line) {
		if isUnsafe(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.WriteRune(r)
		}
	}

	return escaped.Bytes()
}
