package status

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxSummarized is how many resources of a list are shown with their last event,
// which takes one request each. Those that are not well come first.
const maxSummarized = 25

// NewCommand returns the command status.
func NewCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [RESOURCE]",
		Short: "Show sync status",
		Long: "Show the latest sync of all resources, or one resource with the events of its latest sync. Flags\n" +
			"filter the list; its last line then counts the resources that match.\n\n" +
			"  STATUS      how the latest sync ended, or BLOCKED\n" +
			"  HEALTH      IN_STEP   as Git says\n" +
			"              SYNCING   a sync is running\n" +
			"              BEHIND    a newer commit waits, or another one was requested by its id\n" +
			"              FAILED    the sync of the desired commit failed\n" +
			"              BLOCKED   nothing is synced until a person acts\n" +
			"              UNKNOWN   the repository or the branch cannot be read\n" +
			"  COMMIT      branch@commit of the latest sync\n" +
			"  DESIRED     the commit to sync to, if it is another\n" +
			"  LAST EVENT  why the resource is not in step or, if it is, what happened last\n\n" +
			"Resources that are not in step come first.",
		Example: "  lockstep status\n" +
			"  lockstep status web\n" +
			"  lockstep status --status failed --branch main\n" +
			"  lockstep status --health unknown",
		Args: command.Args("[RESOURCE]"),
	}

	server, format, filter := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd), addListFilter(cmd)
	var request wire.ListResourceSyncsInput
	cmd.PreRunE = func(cmd *cobra.Command, args []string) (err error) {
		if request, err = filter.request(cmd); err == nil && len(args) == 1 && request.IncludeCounts != nil {
			err = command.Usagef("%s: give either RESOURCE or flags that filter the list.", cmd.CommandPath())
		}
		return err
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		if len(args) == 1 {
			return showResource(ctx, env, remote, args[0], *format)
		}
		return showFleet(ctx, env, remote, request, *format)
	})

	return cmd
}

// A listFilter holds the flags that filter a list of resources.
type listFilter struct {
	repository, branch, status, health string
	blocked, neverSynced               bool
}

func addListFilter(cmd *cobra.Command) *listFilter {
	filter := &listFilter{}
	flags := cmd.Flags()
	flags.StringVar(&filter.repository, "repository", "", "only resources of this repository: OWNER/NAME")
	flags.StringVar(&filter.branch, "branch", "", "only resources that track this branch")
	flags.StringVar(&filter.status, "status", "",
		"only resources whose latest sync is INITIATED, IN_PROGRESS, SUCCEEDED or FAILED")
	flags.StringVar(&filter.health, "health", "",
		"only resources whose health is IN_STEP, SYNCING, BEHIND, FAILED, BLOCKED or UNKNOWN")
	flags.BoolVar(&filter.blocked, "blocked", false, "only blocked resources; --blocked=false for all others")
	flags.BoolVar(&filter.neverSynced, "never-synced", false,
		"only resources without any sync; --never-synced=false for all others")
	return filter
}

// request returns the flags as a request, which includes counts if there are any.
func (f *listFilter) request(cmd *cobra.Command) (wire.ListResourceSyncsInput, error) {
	status := constant(f.status)
	request := wire.ListResourceSyncsInput{Branch: f.branch, Status: status, Health: constant(f.health)}
	if f.repository != "" {
		request.OwnerId, request.RepositoryName = command.SplitRepository(f.repository)
		if request.RepositoryName == "" {
			return request, command.Usagef("%s: --repository %q must be OWNER/NAME.", cmd.CommandPath(), f.repository)
		}
	}

	switch status {
	case "", "INITIATED", "IN_PROGRESS", "SUCCEEDED", "FAILED":
	default:
		return request, command.Usagef("%s: --status %q must be INITIATED, IN_PROGRESS, SUCCEEDED or FAILED.",
			cmd.CommandPath(), f.status).
			WithHint("--blocked lists blocked resources, --never-synced those without any sync.")
	}

	switch request.Health {
	case "", wire.HealthInStep, wire.HealthSyncing, wire.HealthBehind, wire.HealthFailed, wire.HealthBlocked,
		wire.HealthUnknown:
	default:
		return request, command.Usagef("%s: --health %q must be IN_STEP, SYNCING, BEHIND, FAILED, BLOCKED or UNKNOWN.",
			cmd.CommandPath(), f.health)
	}

	if cmd.Flags().Changed("blocked") {
		request.Blocked = &f.blocked
	}

	if cmd.Flags().Changed("never-synced") {
		request.NeverSynced = &f.neverSynced
	}

	if request != (wire.ListResourceSyncsInput{}) {
		request.IncludeCounts = new(true)
	}

	return request, nil
}

// constant returns a flag's value as the API spells it: in-step is IN_STEP.
func constant(value string) string { return strings.ToUpper(strings.ReplaceAll(value, "-", "_")) }

