package connect

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newLinkProposeCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "propose LINK --resource NAME --template FILE [--parameter NAME=VALUE]… [--tag KEY=VALUE]…",
		Short: "Open a pull request that adds a deployment file",
		Long: "Open a pull request at the Git host that adds the deployment file of a resource. LINK is the\n" +
			"link's ID or OWNER/NAME, FILE the template's path in the repository. The deployment file is\n" +
			"checked first, as by a sync.\n\n" +
			"An existing file is never overwritten; if it has the same content, no pull request is opened.\n" +
			"After the pull request is merged, `lockstep sync create` syncs the resource.",
		Example: "  lockstep link propose acme/infra --resource web --template templates/web.yaml " +
			"--tag team=platform",
		Args:                  command.Args("LINK"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	flags := cmd.Flags()
	request := wire.ProposeDeploymentFileInput{SyncType: command.SyncType}
	flags.StringVar(&request.ResourceName, "resource", "", "name of the resource: the stack's")
	flags.StringVar(&request.TemplateFile, "template", "", "path of the template in the repository")
	flags.StringVar(&request.ConfigFile, "file", "",
		"path of the deployment file (default "+command.DeploymentDir+"/RESOURCE.yaml)")
	flags.StringVar(&request.Branch, "branch", "",
		"branch that the pull request targets (default the repository's default branch)")
	parameters := flags.StringArray("parameter", nil, "`NAME=VALUE` of a parameter; repeatable")
	tags := flags.StringArray("tag", nil, "`KEY=VALUE` of a tag of the stack; repeatable")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := command.RequireFlags(cmd, "resource", "template"); err != nil {
			return err
		}
		if request.Parameters, err = namedValues("parameter", *parameters); err != nil {
			return err
		}

		request.Tags, err = namedValues("tag", *tags)
		return err
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) (err error) {
		if request.RepositoryLinkId, err = command.LinkID(ctx, remote, args[0]); err != nil {
			return err
		}

		response, err := remote.ProposeDeploymentFile(ctx, &request)
		if err != nil {
			return err
		}
		if format.IsDocument() {
			return format.Write(env.Stdout, response)
		}

		return showProposal(env, response, args[0], request)
	})

	return cmd
}

func showProposal(
	env *command.Env, response *wire.ProposeDeploymentFileOutput, link string, request wire.ProposeDeploymentFileInput,
) error {
	if response.Number == 0 {
		return env.Printf("Branch %s of %s already has this file: there is nothing to propose.\n", response.Branch,
			link)
	}

	file := cmp.Or(request.ConfigFile, command.DeploymentDir+"/"+request.ResourceName+".yaml")
	return env.Printf("Opened pull request %d for branch %s\n%s\n"+
		"When it is merged: lockstep sync create --resource %s --link %s --branch %s --file %s --role-arn ARN\n",
		response.Number, response.Branch, response.Url, output.QuotePath(request.ResourceName),
		output.QuotePath(link), output.QuotePath(response.Branch), output.QuotePath(file))
}

// namedValues parses the NAME=VALUE of a flag.
func namedValues(flag string, texts []string) ([]wire.NamedValue, error) {
	var values []wire.NamedValue
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, command.Usagef("--%s %q must be NAME=VALUE.", flag, text)
		}
		values = append(values, wire.NamedValue{Name: name, Value: value})
	}
	return values, nil
}
