package status

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// The states of a blocker.
const (
	blockerActive   = "ACTIVE"
	blockerResolved = "RESOLVED"
)

// NewBlockersCommand returns the command blockers.
func NewBlockersCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "blockers [RESOURCE [ID]] [--all | --resolve --reason TEXT]",
		Short: "Show and resolve sync blockers",
		Long: "Show the blockers of all resources, or of one. A blocker is a cause that a person has to remove;\n" +
			"until then the resource is not synced.\n\n" +
			"With --resolve, resolve the only active blocker of the resource, or the one with the ID. The\n" +
			"latest commit is then synced again.",
		Example:               "  lockstep blockers web --resolve --reason 'restored the topic'",
		Args:                  command.Args("[RESOURCE]", "[ID]"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	all := cmd.Flags().Bool("all", false, "show resolved blockers too")
	resolve := cmd.Flags().Bool("resolve", false, "resolve the blocker")
	reason := cmd.Flags().String("reason", "", "with --resolve: what was done, for the record")
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case *resolve && *all:
			return command.Usagef("%s: give either --all or --resolve.", cmd.CommandPath())
		case *resolve && len(args) == 0:
			return command.Usagef("%s: RESOURCE is missing.", cmd.CommandPath()).WithHint("Usage: %s", cmd.UseLine())
		case *resolve:
			return command.RequireFlags(cmd, "reason")
		case *reason != "":
			return command.Usagef("%s: --reason requires --resolve.", cmd.CommandPath())
		}

		return nil
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		args = append(args, "", "")
		filter := blockerFilter{resource: args[0], id: args[1], resolved: *all}
		if *resolve {
			return resolveBlocker(ctx, env, remote, filter, *reason, *format)
		}

		return showBlockers(ctx, env, remote, filter, *format)
	})

	return cmd
}

// A blockerFilter selects blockers. Empty members select all.
type blockerFilter struct {
	resource, id string
	resolved     bool // whether to include resolved blockers
}

// blockers returns the selected blockers, newest first.
func (f blockerFilter) blockers(ctx context.Context, remote *client.Client) ([]wire.ResourceSyncBlocker, error) {
	request := wire.ListSyncBlockersInput{ResourceName: f.resource, Status: blockerActive}
	if f.resource != "" {
		request.SyncType = command.SyncType
	}

	found, err := client.All(remote.SyncBlockers(ctx, request))
	if err != nil {
		return nil, err
	}

	if f.resolved {
		request.Status = blockerResolved
		resolved, err := client.All(remote.SyncBlockers(ctx, request))
		if err != nil {
			return nil, err
		}

		found = append(found, resolved...)
		slices.SortStableFunc(found, func(a, b wire.ResourceSyncBlocker) int {
			return b.SyncBlocker.CreatedAt.Compare(a.SyncBlocker.CreatedAt.Time)
		})
	}

	if len(found) == 0 && f.resource != "" {
		// ListSyncBlockers accepts unknown names: report a misspelled one.
		if _, err := command.Configuration(ctx, remote, f.resource); err != nil {
			return nil, err
		}
	}

	if f.id != "" {
		found = slices.DeleteFunc(found, func(blocker wire.ResourceSyncBlocker) bool {
			return blocker.SyncBlocker.Id != f.id
		})
	}

	return found, nil
}

func showBlockers(
	ctx context.Context, env *command.Env, remote *client.Client, filter blockerFilter, format output.Format,
) error {
	found, err := filter.blockers(ctx, remote)
	if err != nil {
		return err
	}
	if format.IsDocument() {
		return format.Write(env.Stdout, struct{ ResourceSyncBlockers []wire.ResourceSyncBlocker }{found})
	}
	if len(found) == 0 {
		if err := env.Printf("Nothing is blocked.\n"); err != nil {
			return err
		}
		return showUnknown(ctx, env, remote, filter)
	}

	colors, table := env.Colors(), &output.Table{}
	table.Add("RESOURCE", "STATUS", "SINCE", "ID", "REASON")
	for _, entry := range found {
		blocker := entry.SyncBlocker
		status := colors.Cell(blocker.Status, "")
		if blocker.Status == blockerActive {
			status = colors.Cell(blocker.Status, "BLOCKED")
		}

		table.Add(entry.ResourceName, status, output.LocalTime(blocker.CreatedAt), blocker.Id,
			output.Truncate(blocker.CreatedReason, 2*output.CellWidth))
		for _, detail := range blocker.Contexts {
			table.AddDetail(detail.Key + ": " + detail.Value)
		}

		if blocker.Status == blockerResolved {
			table.AddDetail("resolved " + output.LocalTime(blocker.ResolvedAt) + ": " + blocker.ResolvedReason)
		}
	}

	if err := table.Write(env.Stdout); err != nil {
		return err
	}
	if err := showRemedy(env, found); err != nil {
		return err
	}

	return showUnknown(ctx, env, remote, filter)
}

