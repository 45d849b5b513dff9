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

func newLinkCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{Use: "link", Short: "Say which repositories are watched"})
	c.AddCommand(newLinkCreateCommand(p), newLinkListCommand(p), newLinkUpdateCommand(p), newLinkDeleteCommand(p), newLinkWebhookCommand(p),
		newLinkProposeCommand(p))
	return c
}

func newLinkCreateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "create --connection NAME --repository OWNER/NAME",
		Short: "Link a repository over a connection",
		Long: "Link a repository over a connection. OWNER may hold slashes; of a repository that lies directly below the\n" +
			"host's endpoint it is left out.\n\n" +
			"The Git host is told to say at once when the repository moves (a webhook), where the connection's credential may do\n" +
			"that and the server knows its address as the host sees it: its setting public-url, or --url. Otherwise it says what\n" +
			"to paste there, and until then the repository is looked at from time to time.",
		Args:                  arguments(),
		DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	connection := c.Flags().String("connection", "", "name or ARN of the connection")
	repository := c.Flags().String("repository", "", "OWNER/NAME of the repository, as in its URL")
	public := publicURLFlag(p, c)
	alone := c.Flags().Bool("no-webhook", false, "do not tell the Git host of this server")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := require(c, "connection", "repository"); err != nil {
			return err
		}

		owner, name := splitRepository(*repository)
		if name == "" {
			return usagef("--repository %q is not OWNER/NAME.", *repository)
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		arn, err := connectionARN(c.Context(), remote, *connection)
		if err != nil {
			return err
		}

		out, err := remote.AWS.CreateRepositoryLink(c.Context(), &codeconnections.CreateRepositoryLinkInput{
			ConnectionArn: aws.String(arn), OwnerId: aws.String(owner), RepositoryName: aws.String(name)})
		if err != nil {
			return err
		}

		link := linkOf(*out.RepositoryLinkInfo)
		said := ""
		if !*alone {
			said = registered(c.Context(), remote, link, *public)
		}

		if *format != asTable {
			return format.write(p.stdout, link)
		}

		_, err = fmt.Fprintf(p.stdout, "%s linked\n%s\n%sNext: lockstep sync create --resource NAME --link %s --branch BRANCH --file FILE --role-arn ARN\n",
			plain(repositoryOfLink(link)), plain(link.RepositoryLinkId), said, shellQuote(plain(repositoryOfLink(link))))
		return err
	}

	return c
}

func newLinkListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the repository links", Args: arguments()}
	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, _ []string) error {
		all, err := links(ctx, remote)
		if err != nil {
			return err
		}
		if *format != asTable {
			return format.write(p.stdout, struct{ RepositoryLinks []wire.RepositoryLinkInfo }{all})
		}

		t := &table{}
		t.add("REPOSITORY", "ID", "PROVIDER", "CONNECTION")
		for _, l := range all {
			t.add(repositoryOfLink(l), l.RepositoryLinkId, l.ProviderType, l.ConnectionArn)
		}

		return p.listed(t, "No repository is linked yet. `lockstep link create` links one.")
	})

	return c
}

func newLinkUpdateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "update LINK --connection NAME",
		Short: "Reach a linked repository over another connection",
		Long: "Reach a linked repository, named by the link's id or as OWNER/NAME, over another connection to a host of the\n" +
			"same type. What is synced from it goes on.",
		Args: arguments("LINK"), DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	connection := c.Flags().String("connection", "", "name or ARN of the connection")
	c.PreRunE = needs("connection")
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		id, err := linkID(ctx, remote, args[0])
		if err != nil {
			return err
		}

		arn, err := connectionARN(ctx, remote, *connection)
		if err != nil {
			return err
		}

		out, err := remote.AWS.UpdateRepositoryLink(ctx, &codeconnections.UpdateRepositoryLinkInput{
			RepositoryLinkId: aws.String(id), ConnectionArn: aws.String(arn)})
		if err != nil {
			return err
		}

		link := linkOf(*out.RepositoryLinkInfo)
		if *format != asTable {
			return format.write(p.stdout, link)
		}

		_, err = fmt.Fprintf(p.stdout, "%s is now reached over %s.\n", plain(repositoryOfLink(link)), plain(*connection))
		return err
	})

	return c
}

func newLinkDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "delete LINK",
		Short: "Delete a repository link that nothing is synced from",
		Long:  "Delete a repository link, named by its id or as OWNER/NAME. Its sync configurations must be deleted first.",
		Args:  arguments("LINK"),
	}

	reach := reaches(p, c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		id, err := linkID(ctx, remote, args[0])
		if err != nil {
			return err
		}

		_, err = remote.AWS.DeleteRepositoryLink(ctx, &codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: aws.String(id)})
		if err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is no longer linked. No stack was touched.\n", plain(args[0]))
		return err
	})

	return c
}

// linkID finds a link by its id or as OWNER/NAME.
func linkID(ctx context.Context, remote *client.Client, idOrRepository string) (string, error) {
	if uuid.MatchString(idOrRepository) {
		return idOrRepository, nil
	}

	all, err := links(ctx, remote)
	if err != nil {
		return "", err
	}

	names := make([]named, len(all))
	for i, l := range all {
		names[i] = named{repositoryOfLink(l), l.RepositoryLinkId}
	}

	return single("link to repository", joinRepository(splitRepository(idOrRepository)), names)
}

// linkARN finds a link's ARN by the link's id or as OWNER/NAME.
func linkARN(ctx context.Context, remote *client.Client, idOrRepository string) (string, error) {
	id, err := linkID(ctx, remote, idOrRepository)
	if err != nil {
		return "", err
	}
	out, err := remote.AWS.GetRepositoryLink(ctx, &codeconnections.GetRepositoryLinkInput{RepositoryLinkId: aws.String(id)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.RepositoryLinkInfo.RepositoryLinkArn), nil
}

func links(ctx context.Context, remote *client.Client) ([]wire.RepositoryLinkInfo, error) {
	all := []wire.RepositoryLinkInfo{}
	pages := codeconnections.NewListRepositoryLinksPaginator(remote.AWS, &codeconnections.ListRepositoryLinksInput{MaxResults: 100})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}

		for _, l := range page.RepositoryLinks {
			all = append(all, linkOf(l))
		}
	}

	return all, nil
}

func repositoryOfLink(l wire.RepositoryLinkInfo) string {
	return joinRepository(l.OwnerId, l.RepositoryName)
}

func linkOf(l types.RepositoryLinkInfo) wire.RepositoryLinkInfo {
	return wire.RepositoryLinkInfo{
		ConnectionArn:     aws.ToString(l.ConnectionArn),
		EncryptionKeyArn:  aws.ToString(l.EncryptionKeyArn),
		OwnerId:           aws.ToString(l.OwnerId),
		ProviderType:      string(l.ProviderType),
		RepositoryLinkArn: aws.ToString(l.RepositoryLinkArn),
		RepositoryLinkId:  aws.ToString(l.RepositoryLinkId),
		RepositoryName:    aws.ToString(l.RepositoryName),
	}
}
