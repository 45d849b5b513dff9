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

// NewHostCommand returns the command host.
func NewHostCommand(env *command.Env) *cobra.Command {
	return command.Parent(
		&cobra.Command{
			Use:   "host",
			Short: "Manage Git hosts",
			Long: "Manage Git hosts. `lockstep connect` creates the host of a connection if there is none, so you\n" +
				"need these commands only to move a host or to delete one.",
		},
		newHostCreateCommand(env), newHostListCommand(env), newHostUpdateCommand(env), newHostDeleteCommand(env))
}

func newHostCreateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "create NAME --endpoint URL [--provider TYPE]",
		Short:                 "Create a Git host",
		Args:                  command.Args("NAME"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	endpoint := cmd.Flags().String("endpoint", "", "URL that the URLs of the host's repositories begin with")
	provider := cmd.Flags().String("provider", wire.ProviderGit, "provider type of the host")
	cmd.PreRunE = requireEndpoint(endpoint)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		created, err := remote.AWS.CreateHost(ctx, &codeconnections.CreateHostInput{
			Name:             aws.String(args[0]),
			ProviderType:     types.ProviderType(*provider),
			ProviderEndpoint: endpoint,
		})
		if err != nil {
			return err
		}

		arn := aws.ToString(created.HostArn)
		if format.IsDocument() {
			return format.Write(env.Stdout, wire.Host{
				Name:             args[0],
				HostArn:          arn,
				ProviderType:     *provider,
				ProviderEndpoint: *endpoint,
			})
		}

		return env.Printf("Created host %s\n%s\nNext: lockstep connect NAME --provider %s --endpoint %s %s\n",
			args[0], arn, *provider, output.QuotePath(*endpoint), command.UsualCredentialFlag(*endpoint))
	})

	return cmd
}

// requireEndpoint returns a check for an endpoint that holds no secret.
func requireEndpoint(endpoint *string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := command.RequireFlags(cmd, "endpoint"); err != nil {
			return err
		}
		return checkGitEndpoint(*endpoint)
	}
}

func newHostListCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List Git hosts", Args: command.Args()}
	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		found, err := remote.Hosts(ctx)
		if err != nil {
			return err
		}

		hosts, table := []wire.Host{}, &output.Table{}
		table.Add("HOST", "PROVIDER", "STATUS", "ENDPOINT", "ARN")
		for _, from := range found {
			host := hostFrom(from)
			hosts = append(hosts, host)
			table.Add(host.Name, host.ProviderType, host.Status, host.ProviderEndpoint, host.HostArn)
		}

		if format.IsDocument() {
			return format.Write(env.Stdout, struct{ Hosts []wire.Host }{hosts})
		}

		return table.WriteList(env.Stdout, "No hosts. `lockstep connect NAME` creates the host of a new connection.")
	})

	return cmd
}

func newHostUpdateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update HOST --endpoint URL",
		Short: "Change the endpoint of a Git host",
		Long: "Change the endpoint of a Git host. HOST is its name or ARN. Its connections keep their\n" +
			"credentials.",
		Args:                  command.Args("HOST"),
		DisableFlagsInUseLine: true,
	}

	server := command.AddServerFlags(env, cmd)
	endpoint := cmd.Flags().String("endpoint", "", "URL that the URLs of the host's repositories begin with")
	cmd.PreRunE = requireEndpoint(endpoint)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := hostARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		_, err = remote.AWS.UpdateHost(ctx, &codeconnections.UpdateHostInput{
			HostArn:          aws.String(arn),
			ProviderEndpoint: endpoint,
		})
		if err != nil {
			return err
		}

		return env.Printf("Updated host %s: its endpoint is %s.\n", args[0], *endpoint)
	})

	return cmd
}

func newHostDeleteCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete HOST",
		Short: "Delete a Git host",
		Long:  "Delete a Git host. HOST is its name or ARN. Delete its connections first.",
		Args:  command.Args("HOST"),
	}

	server := command.AddServerFlags(env, cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := hostARN(ctx, remote, args[0])
		if err != nil {
			return err
		}
		if _, err := remote.AWS.DeleteHost(ctx, &codeconnections.DeleteHostInput{
			HostArn: aws.String(arn),
		}); err != nil {
			return err
		}

		return env.Printf("Deleted host %s.\n", args[0])
	})

	return cmd
}

func hostARN(ctx context.Context, remote *client.Client, nameOrARN string) (string, error) {
	return command.ResolveARN("host", nameOrARN, func() ([]command.Named, error) {
		hosts, err := remote.Hosts(ctx)
		names := make([]command.Named, len(hosts))
		for i, host := range hosts {
			names[i] = command.Named{Name: aws.ToString(host.Name), ID: aws.ToString(host.HostArn)}
		}
		return names, err
	})
}

// hostFrom returns a host of the SDK as a document.
func hostFrom(from types.Host) wire.Host {
	host := wire.Host{
		Name:             aws.ToString(from.Name),
		HostArn:          aws.ToString(from.HostArn),
		ProviderType:     string(from.ProviderType),
		ProviderEndpoint: aws.ToString(from.ProviderEndpoint),
		Status:           aws.ToString(from.Status),
		StatusMessage:    aws.ToString(from.StatusMessage),
	}
	if vpc := from.VpcConfiguration; vpc != nil {
		host.VpcConfiguration = &wire.VpcConfiguration{
			VpcId:            aws.ToString(vpc.VpcId),
			SubnetIds:        vpc.SubnetIds,
			SecurityGroupIds: vpc.SecurityGroupIds,
			TlsCertificate:   aws.ToString(vpc.TlsCertificate),
		}
	}

	return host
}
