package status

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxHistory is the largest value of --limit.
const maxHistory = 10_000

// NewHistoryCommand returns the command history.
func NewHistoryCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history (RESOURCE [ATTEMPT] | --attempt ID)",
		Short: "Show past sync attempts",
		Long: "Show the attempts to sync a resource, newest first, or one attempt with its proposed changes and\n" +
			"all its events.\n\n" +
			"  OUTCOME  APPLIED: the resource was changed; UNCHANGED: there was nothing to change; FAILED;\n" +
			"           SUPERSEDED: a newer commit came first; CANCELLED: the sync configuration was deleted.\n" +
			"           For a running attempt, its status",
		Args:                  command.Args("[RESOURCE]", "[ATTEMPT]"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	limit := cmd.Flags().Int("limit", 20, "maximum number of attempts")
	attempt := cmd.Flags().String("attempt", "", "show the attempt with this ID")
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0 && *attempt == "":
			return command.Usagef("%s: RESOURCE is missing.", cmd.CommandPath()).WithHint("Usage: %s", cmd.UseLine())
		case len(args) > 0 && cmd.Flags().Changed("attempt"):
			return command.Usagef("%s: give either RESOURCE or --attempt.", cmd.CommandPath())
		case *limit < 1 || *limit > maxHistory:
			return command.Usagef("%s: --limit %d must be 1 to %d.", cmd.CommandPath(), *limit, maxHistory)
		}

		return nil
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		switch len(args) {
		case 0:
			return showAttempt(ctx, env, remote, "", *attempt, *format)
		case 2:
			return showAttempt(ctx, env, remote, args[0], args[1], *format)
		}

		return showHistory(ctx, env, remote, args[0], *limit, *format)
	})

	return cmd
}

func showHistory(
	ctx context.Context, env *command.Env, remote *client.Client, resource string, limit int, format output.Format,
) error {
	size := min(limit, 100)
	request := wire.ListResourceSyncAttemptsInput{
		ResourceName: resource,
		SyncType:     command.SyncType,
		MaxResults:   &size,
	}
	attempts := []wire.ResourceSyncAttemptSummary{}
	for attempt, err := range remote.ResourceSyncAttempts(ctx, request) {
		if err != nil {
			return err
		}
		if attempts = append(attempts, attempt); len(attempts) == limit {
			break
		}
	}

	if format.IsDocument() {
		return format.Write(env.Stdout, struct {
			Attempts []wire.ResourceSyncAttemptSummary
		}{attempts})
	}
	if len(attempts) == 0 {
		return env.Printf("%s has never been synced.\n", resource)
	}

	colors, table := env.Colors(), &output.Table{}
	table.Add("ATTEMPT", "OUTCOME", "COMMITS", "STARTED", "DURATION", "LAST EVENT")
	for _, attempt := range attempts {
		outcome := cmp.Or(attempt.Outcome, attempt.Status)
		table.Add(attempt.AttemptId, colors.Cell(outcome, attempt.Status),
			commitRange(attempt.InitialSha, attempt.TargetSha), output.LocalTime(attempt.StartedAt),
			elapsed(attempt.StartedAt, attempt.EndedAt), output.Truncate(attempt.LastEvent, 2*output.CellWidth))
	}

	return table.Write(env.Stdout)
}

// commitRange returns from→to, or to alone if they are equal.
func commitRange(from, to string) string {
	if from == "" || from == to {
		return output.ShortSHA(to)
	}
	return output.ShortSHA(from) + "→" + output.ShortSHA(to)
}

// elapsed returns the time between two times, or "" if there is no end.
func elapsed(start, end wire.Time) string {
	if end.IsZero() {
		return ""
	}

	duration := max(0, end.Sub(start.Time))
	if duration < 10*time.Second {
		return duration.Round(100 * time.Millisecond).String()
	}
	return duration.Round(time.Second).String()
}

