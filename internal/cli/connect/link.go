package connect

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// NewLinkCommand returns the command link.
func NewLinkCommand(env *command.Env) *cobra.Command {
	return command.Parent(
		&cobra.Command{Use: "link", Short: "Manage repository links"},
		newLinkCreateCommand(env), newLinkListCommand(env), newLinkUpdateCommand(env), newLinkDeleteCommand(env),
		newLinkWebhookCommand(env), newLinkProposeCommand(env))
}

func newLinkCreateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --connection NAME --repository OWNER/NAME",
		Short: "Link a repository over a connection",
		Long: "Link a repository over a connection. OWNER may contain slashes; leave it out for a repository\n" +
			"directly below the host's endpoint.\n\n" +
			"The Git host is asked to report pushes (a webhook) if the connection's credential permits it and\n" +
			"the server knows its own address as the host reaches it: from its setting public-url, or from\n" +
			"--url. Otherwise the command prints how to add the webhook yourself; until then the repository\n" +
			"is polled.",
		Example:               "  lockstep link create --connection acme --repository acme/infra",
		Args:                  command.Args(),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	connection := cmd.Flags().String("connection", "", "name or ARN of the connection")
	repository := cmd.Flags().String("repository", "", "OWNER/NAME of the repository, as in its URL")
	publicURL := addPublicURLFlag(env, cmd)
	noWebhook := cmd.Flags().Bool("no-webhook", false, "do not register a webhook")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := command.RequireFlags(cmd, "connection", "repository"); err != nil {
			return err
		}
		if _, name := command.SplitRepository(*repository); name == "" {
			return command.Usagef("--repository %q must be OWNER/NAME.", *repository)
		}
		return nil
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		arn, err := connectionARN(ctx, remote, *connection)
		if err != nil {
			return err
		}

		owner, name := command.SplitRepository(*repository)
		response, err := remote.AWS.CreateRepositoryLink(ctx, &codeconnections.CreateRepositoryLinkInput{
			ConnectionArn:  aws.String(arn),
			OwnerId:        aws.String(owner),
			RepositoryName: aws.String(name),
		})
		if err != nil {
			return err
		}

		link := command.LinkFrom(*response.RepositoryLinkInfo)
		webhook := ""
		if !*noWebhook {
			webhook = registerNewLink(ctx, remote, link, *publicURL)
		}

		if format.IsDocument() {
			return format.Write(env.Stdout, link)
		}

		linked := command.LinkRepository(link)
		return env.Printf("Linked %s\n%s\n%sNext: lockstep sync create --resource NAME --link %s"+
			" --branch BRANCH --file FILE --role-arn ARN\n",
			linked, link.RepositoryLinkId, output.Verbatim(webhook), output.QuotePath(linked))
	})

	return cmd
}

func newLinkListCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List repository links", Args: command.Args()}
	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		links, err := command.Links(ctx, remote)
		if err != nil {
			return err
		}
		if format.IsDocument() {
			return format.Write(env.Stdout, struct{ RepositoryLinks []wire.RepositoryLinkInfo }{links})
		}

		table := &output.Table{}
		table.Add("REPOSITORY", "ID", "PROVIDER", "CONNECTION")
		for _, link := range links {
			table.Add(command.LinkRepository(link), link.RepositoryLinkId, link.ProviderType, link.ConnectionArn)
		}

		return table.WriteList(env.Stdout, "No repository links. `lockstep link create` creates one.")
	})

	return cmd
}

func newLinkUpdateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update LINK --connection NAME",
		Short: "Change the connection of a repository link",
		Long: "Change the connection of a repository link to another one with a host of the same type. LINK is\n" +
			"its ID or OWNER/NAME. Syncs continue.",
		Args:                  command.Args("LINK"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	connection := cmd.Flags().String("connection", "", "name or ARN of the connection")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return command.RequireFlags(cmd, "connection") }
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		id, err := command.LinkID(ctx, remote, args[0])
		if err != nil {
			return err
		}

		arn, err := connectionARN(ctx, remote, *connection)
		if err != nil {
			return err
		}

		response, err := remote.AWS.UpdateRepositoryLink(ctx, &codeconnections.UpdateRepositoryLinkInput{
			RepositoryLinkId: aws.String(id),
			ConnectionArn:    aws.String(arn),
		})
		if err != nil {
			return err
		}

		link := command.LinkFrom(*response.RepositoryLinkInfo)
		if format.IsDocument() {
			return format.Write(env.Stdout, link)
		}

		return env.Printf("Updated the link to %s: its connection is %s.\n", command.LinkRepository(link), *connection)
	})

	return cmd
}

func newLinkDeleteCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete LINK",
		Short: "Delete a repository link",
		Long:  "Delete a repository link. LINK is its ID or OWNER/NAME. Delete its sync configurations first.",
		Args:  command.Args("LINK"),
	}

	server := command.AddServerFlags(env, cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		id, err := command.LinkID(ctx, remote, args[0])
		if err != nil {
			return err
		}

		stillRegistered := removeLinkWebhook(ctx, remote, id)
		_, err = remote.AWS.DeleteRepositoryLink(ctx, &codeconnections.DeleteRepositoryLinkInput{
			RepositoryLinkId: aws.String(id),
		})
		if err != nil {
			return err
		}

		if err := env.Printf("Deleted the link to %s. Stacks are not changed.\n", args[0]); err != nil {
			return err
		}
		if stillRegistered == "" {
			return nil
		}
		return env.Printf("The webhook is still registered at the Git host; delete it there: %s\n", stillRegistered)
	})

	return cmd
}

// removeLinkWebhook removes the webhook of a link that is about to be deleted, and returns why it
// is still registered at the Git host, "" if it is not. A link that is in use keeps its webhook.
func removeLinkWebhook(ctx context.Context, remote *client.Client, id string) string {
	configurations, err := remote.AWS.ListSyncConfigurations(ctx, &codeconnections.ListSyncConfigurationsInput{
		RepositoryLinkId: aws.String(id),
		SyncType:         types.SyncConfigurationTypeCfnStackSync,
	})
	if err != nil || len(configurations.SyncConfigurations) > 0 {
		return "" // the deletion reports what is wrong
	}

	response, err := remote.DeleteRepositoryWebhook(ctx, &wire.DeleteRepositoryWebhookInput{RepositoryLinkId: id})
	if err != nil {
		return "" // there is none, or the caller may not: then the server removes it
	}

	return response.StillRegistered
}

// linkARN returns the ARN of the link with an ID or to a repository OWNER/NAME.
func linkARN(ctx context.Context, remote *client.Client, idOrRepository string) (string, error) {
	id, err := command.LinkID(ctx, remote, idOrRepository)
	if err != nil {
		return "", err
	}

	response, err := remote.AWS.GetRepositoryLink(ctx, &codeconnections.GetRepositoryLinkInput{
		RepositoryLinkId: aws.String(id),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(response.RepositoryLinkInfo.RepositoryLinkArn), nil
}
