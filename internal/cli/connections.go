package cli

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newConnectListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the connections", Args: arguments()}
	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, _ []string) error {
		found, err := connections(ctx, remote)
		if err != nil {
			return err
		}
		all := []wire.Connection{}
		t := &table{}
		t.add("CONNECTION", "PROVIDER", "STATUS", "ARN", "HOST")
		for _, c := range found {
			all = append(all, connectionOf(c))
			t.add(aws.ToString(c.ConnectionName), c.ProviderType, c.ConnectionStatus, aws.ToString(c.ConnectionArn), aws.ToString(c.HostArn))
		}
		if *format != asTable {
			return format.write(p.stdout, struct{ Connections []wire.Connection }{all})
		}
		return p.listed(t, "There is no connection yet. `lockstep connect NAME` makes one.")
	})
	return c
}

func newConnectShowCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "show CONNECTION",
		Short: "Show a connection",
		Long:  "Show a connection, named by its name or its ARN. Its credential is never shown.",
		Args:  arguments("CONNECTION"),
	}
	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := connectionARN(ctx, remote, args[0])
		if err != nil {
			return err
		}
		out, err := remote.AWS.GetConnection(ctx, &codeconnections.GetConnectionInput{ConnectionArn: aws.String(arn)})
		if err != nil {
			return err
		}
		found := wire.Connection{}
		if out.Connection != nil {
			found = connectionOf(*out.Connection)
		}
		if *format != asTable {
			return format.write(p.stdout, found)
		}
		t := &table{}
		t.add("Connection", found.ConnectionName)
		t.add("ARN", found.ConnectionArn)
		t.add("Provider", found.ProviderType)
		t.add("Status", found.ConnectionStatus)
		t.add("Account", found.OwnerAccountId)
		if found.HostArn != "" {
			t.add("Host", found.HostArn)
		}
		return t.write(p.stdout)
	})
	return c
}

func newConnectDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "delete CONNECTION",
		Short: "Delete a connection that no repository is linked over",
		Long:  "Delete a connection, named by its name or its ARN, and its credential. Its links must be deleted first.",
		Args:  arguments("CONNECTION"),
	}
	reach := reaches(p, c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := connectionARN(ctx, remote, args[0])
		if err != nil {
			return err
		}
		if _, err := remote.AWS.DeleteConnection(ctx, &codeconnections.DeleteConnectionInput{ConnectionArn: aws.String(arn)}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s is no longer connected.\n", plain(args[0]))
		return err
	})
	return c
}

func connections(ctx context.Context, remote *client.Client) ([]types.Connection, error) {
	var all []types.Connection
	pages := codeconnections.NewListConnectionsPaginator(remote.AWS, &codeconnections.ListConnectionsInput{MaxResults: 100})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Connections...)
	}
	return all, nil
}

func connectionARN(ctx context.Context, remote *client.Client, nameOrARN string) (string, error) {
	return arnOf("connection", nameOrARN, func() ([]named, error) {
		found, err := connections(ctx, remote)
		all := make([]named, len(found))
		for i, c := range found {
			all[i] = named{aws.ToString(c.ConnectionName), aws.ToString(c.ConnectionArn)}
		}
		return all, err
	})
}

// connectionOf takes a connection out of the SDK's pointers.
func connectionOf(c types.Connection) wire.Connection {
	return wire.Connection{
		ConnectionName:   aws.ToString(c.ConnectionName),
		ConnectionArn:    aws.ToString(c.ConnectionArn),
		ProviderType:     string(c.ProviderType),
		OwnerAccountId:   aws.ToString(c.OwnerAccountId),
		ConnectionStatus: string(c.ConnectionStatus),
		HostArn:          aws.ToString(c.HostArn),
	}
}
