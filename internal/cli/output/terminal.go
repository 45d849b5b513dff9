package output

import (
	"os"

	"github.com/mattn/go-isatty"

	"github.com/lockstephq/lockstep"
)

// IsTerminal reports whether a stream, input or output, is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// Colors colors text if it is true.
type Colors bool

// Status returns text in the color of a sync status.
func (c Colors) Status(text, status string) Verbatim {
	switch status {
	case "SUCCEEDED", "IN_STEP":
		return c.color(text, "32")
	case "FAILED", "BLOCKED", "UNKNOWN":
		return c.color(text, "31")
	case "IN_PROGRESS", "INITIATED", "QUEUED", "SYNCING", "BEHIND", "PINNED":
		return c.color(text, "33")
	}
	return c.color(text, "")
}

// Cell returns a table cell in the color of a sync status.
func (c Colors) Cell(text, status string) Cell {
	text = lockstep.SanitizeLine(text)
	return Cell{text, string(c.Status(text, status))}
}

// Faint returns faint text.
func (c Colors) Faint(text string) Verbatim { return c.color(text, "2") }

func (c Colors) color(text, code string) Verbatim {
	if !c || code == "" {
		return Verbatim(text)
	}
	return Verbatim("\x1b[" + code + "m" + text + "\x1b[0m")
}
