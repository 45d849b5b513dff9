package configure

import (
	"cmp"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/cli/command"
	"github.com/lockstephq/lockstep/internal/cli/output"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

// NewSyncCommand returns the command sync.
func NewSyncCommand(env *command.Env) *cobra.Command {
	return command.Parent(
		&cobra.Command{Use: "sync", Short: "Manage sync configurations"},
		newSyncCreateCommand(env), newSyncShowCommand(env), newSyncUpdateCommand(env), newSyncDeleteCommand(env),
		newSyncNowCommand(env), newSyncSignersCommand(env))
}

// syncFlags are the flags that describe a sync configuration.
type syncFlags struct {
	resource, link, branch, file, role, syncType, trigger string
	publishStatus, comment                                toggle
}

func addSyncFlags(cmd *cobra.Command) *syncFlags {
	values := &syncFlags{}
	flags := cmd.Flags()
	flags.StringVar(&values.resource, "resource", "", "name of the resource: the stack's")
	flags.StringVar(&values.link, "link", "", "repository link: its ID or OWNER/NAME")
	flags.StringVar(&values.branch, "branch", "", "branch to track")
	flags.StringVar(&values.file, "file", "", "path of the deployment file in the repository")
	flags.StringVar(&values.role, "role-arn", "", "ARN of the IAM role to assume")
	flags.StringVar(&values.syncType, "type", command.SyncType, "sync type")
	flags.StringVar(&values.trigger, "trigger", "",
		"commits that affect the resource: FILE_CHANGE or ANY_CHANGE (default FILE_CHANGE)")
	flags.Var(&values.publishStatus, "publish-deployment-status",
		"on or off: report syncs to the Git host (default off)")
	flags.Var(&values.comment, "pull-request-comment",
		"on or off: comment on pull requests with the changes they propose (default off)")

	return values
}

// A toggle is the value of a flag: on, off or not given. It is stored as the API
// spells it.
type toggle string

// String returns the value of the flag.
func (t *toggle) String() string { return string(*t) }

// Type returns the name of the value in help.
func (t *toggle) Type() string { return "on|off" }

// Set sets the value of the flag.
func (t *toggle) Set(text string) error {
	switch text {
	case "on":
		*t = toggle(lockstep.Enabled)
	case "off":
		*t = toggle(lockstep.Disabled)
	default:
		return errors.New("must be on or off")
	}
	return nil
}

// check checks the only enumeration that is likely to be misspelled. The server
// checks everything.
func (s *syncFlags) check(cmd *cobra.Command) error {
	switch s.trigger {
	case "", string(types.TriggerResourceUpdateOnFileChange), string(types.TriggerResourceUpdateOnAnyChange):
		return nil
	}
	return command.Usagef("%s: --trigger %q must be FILE_CHANGE or ANY_CHANGE.", cmd.CommandPath(), s.trigger)
}

// setResource sets the flag --resource to the argument RESOURCE, if it is given.
func setResource(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.Flags().Changed("resource") {
		return command.Usagef("%s: RESOURCE and --resource are both given.", cmd.CommandPath()).
			WithHint("Give one of them.")
	}
	return cmd.Flags().Set("resource", args[0])
}

func newSyncCreateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create RESOURCE --link LINK --branch BRANCH --file FILE --role-arn ARN",
		Short: "Create a sync configuration",
		Long: "Create a sync configuration, which starts the first sync. With --allowed-signers or\n" +
			"--openpgp-keys, only commits signed by these signers are synced, from the first commit on; see\n" +
			"`lockstep sync signers --help`.",
		Example: "  lockstep sync create web --link acme/infra --branch main " +
			"--file deployments/web.yaml \\\n" +
			"    --role-arn arn:aws:iam::111122223333:role/lockstep",
		Args:                  command.Args("[RESOURCE]"),
		DisableFlagsInUseLine: true,
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	flags, signers := addSyncFlags(cmd), addSignerFlags(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := setResource(cmd, args); err != nil {
			return err
		}
		if err := command.RequireFlags(cmd, "resource", "link", "branch", "file", "role-arn"); err != nil {
			return err
		}
		return flags.check(cmd)
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		link, err := command.LinkID(ctx, remote, flags.link)
		if err != nil {
			return err
		}

		cfg, err := flags.create(ctx, env, remote, link, signers)
		if err != nil {
			return err
		}

		return showConfigured(env, "Created", cfg, *format)
	})

	return cmd
}