// showRemedy prints what a person does about active blockers, if there are any.
func showRemedy(env *command.Env, blockers []wire.ResourceSyncBlocker) error {
	resource := ""
	for _, entry := range blockers {
		switch {
		case entry.SyncBlocker.Status != blockerActive:
		case resource == "" || resource == entry.ResourceName:
			resource = entry.ResourceName
		default:
			resource = "RESOURCE"
		}
	}

	if resource == "" {
		return nil
	}

	return env.Printf("\n%s\n", lockstep.BlockerRemedy(resource))
}

// showUnknown lists the resources whose repository cannot be read: no blocker keeps
// them from being synced, but they are not synced either.
func showUnknown(ctx context.Context, env *command.Env, remote *client.Client, filter blockerFilter) error {
	if filter.id != "" {
		return nil
	}

	request := wire.ListResourceSyncsInput{ResourceName: filter.resource, Health: wire.HealthUnknown}
	unknown, err := client.All(remote.ResourceSyncs(ctx, request, nil))
	if client.Code(err) == "AccessDeniedException" || err == nil && len(unknown) == 0 {
		return nil
	}
	if err != nil {
		return err
	}

	if err := env.Printf("\nNot synced, because the repository cannot be read:\n"); err != nil {
		return err
	}
	colors, table := env.Colors(), &output.Table{}
	for _, entry := range unknown {
		table.Add(entry.ResourceName, colors.Cell(wire.HealthUnknown, wire.HealthUnknown),
			output.LocalTime(entry.Health.Since), output.Truncate(entry.Health.Reason, 2*output.CellWidth))
	}

	return table.Write(env.Stdout)
}

// resolveBlocker resolves the selected blocker if there is exactly one.
func resolveBlocker(
	ctx context.Context, env *command.Env, remote *client.Client,
	filter blockerFilter, reason string, format output.Format,
) error {
	resource, id := filter.resource, filter.id
	if id == "" {
		found, err := filter.blockers(ctx, remote)
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return notExactlyOne(resource, found)
		}

		id = found[0].SyncBlocker.Id
	}

	response, err := remote.AWS.UpdateSyncBlocker(ctx, &codeconnections.UpdateSyncBlockerInput{
		ResourceName:   aws.String(resource),
		SyncType:       command.SyncType,
		Id:             aws.String(id),
		ResolvedReason: aws.String(reason),
	})
	if err != nil {
		return err
	}

	if format.IsDocument() {
		blocker := response.SyncBlocker
		return format.Write(env.Stdout, wire.ResourceSyncBlocker{
			ResourceName: resource,
			SyncType:     command.SyncType,
			SyncBlocker: wire.SyncBlocker{
				Id:             aws.ToString(blocker.Id),
				Type:           string(blocker.Type),
				Status:         string(blocker.Status),
				CreatedReason:  aws.ToString(blocker.CreatedReason),
				CreatedAt:      wire.Time{Time: aws.ToTime(blocker.CreatedAt)},
				ResolvedReason: aws.ToString(blocker.ResolvedReason),
				ResolvedAt:     wire.Time{Time: aws.ToTime(blocker.ResolvedAt)},
			},
		})
	}

	return env.Printf("%[1]s is no longer blocked; its latest commit is synced again. "+
		"Run `lockstep wait %[1]s` to wait for it.\n", resource)
}

// notExactlyOne returns the error for a resource without exactly one blocker.
func notExactlyOne(resource string, found []wire.ResourceSyncBlocker) error {
	if len(found) == 0 {
		return command.Errorf("%s is not blocked.", resource).
			WithHint("`lockstep retry %s` syncs its latest commit again.", output.QuotePath(resource))
	}

	var ids []string
	for _, blocker := range found {
		ids = append(ids, blocker.SyncBlocker.Id)
	}
	return command.Errorf("%s has %d blockers: %s.", resource, len(found), strings.Join(ids, " ")).
		WithHint("Give the ID of the one to resolve: `lockstep blockers %s ID --resolve --reason TEXT`.",
			output.QuotePath(resource))
}
