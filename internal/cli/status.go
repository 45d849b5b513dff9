package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// syncType is the only one that there is.
const syncType = "CFN_STACK_SYNC"

// maxTold is how many resources of a list get told what happened last, each
// for a request of its own. Those that are not well come first.
const maxTold = 25

// lastWidth is how much of that a line of the list shows.
const lastWidth = 100

func newStatusCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "status [RESOURCE]",
		Short: "Show which resources are in step with Git",
		Long: "Show all resources with their latest sync, or one resource with everything that happened in it.\n\n" +
			"  COMMIT   branch@commit of the latest sync\n" +
			"  WANTED   the commit to be brought there, where it is another\n" +
			"  LAST     what happened last; of a failure, what caused it",
		Args: arguments("[RESOURCE]"),
	}
	reach, format := reaches(p, c), formats(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return p.showResource(c.Context(), remote, args[0], *format)
		}
		return p.showFleet(c.Context(), remote, *format)
	}
	return c
}

// fleet is the document of `status`.
type fleet struct {
	ResourceSyncs []told
}

// told is a resource with what happened last.
type told struct {
	wire.ResourceSyncSummary
	LastEvent *wire.ResourceSyncEvent `json:",omitzero"`
}

func (p *program) showFleet(ctx context.Context, remote *client.Client, f format) error {
	syncs, err := client.All(remote.ResourceSyncs(ctx, wire.ListResourceSyncsInput{}, nil))
	if err != nil {
		return err
	}
	all, err := tell(ctx, remote, syncs)
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, fleet{all})
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(p.stdout, "Nothing is synced yet. `lockstep sync create` makes a sync configuration; `lockstep up PATH` syncs a repository.")
		return err
	}
	on, t := p.paintFor(p.stdout), &table{}
	t.add("RESOURCE", "STATUS", "COMMIT", "WANTED", "STARTED", "LAST")
	for _, r := range all {
		status := statusOf(r.ResourceSyncSummary)
		last := ""
		if r.LastEvent != nil {
			last = cut(plain(r.LastEvent.Event), lastWidth)
		}
		t.add(r.ResourceName, cell{status, on.status(status, status)}, at(r.Branch, r.TargetSha),
			wanted(r.DesiredSha, r.TargetSha), moment(r.StartedAt), last)
	}
	return t.write(p.stdout)
}

// tell asks what happened last, of those first that are not well.
func tell(ctx context.Context, remote *client.Client, syncs []wire.ResourceSyncSummary) ([]told, error) {
	all := make([]told, len(syncs))
	left := maxTold
	for _, well := range []bool{false, true} {
		for i, s := range syncs {
			all[i].ResourceSyncSummary = s
			if (s.Status == "SUCCEEDED") != well || s.Status == "" || left == 0 {
				continue
			}
			left--
			status, err := resourceStatus(ctx, remote, s.ResourceName)
			if err != nil {
				return nil, err
			}
			if status != nil {
				all[i].LastEvent = telling(status.LatestSync)
			}
		}
	}
	return all, nil
}

// telling picks the event that says most: the first failure of a failed sync,
// since those after it follow from it; else the last event.
func telling(attempt wire.ResourceSyncAttempt) *wire.ResourceSyncEvent {
	events := attempt.Events
	if len(events) == 0 {
		return nil
	}
	if attempt.Status == "FAILED" {
		for i := range events {
			if events[i].Type == "STACK_RESOURCE_FAILED" {
				return &events[i]
			}
		}
		for i := range events {
			if strings.HasSuffix(events[i].Type, "_FAILED") || strings.HasSuffix(events[i].Type, "_BLOCKED") {
				return &events[i]
			}
		}
	}
	return &events[len(events)-1]
}

// statusOf is the word for where a resource stands.
func statusOf(s wire.ResourceSyncSummary) string {
	switch {
	case s.Blocked:
		return "BLOCKED"
	case s.Status == "":
		return "NEVER SYNCED"
	}
	return s.Status
}

// at writes a commit of a branch.
func at(branch, sha string) string {
	if sha == "" {
		return branch
	}
	return branch + "@" + short(sha)
}

func wanted(desired, target string) string {
	if desired == target {
		return ""
	}
	return short(desired)
}

// moment writes a time for a person, in the time zone of this machine.
func moment(t wire.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
