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

func newHostCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{
		Use:   "host",
		Short: "Say which Git hosts there are",
		Long: "Say which Git hosts there are. `lockstep connect` makes the host of a connection if it is new, so these are\n" +
			"for hosts that move, and for those that are no longer needed.",
	})
	c.AddCommand(newHostCreateCommand(p), newHostListCommand(p), newHostUpdateCommand(p), newHostDeleteCommand(p))
	return c
}

func newHostCreateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:                   "create NAME --endpoint URL [--provider TYPE]",
		Short:                 "Add a Git host",
		Args:                  arguments("NAME"),
		DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	endpoint := c.Flags().String("endpoint", "", "URL below which the host's repositories are")
	provider := c.Flags().String("provider", wire.ProviderGit, "type of the Git host")
	c.PreRunE = needsEndpoint(endpoint)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		made, err := remote.AWS.CreateHost(ctx, &codeconnections.CreateHostInput{Name: aws.String(args[0]),
			ProviderType: types.ProviderType(*provider), ProviderEndpoint: endpoint})
		if err != nil {
			return err
		}

		arn := aws.ToString(made.HostArn)
		if *format != asTable {
			return format.write(p.stdout, wire.Host{Name: args[0], HostArn: arn, ProviderType: *provider, ProviderEndpoint: *endpoint})
		}

		_, err = fmt.Fprintf(p.stdout, "%s is a host\n%s\nNext: lockstep connect NAME --provider %s --endpoint %s %s\n",
			plain(args[0]), plain(arn), plain(*provider), shellQuote(plain(*endpoint)), usualCredential(*endpoint))
		return err
	})

	return c
}

// needsEndpoint wants an endpoint that holds no secret.
func needsEndpoint(endpoint *string) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		if err := require(c, "endpoint"); err != nil {
			return err
		}
		return checkGitEndpoint(*endpoint)
	}
}

func newHostListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the Git hosts", Args: arguments()}
	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, _ []string) error {
		found, err := hosts(ctx, remote)
		if err != nil {
			return err
		}

		all := []wire.Host{}
		t := &table{}
		t.add("HOST", "PROVIDER", "STATUS", "ENDPOINT", "ARN")

		for _, h := range found {
			all = append(all, hostOf(h))
			t.add(aws.ToString(h.Name), h.ProviderType, aws.ToString(h.Status), aws.ToString(h.ProviderEndpoint), aws.ToString(h.HostArn))
		}

		if *format != asTable {
			return format.write(p.stdout, struct{ Hosts []wire.Host }{all})
		}

		return p.listed(t, "There is no host yet. `lockstep connect` makes one with the first connection to it.")
	})

	return c
}

func newHostUpdateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "update HOST --endpoint URL",
		Short: "Say where a Git host is now",
		Long:  "Say where a Git host is now. HOST is its name or its ARN. Its connections keep their credentials.",
		Args:  arguments("HOST"), DisableFlagsInUseLine: true,
	}

	reach := reaches(p, c)
	endpoint := c.Flags().String("endpoint", "", "URL below which the host's repositories are now")
	c.PreRunE = needsEndpoint(endpoint)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := hostARN(ctx, remote, args[0])
		if err != nil {
			return err
		}

		_, err = remote.AWS.UpdateHost(ctx, &codeconnections.UpdateHostInput{HostArn: aws.String(arn), ProviderEndpoint: endpoint})
		if err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is now at %s.\n", plain(args[0]), plain(*endpoint))
		return err
	})

	return c
}

func newHostDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "delete HOST",
		Short: "Delete a Git host that no connection uses",
		Long:  "Delete a Git host, named by its name or its ARN. Its connections must be deleted first.",
		Args:  arguments("HOST"),
	}

	reach := reaches(p, c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		arn, err := hostARN(ctx, remote, args[0])
		if err != nil {
			return err
		}
		if _, err := remote.AWS.DeleteHost(ctx, &codeconnections.DeleteHostInput{HostArn: aws.String(arn)}); err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is no longer a host.\n", plain(args[0]))
		return err
	})

	return c
}

func hosts(ctx context.Context, remote *client.Client) ([]types.Host, error) {
	var all []types.Host
	pages := codeconnections.NewListHostsPaginator(remote.AWS, &codeconnections.ListHostsInput{MaxResults: 100})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Hosts...)
	}
	return all, nil
}

func hostARN(ctx context.Context, remote *client.Client, nameOrARN string) (string, error) {
	return arnOf("host", nameOrARN, func() ([]named, error) {
		found, err := hosts(ctx, remote)
		all := make([]named, len(found))
		for i, h := range found {
			all[i] = named{aws.ToString(h.Name), aws.ToString(h.HostArn)}
		}
		return all, err
	})
}

// hostOf takes a host out of the SDK's pointers.
func hostOf(h types.Host) wire.Host {
	host := wire.Host{
		Name:             aws.ToString(h.Name),
		HostArn:          aws.ToString(h.HostArn),
		ProviderType:     string(h.ProviderType),
		ProviderEndpoint: aws.ToString(h.ProviderEndpoint),
		Status:           aws.ToString(h.Status),
		StatusMessage:    aws.ToString(h.StatusMessage),
	}
	if v := h.VpcConfiguration; v != nil {
		host.VpcConfiguration = &wire.VpcConfiguration{VpcId: aws.ToString(v.VpcId), SubnetIds: v.SubnetIds,
			SecurityGroupIds: v.SecurityGroupIds, TlsCertificate: aws.ToString(v.TlsCertificate)}
	}

	return host
}