// create creates the sync configuration, in one request with its signers.
func (s *syncFlags) create(
	ctx context.Context, env *command.Env, remote *client.Client, link string, signers *signerFlags,
) (wire.SyncConfiguration, error) {
	allowedSigners, publicKeys, err := signers.read(env)
	if err != nil {
		return wire.SyncConfiguration{}, err
	}

	if allowedSigners+publicKeys != "" {
		response, err := remote.CreateSignedSyncConfiguration(ctx, &wire.CreateSignedSyncConfigurationInput{
			ResourceName:            s.resource,
			RepositoryLinkId:        link,
			Branch:                  s.branch,
			ConfigFile:              s.file,
			RoleArn:                 s.role,
			SyncType:                s.syncType,
			TriggerResourceUpdateOn: s.trigger,
			PublishDeploymentStatus: string(s.publishStatus),
			PullRequestComment:      string(s.comment),
			AllowedSigners:          allowedSigners,
			PublicKeys:              publicKeys,
		})
		if err != nil {
			return wire.SyncConfiguration{}, err
		}

		return response.SyncConfiguration, nil
	}

	response, err := remote.AWS.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
		ResourceName:            aws.String(s.resource),
		RepositoryLinkId:        aws.String(link),
		Branch:                  aws.String(s.branch),
		ConfigFile:              aws.String(s.file),
		RoleArn:                 aws.String(s.role),
		SyncType:                types.SyncConfigurationType(s.syncType),
		TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(s.trigger),
		PublishDeploymentStatus: types.PublishDeploymentStatus(s.publishStatus),
		PullRequestComment:      types.PullRequestComment(s.comment),
	})
	if err != nil {
		return wire.SyncConfiguration{}, err
	}

	return command.ConfigurationFrom(response.SyncConfiguration), nil
}

func newSyncUpdateCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update RESOURCE",
		Short: "Update a sync configuration",
		Long:  "Update a sync configuration. Only what the flags name is changed.",
		Args:  command.Args("[RESOURCE]"),
	}

	server, format, flags := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd), addSyncFlags(cmd)
	var request *codeconnections.UpdateSyncConfigurationInput
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := setResource(cmd, args); err != nil {
			return err
		}
		if err := command.RequireFlags(cmd, "resource"); err != nil {
			return err
		}
		if err := flags.check(cmd); err != nil {
			return err
		}

		if request = flags.updates(cmd); request == nil {
			return command.Usagef("%s: there is nothing to update.", cmd.CommandPath()).
				WithHint("`%s --help` lists the flags.", cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		if flags.link != "" {
			link, err := command.LinkID(ctx, remote, flags.link)
			if err != nil {
				return err
			}
			request.RepositoryLinkId = aws.String(link)
		}

		response, err := remote.AWS.UpdateSyncConfiguration(ctx, request)
		if err != nil {
			return err
		}

		return showConfigured(env, "Updated", command.ConfigurationFrom(response.SyncConfiguration), *format)
	})

	return cmd
}

// updates returns the request without the link, or nil if the flags change
// nothing.
func (s *syncFlags) updates(cmd *cobra.Command) *codeconnections.UpdateSyncConfigurationInput {
	ifGiven := func(flag, value string) *string {
		if !cmd.Flags().Changed(flag) {
			return nil
		}
		return aws.String(value)
	}

	request := &codeconnections.UpdateSyncConfigurationInput{
		ResourceName:            aws.String(s.resource),
		SyncType:                types.SyncConfigurationType(s.syncType),
		Branch:                  ifGiven("branch", s.branch),
		ConfigFile:              ifGiven("file", s.file),
		RoleArn:                 ifGiven("role-arn", s.role),
		TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(s.trigger),
		PublishDeploymentStatus: types.PublishDeploymentStatus(s.publishStatus),
		PullRequestComment:      types.PullRequestComment(s.comment),
	}
	if request.Branch == nil && request.ConfigFile == nil && request.RoleArn == nil &&
		s.trigger+string(s.publishStatus)+string(s.comment)+s.link == "" {
		return nil
	}

	return request
}

func newSyncShowCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show RESOURCE",
		Short: "Show a sync configuration",
		Long:  "Show a sync configuration. `lockstep status` shows the state of the sync.",
		Args:  command.Args("RESOURCE"),
	}

	server, format := command.AddServerFlags(env, cmd), command.AddFormatFlag(cmd)
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) error {
		cfg, err := command.Configuration(ctx, remote, args[0])
		if err != nil {
			return err
		}
		if format.IsDocument() {
			return format.Write(env.Stdout, cfg)
		}

		table := &output.Table{}
		table.Add("Resource", cfg.ResourceName)
		table.Add("Type", cfg.SyncType)
		table.Add("Repository", command.Repository(cfg))
		table.Add("Link", cfg.RepositoryLinkId)
		table.Add("Branch", cfg.Branch)
		table.Add("File", cfg.ConfigFile)
		table.Add("Role", cfg.RoleArn)
		table.Add("Trigger", cmp.Or(cfg.TriggerResourceUpdateOn, string(types.TriggerResourceUpdateOnFileChange)))
		table.Add("Deployment status", cmp.Or(cfg.PublishDeploymentStatus, string(lockstep.Disabled)))
		table.Add("Pull request comment", cmp.Or(cfg.PullRequestComment, string(lockstep.Disabled)))

		return table.Write(env.Stdout)
	})

	return cmd
}

func showConfigured(env *command.Env, done string, cfg wire.SyncConfiguration, format output.Format) error {
	if format.IsDocument() {
		return format.Write(env.Stdout, cfg)
	}
	return env.Printf("%s sync configuration %s: %s of %s on branch %s\nNext: lockstep wait %s\n", done,
		cfg.ResourceName, cfg.ConfigFile, command.Repository(cfg), cfg.Branch, output.QuotePath(cfg.ResourceName))
}

func newSyncDeleteCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete RESOURCE",
		Short: "Delete a sync configuration",
		Long:  "Delete a sync configuration. The resource is no longer synced; its stack is not changed.",
		Args:  command.Args("[RESOURCE]"),
	}

	server := command.AddServerFlags(env, cmd)
	resource := cmd.Flags().String("resource", "", "name of the resource")
	syncType := cmd.Flags().String("type", command.SyncType, "sync type")
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := setResource(cmd, args); err != nil {
			return err
		}
		return command.RequireFlags(cmd, "resource")
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, _ []string) error {
		_, err := remote.AWS.DeleteSyncConfiguration(ctx, &codeconnections.DeleteSyncConfigurationInput{
			ResourceName: resource,
			SyncType:     types.SyncConfigurationType(*syncType),
		})
		if err != nil {
			return err
		}

		return env.Printf("Deleted sync configuration %s. Its stack is not changed.\n", *resource)
	})

	return cmd
}

func newSyncNowCommand(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "now (RESOURCE | --link LINK)",
		Short: "Check the Git host for new commits now",
		Long: "Check the Git host for new commits now: on the branch of a resource, or on all tracked branches\n" +
			"of a repository link. New commits are synced. To sync the latest commit again, use `lockstep\n" +
			"retry`.",
		Args:                  command.Args("[RESOURCE]"),
		DisableFlagsInUseLine: true,
	}

	server := command.AddServerFlags(env, cmd)
	link := cmd.Flags().String("link", "", "repository link: its ID or OWNER/NAME")
	branch := cmd.Flags().String("branch", "", "with --link: only this branch")
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if (len(args) == 1) == (*link != "") || *branch != "" && *link == "" {
			return command.Usagef("%s: give either RESOURCE or --link, optionally with --branch.", cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = server.Run(func(ctx context.Context, remote *client.Client, args []string) (err error) {
		request, subject := &wire.StartRepositorySyncInput{Branch: *branch}, *link
		if len(args) == 1 {
			cfg, err := command.Configuration(ctx, remote, args[0])
			if err != nil {
				return err
			}

			request.RepositoryLinkId, request.Branch = cfg.RepositoryLinkId, cfg.Branch
			subject = command.Repository(cfg)
		} else if request.RepositoryLinkId, err = command.LinkID(ctx, remote, *link); err != nil {
			return err
		}

		if _, err := remote.StartRepositorySync(ctx, request); err != nil {
			return err
		}

		if request.Branch != "" {
			subject += ", branch " + request.Branch
		}

		return env.Printf("Checking %s. `lockstep watch` shows the events.\n", subject)
	})

	return cmd
}
