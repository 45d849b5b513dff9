package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newLinkProposeCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "propose LINK --resource NAME --template FILE [--parameter NAME=VALUE]… [--tag KEY=VALUE]…",
		Short: "Open a pull request that adds a deployment file",
		Long: "Open a pull request at the Git host that adds the deployment file of a resource. LINK is the link's id or OWNER/NAME,\n" +
			"FILE the template's path in the repository. What the file asks for is looked at first, as a sync would.\n\n" +
			"  lockstep link propose acme/infra --resource web --template templates/web.yaml --tag team=platform\n\n" +
			"A file that is there is never overwritten; where it asks for the same already, there is nothing to propose.\n" +
			"Once the pull request is merged, `lockstep sync create` has the resource follow the file.",
		Args: arguments("LINK"), DisableFlagsInUseLine: true,
	}

	reach, format := reaches(p, c), formats(c)
	f := c.Flags()
	in := wire.ProposeDeploymentFileInput{SyncType: syncType}
	f.StringVar(&in.ResourceName, "resource", "", "name of the resource: the stack's")
	f.StringVar(&in.TemplateFile, "template", "", "path of the template in the repository")
	f.StringVar(&in.ConfigFile, "file", "", "path of the deployment file (default "+deployments+"/RESOURCE.yaml)")
	f.StringVar(&in.Branch, "branch", "", "branch that the pull request is for (default the repository's own)")
	parameters := f.StringArray("parameter", nil, "`NAME=VALUE` of a parameter; repeatable")
	tags := f.StringArray("tag", nil, "`KEY=VALUE` of a tag of the stack; repeatable")
	c.PreRunE = func(c *cobra.Command, _ []string) (err error) {
		if err := require(c, "resource", "template"); err != nil {
			return err
		}

		if in.Parameters, err = namedValues("parameter", *parameters); err == nil {
			in.Tags, err = namedValues("tag", *tags)
		}

		return err
	}
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) (err error) {
		if in.RepositoryLinkId, err = linkID(ctx, remote, args[0]); err != nil {
			return err
		}

		out, err := remote.ProposeDeploymentFile(ctx, &in)
		if err != nil {
			return err
		}

		return p.proposed(out, args[0], in, *format)
	})

	return c
}

func (p *program) proposed(out *wire.ProposeDeploymentFileOutput, link string, in wire.ProposeDeploymentFileInput, f format) error {
	if f != asTable {
		return f.write(p.stdout, out)
	}

	if out.Number == 0 {
		_, err := fmt.Fprintf(p.stdout, "Branch %s of %s asks for that already: there is nothing to propose.\n", plain(out.Branch), plain(link))
		return err
	}

	file := in.ConfigFile
	if file == "" {
		file = deployments + "/" + in.ResourceName + ".yaml"
	}

	_, err := fmt.Fprintf(p.stdout, "Opened pull request %d for branch %s\n%s\nOnce it is merged: lockstep sync create --resource %s --link %s --branch %s --file %s --role-arn ARN\n",
		out.Number, plain(out.Branch), plain(out.Url), shellQuote(plain(in.ResourceName)), shellQuote(plain(link)), shellQuote(plain(out.Branch)), shellQuote(plain(file)))
	return err
}

// namedValues takes NAME=VALUE apart.
func namedValues(flag string, texts []string) ([]wire.NamedValue, error) {
	var all []wire.NamedValue
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, usagef("--%s %q is not NAME=VALUE.", flag, text)
		}
		all = append(all, wire.NamedValue{Name: name, Value: value})
	}
	return all, nil
}
