package bench

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"text/tabwriter"
)

// A row is one line of the table.
type row struct {
	what   string
	ours   string
	peer   string // what it is held against, and its figure
	ratio  string
	budget string
	kept   bool
}

var (
	rowsMu sync.Mutex
	rows   []row
)

func report(b *testing.B, row row) {
	b.Helper()
	rowsMu.Lock()
	defer rowsMu.Unlock()
	rows = append(rows, row)
}

// TestMain runs this binary as a server or as clients when an argument says so, and
// prints the table behind the benchmarks.
func TestMain(m *testing.M) {
	run := func() error { return gitServer(os.Getenv(serveGit)) }
	if os.Getenv(runClients) != "" {
		run = clients
	}

	if os.Getenv(serveSSH) != "" {
		run = func() error { return sshServer(os.Getenv(serveSSH)) }
	}

	if os.Getenv(serveGit)+os.Getenv(runClients)+os.Getenv(serveSSH) != "" {
		if err := run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}

	code := m.Run()
	if len(rows) > 0 {
		fmt.Println()
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "WHAT\tOURS\tPEER\tRATIO\tBUDGET\t")

		for _, row := range rows {
			verdict := "kept"
			if !row.kept {
				verdict = "BROKEN"
			}

			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", row.what, row.ours, row.peer, row.ratio, row.budget, verdict)
		}

		w.Flush()
	}

	os.Exit(code)
}
