package output

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// Verbatim is text that [Fprintf] prints as it is, control characters included.
type Verbatim string

// Fprintf formats like [fmt.Fprintf], and removes unsafe characters from
// arguments that are strings.
func Fprintf(w io.Writer, format string, args ...any) error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = lockstep.SanitizeLine(text)
		}
	}
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

// ShortSHA returns the first characters of a commit's id.
func ShortSHA(sha string) string { return sha[:min(len(sha), 8)] }

// Commit returns branch@commit, or the branch alone if there is no commit.
func Commit(branch, sha string) string {
	if sha == "" {
		return branch
	}
	return branch + "@" + ShortSHA(sha)
}

// LocalTime returns a time in the zone of this machine, and "" for none.
func LocalTime(t wire.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// Duration returns a duration without units that are zero at its end: 1h, not
// 1h0m0s.
func Duration(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 && d != 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// CellWidth is the usual limit of long text in a table, in characters.
const CellWidth = 100

// Truncate returns text without unsafe characters, shortened to at most n
// characters. Text that was shortened ends with an ellipsis.
func Truncate(text string, n int) string {
	runes := []rune(lockstep.SanitizeLine(text))
	if len(runes) <= n {
		return string(runes)
	}
	return string(runes[:n-1]) + "…"
}

var shellSafe = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// QuoteWord quotes text for a shell. Use it after a flag or after --, where a
// leading hyphen does no harm; otherwise use [QuotePath].
func QuoteWord(text string) string {
	text = lockstep.SanitizeLine(text)
	if shellSafe.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// QuotePath quotes a path for a shell, so that it is not taken for a flag.
func QuotePath(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return QuoteWord(path)
}
