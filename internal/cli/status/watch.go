package status

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

const (
	// watchInterval is the time between two requests.
	watchInterval = 500 * time.Millisecond
	// watchHealthInterval is the time between two requests for the health of the
	// resource.
	watchHealthInterval = time.Second
	// watchHistory is how many past events watch prints first.
	watchHistory = 10
)

// NewWatchCommand returns the command watch.
func NewWatchCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch [RESOURCE]",
		Short: "Print sync events as they happen",
		Long: "Print the newest sync events, then each new one as it happens, until you press Ctrl-C.\n" +
			"With RESOURCE, also print when its repository cannot be read, and when it can again.\n" +
			"-o json prints one line per event, -o yaml one document per event.",
		Args: command.Args("[RESOURCE]"),
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		watcher := &watcher{
			env:      env,
			remote:   remote,
			format:   *format,
			colors:   env.Colors(),
			progress: !format.IsDocument() && output.IsTerminal(env.Stdout),
			running:  map[string]runningAttempt{},
		}
		if len(args) == 1 {
			// ListSyncEvents accepts unknown names, and a misspelled one would wait for ever.
			if _, err := command.Configuration(ctx, remote, args[0]); err != nil {
				return err
			}
			watcher.request.ResourceName, watcher.request.SyncType = args[0], command.SyncType
		}

		return watcher.watch(ctx)
	})

	return cmd
}

// A watcher prints events.
type watcher struct {
	env         *command.Env
	remote      *client.Client
	format      output.Format
	colors      output.Colors
	request     wire.ListSyncEventsInput
	progress    bool                      // whether there is a progress line
	running     map[string]runningAttempt // by ID of the attempt
	unreachable bool                      // whether the last request failed
	healthAt    time.Time                 // when the health was last requested
	unreadable  bool                      // whether the repository could not be read then
}

// A runningAttempt has begun and not ended.
type runningAttempt struct {
	resource string
	since    time.Time
}

func (w *watcher) watch(ctx context.Context) error {
	size, begun := watchHistory, false
	w.request.MaxResults = &size
	defer w.clearProgress()

	for {
		response, err := w.remote.ListSyncEvents(ctx, &w.request)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			begun, size, w.unreachable = true, 100, false
			if err := w.printEvents(response); err != nil {
				return err
			}
			if err := w.watchHealth(ctx); err != nil {
				return err
			}
		case !begun || !w.ignoreTransient(err):
			return err
		}

		w.printProgress()
		fullPage := err == nil && len(response.Events) == size
		if !fullPage && !sleep(ctx, watchInterval) {
			return nil
		}
	}
}

// ignoreTransient reports whether time heals an error, and prints the first of a
// series.
func (w *watcher) ignoreTransient(err error) bool {
	if !client.Unreachable(err) && client.Code(err) != "ThrottlingException" {
		return false
	}

	if !w.unreachable {
		w.unreachable = true
		w.clearProgress()
		problem, _ := w.remote.Settings().Explain(err)
		w.env.PrintError(problem, "Still watching.")
	}
	return true
}

func (w *watcher) printEvents(response *wire.ListSyncEventsOutput) error {
	w.request.After = response.NextCursor
	if len(response.Events) > 0 {
		w.clearProgress()
	}

	for _, event := range response.Events {
		w.track(event)
		if err := w.printEvent(event); err != nil {
			return err
		}
	}
	return nil
}

// watchHealth prints a line if the repository of the resource has become unreadable
// or readable since the last call. These are events of the repository, not of the
// resource. It ignores errors: a caller who may not read the health watches events.
func (w *watcher) watchHealth(ctx context.Context) error {
	if w.request.ResourceName == "" || time.Since(w.healthAt) < watchHealthInterval {
		return nil
	}

	w.healthAt = time.Now()
	health, err := healthOf(ctx, w.remote, w.request.ResourceName)
	if err != nil || health == nil {
		return nil
	}

	unreadable := health.Status == wire.HealthUnknown || !health.NextProbeAt.IsZero()
	if unreadable == w.unreadable {
		return nil
	}

	w.unreadable = unreadable
	text := "The repository can be read again."
	if unreadable {
		text = "The repository cannot be read: " + health.Reason
		if health.Status != wire.HealthUnknown {
			text = health.Reason // it has a sentence about the repository
		}
	}

	w.clearProgress()
	stream := w.env.Stdout
	if w.format.IsDocument() {
		stream = w.env.Stderr // it is no event of the API
	}

	return output.Fprintf(stream, "%s  %s  %s\n", time.Now().Format(time.TimeOnly), w.request.ResourceName, text)
}

// track records which attempts are running.
func (w *watcher) track(event wire.SyncEvent) {
	if event.Status == "SUCCEEDED" || event.Status == "FAILED" {
		delete(w.running, event.AttemptId)
		return
	}
	if _, known := w.running[event.AttemptId]; !known && event.ResourceName != "" {
		w.running[event.AttemptId] = runningAttempt{event.ResourceName, event.Time.Time}
	}
}

func (w *watcher) printEvent(event wire.SyncEvent) error {
	switch w.format {
	case output.FormatJSON:
		return output.WriteLine(w.env.Stdout, event)
	case output.FormatYAML:
		if err := w.env.Printf("---\n"); err != nil {
			return err
		}
		return w.format.Write(w.env.Stdout, event)
	}

	subject := event.ResourceName
	if subject == "" {
		subject = "repository " + event.Branch
	}
	if event.Sha != "" {
		subject += "@" + output.ShortSHA(event.Sha)
	}

	eventType := fmt.Sprintf("%-31s", lockstep.SanitizeLine(event.Type))
	return w.env.Printf("%s  %-24s  %s  %s\n", w.colors.Faint(event.Time.Local().Format(time.TimeOnly)),
		subject, w.colors.Status(eventType, event.Status), event.Event)
}

// printProgress prints the progress line, which the next event replaces.
func (w *watcher) printProgress() {
	if !w.progress || len(w.running) == 0 {
		return
	}

	attempts := make([]runningAttempt, 0, len(w.running))
	for _, attempt := range w.running {
		attempts = append(attempts, attempt)
	}

	slices.SortFunc(attempts, func(a, b runningAttempt) int {
		return cmp.Or(a.since.Compare(b.since), strings.Compare(a.resource, b.resource))
	})

	var names []string
	for _, attempt := range attempts {
		elapsed := max(0, time.Since(attempt.since)).Truncate(time.Second)
		names = append(names, fmt.Sprintf("%s %s", attempt.resource, elapsed))
	}

	// Without wrapping: a line that the terminal wraps could not be cleared.
	_ = w.env.Printf("\r\x1b[K\x1b[?7l%s\x1b[?7h", output.Truncate("syncing "+strings.Join(names, ", "), 200))
}

func (w *watcher) clearProgress() {
	if w.progress {
		_ = w.env.Printf("\r\x1b[K")
	}
}
