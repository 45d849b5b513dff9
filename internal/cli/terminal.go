package cli

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// terminal says whether a stream, in or out, is a person.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// A paint colours text, or leaves it as it is where that is not wanted.
type paint bool

// paintFor obeys NO_COLOR (https://no-color.org) and TERM.
func (p *program) paintFor(w io.Writer) paint {
	return paint(terminal(w) && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb")
}

// status colours the statuses of syncs.
func (on paint) status(text, status string) string {
	if !on {
		return text
	}

	switch status {
	case "SUCCEEDED":
		return "\x1b[32m" + text + "\x1b[0m"
	case "FAILED", "BLOCKED":
		return "\x1b[31m" + text + "\x1b[0m"
	case "IN_PROGRESS", "INITIATED", "QUEUED":
		return "\x1b[33m" + text + "\x1b[0m"
	}

	return text
}

// cell is a cell of a table, coloured as a status is.
func (on paint) cell(text, status string) cell {
	text = plain(text)
	return cell{text, on.status(text, status)}
}

// faint takes a text back.
func (on paint) faint(text string) string {
	if !on {
		return text
	}
	return "\x1b[2m" + text + "\x1b[0m"
}
