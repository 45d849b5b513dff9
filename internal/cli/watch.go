package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// watchEvery is how often watch asks.
const watchEvery = 500 * time.Millisecond

// watchPast is how many events it begins with.
const watchPast = 10

func newWatchCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "watch [RESOURCE]",
		Short: "Print sync events as they happen",
		Long: "Print the newest sync events, then each new one as it happens, until Ctrl-C.\n" +
			"-o json prints an event a line, -o yaml a document an event.",
		Args: arguments("[RESOURCE]"),
	}

	reach, format := reaches(p, c), formats(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		w := &watcher{p: p, remote: remote, format: *format, on: p.paintFor(p.stdout), running: map[string]running{}}
		w.progress = w.format == asTable && terminal(p.stdout)
		if len(args) == 1 {
			// Events know no missing resource; a misspelt name would be watched for ever.
			if _, err := configuration(c.Context(), remote, args[0]); err != nil {
				return err
			}
			w.input.ResourceName, w.input.SyncType = args[0], syncType
		}

		return w.watch(c.Context())
	}

	return c
}

// A watcher prints events.
type watcher struct {
	p        *program
	remote   *client.Client
	format   format
	on       paint
	input    wire.ListSyncEventsInput
	progress bool
	running  map[string]running // by attempt
	lost     bool               // the server does not answer any more
}

// running is an attempt that has begun and not ended.
type running struct {
	name  string
	since time.Time
}

func (w *watcher) watch(ctx context.Context) error {
	size, begun := watchPast, false
	w.input.MaxResults = &size
	for {
		out, err := w.remote.ListSyncEvents(ctx, &w.input)
		switch {
		case ctx.Err() != nil:
			w.clear()
			return nil
		case err == nil:
			begun, size, w.lost = true, 100, false
			if err := w.take(out); err != nil {
				return err
			}
		case !begun || !w.heals(err):
			w.clear()
			return err
		}

		w.draw()
		full := err == nil && len(out.Events) == size
		if !full && !sleep(ctx, watchEvery) {
			w.clear()
			return nil
		}
	}
}

// heals lets pass that the server is being started anew, and says so once.
func (w *watcher) heals(err error) bool {
	if !client.Unreachable(err) && client.Code(err) != "ThrottlingException" {
		return false
	}
	if !w.lost {
		w.lost = true
		w.clear()
		problem, _ := w.p.server.Explain(err)
		w.p.complain(problem, "Going on watching.")
	}
	return true
}

func (w *watcher) take(out *wire.ListSyncEventsOutput) error {
	w.input.After = out.NextCursor
	if len(out.Events) > 0 {
		w.clear()
	}
	for _, e := range out.Events {
		w.follow(e)
		if err := w.print(e); err != nil {
			return err
		}
	}
	return nil
}

// follow keeps the books of what is running.
func (w *watcher) follow(e wire.SyncEvent) {
	if e.Status == "SUCCEEDED" || e.Status == "FAILED" {
		delete(w.running, e.AttemptId)
		return
	}
	if _, known := w.running[e.AttemptId]; !known && e.ResourceName != "" {
		w.running[e.AttemptId] = running{e.ResourceName, e.Time.Time}
	}
}

func (w *watcher) print(e wire.SyncEvent) error {
	switch w.format {
	case asJSON:
		return writeLine(w.p.stdout, e)
	case asYAML:
		if _, err := fmt.Fprintln(w.p.stdout, "---"); err != nil {
			return err
		}
		return asYAML.write(w.p.stdout, e)
	}

	about := e.ResourceName
	if about == "" {
		about = "repository " + e.Branch
	}

	if e.Sha != "" {
		about += "@" + short(e.Sha)
	}

	_, err := fmt.Fprintf(w.p.stdout, "%s  %-24s  %s  %s\n", w.on.faint(e.Time.Local().Format(time.TimeOnly)), plain(about),
		w.on.status(fmt.Sprintf("%-31s", plain(e.Type)), e.Status), plain(e.Event))
	return err
}

// draw writes the line of progress, which the next event takes the place of.
func (w *watcher) draw() {
	if !w.progress || len(w.running) == 0 {
		return
	}

	var names []string
	all := make([]running, 0, len(w.running))
	for _, r := range w.running {
		all = append(all, r)
	}

	slices.SortFunc(all, func(a, b running) int {
		return cmp.Or(a.since.Compare(b.since), strings.Compare(a.name, b.name))
	})
	for _, r := range all {
		names = append(names, fmt.Sprintf("%s %s", plain(r.name), max(0, time.Since(r.since)).Truncate(time.Second)))
	}

	// A line that the terminal would wrap could not be taken back: no wrapping.
	fmt.Fprintf(w.p.stdout, "\r\x1b[K\x1b[?7l%s\x1b[?7h", cut("syncing "+strings.Join(names, ", "), 200))
}

func (w *watcher) clear() {
	if w.progress {
		fmt.Fprint(w.p.stdout, "\r\x1b[K")
	}
}