// fleetStatus is the document of status.
type fleetStatus struct {
	ResourceSyncs []fleetMember
	Counts        *wire.ResourceSyncCounts `json:",omitzero"`
}

// fleetMember is a resource with its last event.
type fleetMember struct {
	wire.ResourceSyncSummary
	LastEvent *wire.ResourceSyncEvent `json:",omitzero"`
}

func showFleet(
	ctx context.Context, env *command.Env, remote *client.Client,
	request wire.ListResourceSyncsInput, format output.Format,
) error {
	var counts *wire.ResourceSyncCounts
	if request.IncludeCounts != nil {
		counts = &wire.ResourceSyncCounts{}
	}

	syncs, err := client.All(remote.ResourceSyncs(ctx, request, counts))
	if err != nil {
		return err
	}
	if !format.IsDocument() {
		slices.SortStableFunc(syncs, func(a, b wire.ResourceSyncSummary) int {
			return cmp.Compare(severity(a.Health.Status), severity(b.Health.Status))
		})
	}

	members, err := summarize(ctx, remote, syncs)
	if err != nil {
		return err
	}

	switch {
	case format.IsDocument():
		return format.Write(env.Stdout, fleetStatus{members, counts})
	case len(members) == 0 && counts != nil:
		return env.Printf("No resources match.\n")
	case len(members) == 0:
		return env.Printf("No resources yet. Run `lockstep sync create` to sync a resource, " +
			"or `lockstep up PATH` to sync a repository.\n")
	}

	colors, table := env.Colors(), &output.Table{}
	table.Add("RESOURCE", "STATUS", "HEALTH", "COMMIT", "DESIRED", "STARTED", "LAST EVENT")
	for _, member := range members {
		status, desired, event := statusOf(member.ResourceSyncSummary), "", ""
		if member.DesiredSha != member.TargetSha {
			desired = output.ShortSHA(member.DesiredSha)
		}
		if member.LastEvent != nil {
			event = member.LastEvent.Event
		}
		switch health := member.Health; health.Status {
		case wire.HealthBehind, wire.HealthUnknown, wire.HealthBlocked:
			event = health.Reason
		}

		table.Add(member.ResourceName, colors.Cell(status, status),
			colors.Cell(member.Health.Status, member.Health.Status),
			output.Commit(cmp.Or(member.TargetBranch, member.Branch), member.TargetSha),
			desired, output.LocalTime(member.StartedAt), output.Truncate(event, output.CellWidth))
	}

	if counts != nil {
		table.AddLine(formatCounts(*counts))
	}

	return table.Write(env.Stdout)
}

// formatCounts returns the counts that are not zero as a sentence.
func formatCounts(counts wire.ResourceSyncCounts) string {
	var parts []string
	for _, part := range []struct {
		count int
		label string
	}{
		{counts.Succeeded, "succeeded"},
		{counts.Failed, "failed"},
		{counts.InProgress, "in progress"},
		{counts.Initiated, "initiated"},
		{counts.NeverSynced, "never synced"},
	} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.count, part.label))
		}
	}

	text := fmt.Sprintf("%d in total: %s", counts.Total, strings.Join(parts, ", "))
	if counts.Blocked > 0 {
		text += fmt.Sprintf("; %d blocked", counts.Blocked)
	}
	if counts.Health.Unknown > 0 {
		text += fmt.Sprintf("; %d unknown", counts.Health.Unknown)
	}

	return text
}

// severity orders resources: those first that need a person.
func severity(health string) int {
	order := []string{
		wire.HealthBlocked, wire.HealthFailed, wire.HealthUnknown, wire.HealthBehind, wire.HealthSyncing, wire.HealthInStep,
	}
	return slices.Index(order, health)
}

// summarize adds the last event to at most maxSummarized resources.
func summarize(
	ctx context.Context, remote *client.Client, syncs []wire.ResourceSyncSummary,
) ([]fleetMember, error) {
	members := make([]fleetMember, len(syncs))
	left := maxSummarized
	for _, succeeded := range []bool{false, true} {
		for i, summary := range syncs {
			members[i].ResourceSyncSummary = summary
			if (summary.Status == "SUCCEEDED") != succeeded || summary.Status == "" || left == 0 {
				continue
			}

			left--
			status, err := resourceStatus(ctx, remote, summary.ResourceName)
			if err != nil {
				return nil, err
			}

			if status != nil {
				members[i].LastEvent = relevantEvent(status.LatestSync)
			}
		}
	}

	return members, nil
}

// relevantEvent returns the event that explains an attempt best: the first
// failure of a failed one, since it causes those after it, and otherwise the last
// event. It returns nil if there are no events.
func relevantEvent(attempt wire.ResourceSyncAttempt) *wire.ResourceSyncEvent {
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

// statusOf returns the status of a resource as tables show it.
func statusOf(summary wire.ResourceSyncSummary) string {
	switch {
	case summary.Blocked:
		return "BLOCKED"
	case summary.Status == "":
		return "NEVER SYNCED"
	}
	return summary.Status
}
