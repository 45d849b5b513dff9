package output

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/lockstephq/lockstep"
)

// A Cell is text in a table, possibly colored. See [Colors.Cell].
type Cell struct{ text, colored string }

// A Table aligns columns. The width of a column ignores colors, and the last
// cell of a row: a row of one cell may be of any length.
type Table struct{ rows [][]Cell }

// Add adds a row. A value that is not a [Cell] is printed without unsafe
// characters.
func (t *Table) Add(values ...any) {
	row := make([]Cell, len(values))
	for i, value := range values {
		cell, ok := value.(Cell)
		if !ok {
			text := lockstep.SanitizeLine(fmt.Sprint(value))
			cell = Cell{text, text}
		}
		row[i] = cell
	}
	t.rows = append(t.rows, row)
}

// AddDetail adds an indented line below a row, without unsafe characters.
func (t *Table) AddDetail(text string) { t.addLine("    " + lockstep.SanitizeLine(text)) }

// AddLine adds a line, without unsafe characters.
func (t *Table) AddLine(text string) { t.addLine(lockstep.SanitizeLine(text)) }

func (t *Table) addLine(line string) { t.rows = append(t.rows, []Cell{{line, line}}) }

// Write prints the table.
func (t *Table) Write(w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row[:max(0, len(row)-1)] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell.text))
		}
	}

	var text strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell.colored)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell.text)+2))
			}
		}

		text.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}

	_, err := io.WriteString(w, text.String())
	return err
}

// WriteList prints the table, or the sentence empty if the table has nothing but
// its heading.
func (t *Table) WriteList(w io.Writer, empty string) error {
	if len(t.rows) == 1 {
		return Fprintf(w, "%s\n", empty)
	}
	return t.Write(w)
}