// showAttempt prints one attempt. It returns an error if the attempt is not one of
// the resource, unless resource is empty.
func showAttempt(
	ctx context.Context, env *command.Env, remote *client.Client, resource, id string, format output.Format,
) error {
	response, err := remote.GetResourceSyncAttempt(ctx, &wire.GetResourceSyncAttemptInput{AttemptId: id})
	if err != nil {
		return err
	}
	if resource != "" && response.ResourceName != resource {
		return command.Errorf("Attempt %s belongs to %s, not to %s.", id, response.ResourceName, resource).
			WithHint("`lockstep history %s` lists its attempts.", output.QuotePath(resource))
	}

	if format.IsDocument() {
		return format.Write(env.Stdout, response)
	}

	attempt := response.Attempt
	colors, table := env.Colors(), &output.Table{}
	table.Add("Attempt", response.AttemptId)
	table.Add("Resource", response.ResourceName)
	table.Add("Status", colors.Cell(attemptStatus(attempt), attempt.Status))

	if response.Outcome != "" {
		table.Add("Outcome", colors.Cell(response.Outcome, attempt.Status))
	}

	if from := attempt.InitialRevision; from.Sha != "" && from.Sha != attempt.TargetRevision.Sha {
		table.Add("From", output.Commit(from.Branch, from.Sha))
	}

	table.Add("Commit", output.Commit(attempt.TargetRevision.Branch, attempt.TargetRevision.Sha))
	table.Add("Started", output.LocalTime(attempt.StartedAt))
	if !response.EndedAt.IsZero() {
		table.Add("Duration", elapsed(attempt.StartedAt, response.EndedAt))
	}

	if err := table.Write(env.Stdout); err != nil {
		return err
	}
	if err := showPlan(env, response.Plan); err != nil {
		return err
	}

	return showEvents(env, "Events:", attempt)
}

// showPlan prints proposed changes, with the details of each below it.
func showPlan(env *command.Env, plan *wire.SyncPlan) error {
	if plan == nil {
		return nil
	}
	if err := env.Printf("\nProposed changes:\n"); err != nil {
		return err
	}

	table := &output.Table{}
	for _, change := range plan.Changes {
		table.Add(change.Action, change.LogicalResourceId, change.ResourceType, replacementText(change.Replacement))
		for _, detail := range change.Details {
			table.AddDetail(changeDetail(detail))
		}
	}

	for _, change := range plan.Parameters {
		table.AddLine("Parameter " + valueChange(change))
	}

	for _, change := range plan.Tags {
		table.AddLine("Tag " + valueChange(change))
	}

	if plan.Truncated {
		table.AddLine("… and more that were not recorded")
	}

	if len(plan.Changes)+len(plan.Parameters)+len(plan.Tags) == 0 {
		table.AddLine("none")
	}

	return table.Write(env.Stdout)
}

// valueChange returns the name of a parameter or tag with its old and new value.
func valueChange(change wire.ValueChange) string {
	if change.Masked {
		return change.Name + ": changes (value not shown)"
	}
	return fmt.Sprintf("%s: %q -> %q", change.Name, change.Before, change.After)
}

// replacementText returns CloudFormation's Replacement as a phrase.
func replacementText(replacement string) string {
	switch replacement {
	case "True":
		return "replaced"
	case "Conditional":
		return "may be replaced"
	case "", "False":
		return ""
	}
	return "replacement: " + replacement
}

// changeDetail returns what changes in a resource, and why.
func changeDetail(detail wire.ChangeDetail) string {
	text := detail.Attribute
	if detail.Name != "" {
		text += "." + detail.Name
	}

	var reasons []string
	if detail.CausingEntity != "" {
		reasons = append(reasons, "because of "+detail.CausingEntity)
	}

	if detail.ChangeSource != "" {
		reasons = append(reasons, detail.ChangeSource)
	}

	if detail.RequiresRecreation != "" && detail.RequiresRecreation != "Never" {
		reasons = append(reasons, "recreation: "+detail.RequiresRecreation)
	}

	if len(reasons) == 0 {
		return text
	}

	return text + " (" + strings.Join(reasons, ", ") + ")"
}
