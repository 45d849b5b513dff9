package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newLinkCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{Use: "link", Short: "Say which repositories are watched"})
	c.AddCommand(newLinkCreateCommand(p), newLinkListCommand(p), newLinkDeleteCommand(p))
	return c
}

func newLinkCreateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "create --connection NAME --repository OWNER/NAME",
		Short: "Link a repository over a connection",
		Long: "Link a repository over a connection. OWNER may hold slashes; of a repository that lies directly below the\n" +
			"host's endpoint it is left out.",
		Args:                  arguments(),
		DisableFlagsInUseLine: true,
	}
	reach, format := reaches(p, c), formats(c)
	connection := c.Flags().String("connection", "", "name or ARN of the connection")
	repository := c.Flags().String("repository", "", "OWNER/NAME of the repository, as in its URL")
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
		if *format != asTable {
			return format.write(p.stdout, link)
		}
		_, err = fmt.Fprintf(p.stdout, "%s linked\n%s\nNext: lockstep sync create --resource NAME --link %s --branch BRANCH --file FILE --role-arn ARN\n",
			repositoryOfLink(link), link.RepositoryLinkId, shellQuote(repositoryOfLink(link)))
		return err
	}
	return c
}

func newLinkListCommand(p *program) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the repository links", Args: arguments()}
	reach, format := reaches(p, c), formats(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}
		all, err := links(c.Context(), remote)
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
		return t.write(p.stdout)
	}
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
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}
		id, err := linkID(c.Context(), remote, args[0])
		if err != nil {
			return err
		}
		_, err = remote.AWS.DeleteRepositoryLink(c.Context(), &codeconnections.DeleteRepositoryLinkInput{RepositoryLinkId: aws.String(id)})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s is no longer linked. No stack was touched.\n", args[0])
		return err
	}
	return c
}

// splitRepository takes OWNER/NAME apart. The owner may hold slashes; "-"
// stands for none.
func splitRepository(text string) (owner, name string) {
	text = strings.Trim(text, "/")
	slash := strings.LastIndexByte(text, '/')
	if slash < 0 {
		return "-", text
	}
	return text[:slash], text[slash+1:]
}

func repositoryOfLink(l wire.RepositoryLinkInfo) string {
	if l.OwnerId == "-" {
		return l.RepositoryName
	}
	return l.OwnerId + "/" + l.RepositoryName
}

func connectionARN(ctx context.Context, remote *client.Client, nameOrARN string) (string, error) {
	if strings.HasPrefix(nameOrARN, "arn:") {
		return nameOrARN, nil
	}
	all, err := connections(ctx, remote)
	if err != nil {
		return "", err
	}
	var arns, names []string
	for _, c := range all {
		names = append(names, aws.ToString(c.ConnectionName))
		if aws.ToString(c.ConnectionName) == nameOrARN {
			arns = append(arns, aws.ToString(c.ConnectionArn))
		}
	}
	return single("connection", nameOrARN, arns, names)
}

// single gives the only thing that was found by a name, or says what there is.
func single(what, name string, found, all []string) (string, error) {
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", &failure{problem: fmt.Sprintf("There are %d %ss %s.", len(found), what, name),
			remedy: "Name one of them: " + strings.Join(found, ", ") + "."}
	case len(all) == 0:
		return "", &failure{problem: fmt.Sprintf("There is no %s %s; there is none at all.", what, name)}
	}
	return "", &failure{problem: fmt.Sprintf("There is no %s %s.", what, name),
		remedy: "There is: " + cut(strings.Join(all, ", "), 400) + "."}
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// linkID finds a link by its id or as OWNER/NAME.
func linkID(ctx context.Context, remote *client.Client, idOrRepository string) (string, error) {
	if uuid.MatchString(idOrRepository) {
		return idOrRepository, nil
	}
	all, err := links(ctx, remote)
	if err != nil {
		return "", err
	}
	owner, name := splitRepository(idOrRepository)
	var ids, names []string
	for _, l := range all {
		names = append(names, repositoryOfLink(l))
		if l.OwnerId == owner && l.RepositoryName == name {
			ids = append(ids, l.RepositoryLinkId)
		}
	}
	return single("link to repository", idOrRepository, ids, names)
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
