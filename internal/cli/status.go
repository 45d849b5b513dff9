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
		Long: "Show all resources with their latest sync, or one resource with everything that happened in it. Flags narrow the\n" +
			"list to the resources that all of them fit; they are then counted in its last line.\n\n" +
			"  COMMIT   branch@commit of the latest sync\n" +
			"  WANTED   the commit to be brought there, where it is another\n" +
			"  LAST     what happened last; of a failure, what caused it",
		Args: arguments("[RESOURCE]"),
	}

	reach, format, narrow := reaches(p, c), formats(c), narrows(c)
	var in wire.ListResourceSyncsInput
	c.PreRunE = func(c *cobra.Command, args []string) (err error) {
		if in, err = narrow.input(c); err == nil && len(args) == 1 && in.IncludeCounts != nil {
			err = usagef("%s: give either RESOURCE or flags that narrow the list.", c.CommandPath())
		}
		return err
	}
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		if len(args) == 1 {
			return p.showResource(ctx, remote, args[0], *format)
		}
		return p.showFleet(ctx, remote, in, *format)
	})

	return c
}

// A narrowing holds the flags that narrow a list of resources.
type narrowing struct {
	repository, branch, status string
	blocked, neverSynced       bool
}

func narrows(c *cobra.Command) *narrowing {
	n := &narrowing{}
	f := c.Flags()
	f.StringVar(&n.repository, "repository", "", "only those of this repository: OWNER/NAME")
	f.StringVar(&n.branch, "branch", "", "only those that follow this branch")
	f.StringVar(&n.status, "status", "", "only those whose latest sync is INITIATED, IN_PROGRESS, SUCCEEDED or FAILED")
	f.BoolVar(&n.blocked, "blocked", false, "only those that a person has to unblock; --blocked=false for all others")
	f.BoolVar(&n.neverSynced, "never-synced", false, "only those that had no sync yet; --never-synced=false for all others")
	return n
}

// input is what the flags ask for; with counts if they narrow anything.
func (n *narrowing) input(c *cobra.Command) (wire.ListResourceSyncsInput, error) {
	in := wire.ListResourceSyncsInput{Branch: n.branch, Status: strings.ToUpper(strings.ReplaceAll(n.status, "-", "_"))}
	if n.repository != "" {
		if in.OwnerId, in.RepositoryName = splitRepository(n.repository); in.RepositoryName == "" {
			return in, usagef("%s: --repository %q is not OWNER/NAME.", c.CommandPath(), n.repository)
		}
	}

	switch in.Status {
	case "", "INITIATED", "IN_PROGRESS", "SUCCEEDED", "FAILED":
	default:
		return in, usagef("%s: --status %q is none of INITIATED, IN_PROGRESS, SUCCEEDED, FAILED.", c.CommandPath(), n.status).
			try("What is blocked is listed with --blocked, what had no sync yet with --never-synced.")
	}

	f := c.Flags()
	if f.Changed("blocked") {
		in.Blocked = &n.blocked
	}

	if f.Changed("never-synced") {
		in.NeverSynced = &n.neverSynced
	}

	if in != (wire.ListResourceSyncsInput{}) {
		in.IncludeCounts = new(true)
	}

	return in, nil
}

// fleetStatus is the document of `status`.
type fleetStatus struct {
	ResourceSyncs []fleetMember
	Counts        *wire.ResourceSyncCounts `json:",omitzero"`
}

// fleetMember is a resource with what happened last.
type fleetMember struct {
	wire.ResourceSyncSummary
	LastEvent *wire.ResourceSyncEvent `json:",omitzero"`
}

func (p *program) showFleet(ctx context.Context, remote *client.Client, in wire.ListResourceSyncsInput, f format) error {
	var counts *wire.ResourceSyncCounts
	if in.IncludeCounts != nil {
		counts = &wire.ResourceSyncCounts{}
	}

	syncs, err := client.All(remote.ResourceSyncs(ctx, in, counts))
	if err != nil {
		return err
	}

	all, err := tell(ctx, remote, syncs)
	if err != nil {
		return err
	}
	if f != asTable {
		return f.write(p.stdout, fleetStatus{all, counts})
	}

	if len(all) == 0 && counts != nil {
		_, err := fmt.Fprintln(p.stdout, "No resource is so.")
		return err
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

	if counts != nil {
		t.addLine(counted(*counts))
	}

	return t.write(p.stdout)
}

// counted writes counts as a sentence, without those that are nought.
func counted(n wire.ResourceSyncCounts) string {
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{n.Succeeded, "succeeded"}, {n.Failed, "failed"}, {n.InProgress, "in progress"}, {n.Initiated, "initiated"}, {n.NeverSynced, "never synced"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}

	text := fmt.Sprintf("%d in all: %s", n.Total, strings.Join(parts, ", "))
	if n.Blocked > 0 {
		text += fmt.Sprintf("; %d blocked", n.Blocked)
	}

	return text
}

// tell asks what happened last, of those first that are not well.
func tell(ctx context.Context, remote *client.Client, syncs []wire.ResourceSyncSummary) ([]fleetMember, error) {
	all := make([]fleetMember, len(syncs))
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
