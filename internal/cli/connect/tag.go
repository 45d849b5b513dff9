package connect

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// NewTagCommand returns the command tag.
func NewTagCommand(env *command.Env) *cobra.Command {
	return command.Parent(
		&cobra.Command{
			Use:   "tag",
			Short: "Manage tags of hosts, connections and links",
			Long: "Manage tags of hosts, connections and links. Policies can decide by tags.\n\n" +
				"ITEM is connection/NAME, host/NAME, link/OWNER/NAME or an ARN.",
			Example: "  lockstep tag set link/acme/infra team=platform",
		},
		newTagListCommand(env), newTagSetCommand(env), newTagRemoveCommand(env))
}

func newTagListCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "list ITEM", Short: "List tags", Args: command.Args("ITEM")}
	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.PreRunE = checkItem
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := itemARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		response, err := remote.AWS.ListTagsForResource(ctx, &codeconnections.ListTagsForResourceInput{
			ResourceArn: aws.String(arn),
		})
		if err != nil {
			return err
		}

		tags, table := []wire.Tag{}, &output.Table{}
		table.Add("KEY", "VALUE")
		for _, tag := range response.Tags {
			tags = append(tags, wire.Tag{Key: aws.ToString(tag.Key), Value: aws.ToString(tag.Value)})
			table.Add(aws.ToString(tag.Key), aws.ToString(tag.Value))
		}

		if format.IsDocument() {
			return format.Write(env.Stdout, struct{ Tags []wire.Tag }{tags})
		}

		return table.WriteList(env.Stdout, "No tags.")
	})

	return cmd
}

func newTagSetCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "set ITEM KEY=VALUE…",
		Short:                 "Add tags, or change their values",
		Args:                  command.Args("ITEM", "KEY=VALUE…"),
		DisableFlagsInUseLine: true,
	}

	server := command.AddServerFlags(env, cmd)
	var tags []types.Tag
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, pair := range args[1:] {
			key, value, ok := strings.Cut(pair, "=")
			if !ok || key == "" {
				return command.Usagef("%s: %q must be KEY=VALUE.", cmd.CommandPath(), pair).
					WithHint("Write a tag without a value as KEY=.")
			}
			tags = append(tags, types.Tag{Key: aws.String(key), Value: aws.String(value)})
		}
		return checkItem(cmd, args)
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := itemARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		_, err = remote.AWS.TagResource(ctx, &codeconnections.TagResourceInput{
			ResourceArn: aws.String(arn),
			Tags:        tags,
		})
		if err != nil {
			return err
		}

		return env.Printf("Tagged %s with %s.\n", args[0], strings.Join(args[1:], ", "))
	})

	return cmd
}

func newTagRemoveCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "remove ITEM KEY…",
		Short:                 "Remove tags",
		Args:                  command.Args("ITEM", "KEY…"),
		DisableFlagsInUseLine: true,
	}

	server := command.AddServerFlags(env, cmd)
	cmd.PreRunE = checkItem
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := itemARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		_, err = remote.AWS.UntagResource(ctx, &codeconnections.UntagResourceInput{
			ResourceArn: aws.String(arn),
			TagKeys:     args[1:],
		})
		if err != nil {
			return err
		}

		return env.Printf("Removed tags from %s: %s.\n", args[0], strings.Join(args[1:], ", "))
	})

	return cmd
}

// checkItem returns an error unless the first argument is a kind with a name, or an
// ARN.
func checkItem(cmd *cobra.Command, args []string) error {
	kind, name, _ := strings.Cut(args[0], "/")
	if strings.HasPrefix(args[0], "arn:") || name != "" && (kind == "connection" || kind == "host" || kind == "link") {
		return nil
	}
	return command.Usagef("%s: %q cannot have tags.", cmd.CommandPath(), args[0]).
		WithHint("Give connection/NAME, host/NAME, link/OWNER/NAME or an ARN. Sync configurations have no tags.")
}

// itemARN returns the ARN of an item given as kind/name or as an ARN.
func itemARN(ctx context.Context, remote *client.Client, item string) (string, error) {
	kind, name, _ := strings.Cut(item, "/")
	switch kind {
	case "connection":
		return connectionARN(ctx, remote, name)
	case "host":
		return hostARN(ctx, remote, name)
	case "link":
		return linkARN(ctx, remote, name)
	}
	return item, nil
}
