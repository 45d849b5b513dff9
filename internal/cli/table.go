package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A cell is a text, and the same text coloured.
type cell struct{ text, shown string }

// A table aligns columns; colours do not count. Nor does the last cell of a row,
// since nothing stands behind it: a row of one cell may be as long as it likes.
type table struct{ rows [][]cell }

func (t *table) add(cells ...any) {
	row := make([]cell, len(cells))
	for i, c := range cells {
		if painted, ok := c.(cell); ok {
			row[i] = painted
		} else {
			text := plain(fmt.Sprint(c))
			row[i] = cell{text, text}
		}
	}
	t.rows = append(t.rows, row)
}

// addLine adds a row of one cell, as it is: its indentation stays.
func (t *table) addLine(line string) { t.rows = append(t.rows, []cell{{line, line}}) }

// write prints the rows.
func (t *table) write(w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row[:max(0, len(row)-1)] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}

	var b strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, c := range row {
			line.WriteString(c.shown)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}

		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}

	_, err := io.WriteString(w, b.String())
	return err
}

// listed prints a table, or a sentence where it has nothing but its title.
func (p *program) listed(t *table, none string) error {
	if len(t.rows) == 1 {
		_, err := fmt.Fprintln(p.stdout, none)
		return err
	}
	return t.write(p.stdout)
}

// short is how a commit is written for a person.
func short(sha string) string {
	if len(sha) <= 8 {
		return sha
	}
	return sha[:8]
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}
