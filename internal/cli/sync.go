package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/client"
	"github.com/lockstephq/lockstep/internal/wire"
)

func newSyncCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{Use: "sync", Short: "Say which resource follows which file of which branch"})
	c.AddCommand(newSyncCreateCommand(p), newSyncShowCommand(p), newSyncUpdateCommand(p), newSyncDeleteCommand(p), newSyncNowCommand(p),
		newSyncSignersCommand(p))
	return c
}

// A configuring holds the flags that describe a sync configuration.
type configuring struct {
	resource, link, branch, file, role, kind, trigger string
	publish, comment                                  toggle
}

func configures(c *cobra.Command) *configuring {
	s := &configuring{}
	f := c.Flags()
	f.StringVar(&s.resource, "resource", "", "name of the resource: the stack's")
	f.StringVar(&s.link, "link", "", "repository link: its id or OWNER/NAME")
	f.StringVar(&s.branch, "branch", "", "branch to follow")
	f.StringVar(&s.file, "file", "", "path of the deployment file in the repository")
	f.StringVar(&s.role, "role-arn", "", "ARN of the role to act as")
	f.StringVar(&s.kind, "type", syncType, "sync type")
	f.StringVar(&s.trigger, "trigger", "", "which commits concern the resource: FILE_CHANGE or ANY_CHANGE (default FILE_CHANGE)")
	f.Var(&s.publish, "publish-deployment-status", "on or off: tell the Git host what becomes of commits (default off)")
	f.Var(&s.comment, "pull-request-comment", "on or off: say on pull requests what merging them would change (default off)")

	return s
}

// A toggle is a choice that is on, off or not made. Its text is the API's.
type toggle string

// String gives the choice.
func (t *toggle) String() string { return string(*t) }

// Type names the value in help.
func (t *toggle) Type() string { return "on|off" }

// Set takes the choice.
func (t *toggle) Set(text string) error {
	switch text {
	case "on":
		*t = toggle(lockstep.Enabled)
	case "off":
		*t = toggle(lockstep.Disabled)
	default:
		return usagef("it is neither on nor off")
	}
	return nil
}

// check knows the one enumeration whose misspelling is likely; the server knows
// everything else better.
func (s *configuring) check(c *cobra.Command) error {
	switch s.trigger {
	case "", string(types.TriggerResourceUpdateOnFileChange), string(types.TriggerResourceUpdateOnAnyChange):
		return nil
	}
	return usagef("%s: --trigger %q is neither FILE_CHANGE nor ANY_CHANGE.", c.CommandPath(), s.trigger)
}

func newSyncCreateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "create --resource NAME --link LINK --branch BRANCH --file FILE --role-arn ARN",
		Short: "Begin to sync a resource",
		Long: "Begin to sync a resource. With --allowed-signers or --openpgp-keys, of which `lockstep sync signers` tells more, no\n" +
			"commit is synced that none of them signed, from the first on.",
		Args:                  arguments(),
		DisableFlagsInUseLine: true,
	}

	reach, format, s, signers := reaches(p, c), formats(c), configures(c), signs(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := require(c, "resource", "link", "branch", "file", "role-arn"); err != nil {
			return err
		}
		if err := s.check(c); err != nil {
			return err
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		link, err := linkID(c.Context(), remote, s.link)
		if err != nil {
			return err
		}

		cfg, err := s.create(c.Context(), remote, link, signers)
		if err != nil {
			return err
		}

		return p.configured(*format, "is synced from", cfg)
	}

	return c
}

// create makes the configuration, together with who may sign its commits where
// somebody is named.
func (s *configuring) create(ctx context.Context, remote *client.Client, link string, who *signers) (wire.SyncConfiguration, error) {
	allowed, keys, err := who.read()
	if err != nil {
		return wire.SyncConfiguration{}, err
	}

	if allowed+keys != "" {
		out, err := remote.CreateSignedSyncConfiguration(ctx, &wire.CreateSignedSyncConfigurationInput{
			ResourceName: s.resource, RepositoryLinkId: link, Branch: s.branch, ConfigFile: s.file, RoleArn: s.role, SyncType: s.kind,
			TriggerResourceUpdateOn: s.trigger, PublishDeploymentStatus: string(s.publish), PullRequestComment: string(s.comment),
			AllowedSigners: allowed, PublicKeys: keys,
		})
		if err != nil {
			return wire.SyncConfiguration{}, err
		}

		return out.SyncConfiguration, nil
	}

	out, err := remote.AWS.CreateSyncConfiguration(ctx, &codeconnections.CreateSyncConfigurationInput{
		ResourceName:            aws.String(s.resource),
		RepositoryLinkId:        aws.String(link),
		Branch:                  aws.String(s.branch),
		ConfigFile:              aws.String(s.file),
		RoleArn:                 aws.String(s.role),
		SyncType:                types.SyncConfigurationType(s.kind),
		TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(s.trigger),
		PublishDeploymentStatus: types.PublishDeploymentStatus(s.publish),
		PullRequestComment:      types.PullRequestComment(s.comment),
	})
	if err != nil {
		return wire.SyncConfiguration{}, err
	}

	return configurationOf(out.SyncConfiguration), nil
}

func newSyncUpdateCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "update --resource NAME",
		Short: "Change how a resource is synced",
		Long:  "Change how a resource is synced: what the flags name is changed, the rest stays.",
		Args:  arguments(),
	}

	reach, format, s := reaches(p, c), formats(c), configures(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := require(c, "resource"); err != nil {
			return err
		}
		if err := s.check(c); err != nil {
			return err
		}

		in := s.changes(c)
		if in == nil {
			return usagef("%s: nothing is to be changed.", c.CommandPath()).try("`" + c.CommandPath() + " --help` lists what can be.")
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		if s.link != "" {
			link, err := linkID(c.Context(), remote, s.link)
			if err != nil {
				return err
			}

			in.RepositoryLinkId = aws.String(link)
		}

		out, err := remote.AWS.UpdateSyncConfiguration(c.Context(), in)
		if err != nil {
			return err
		}

		return p.configured(*format, "is now synced from", configurationOf(out.SyncConfiguration))
	}

	return c
}

// changes is what the flags ask for but the link, nil where they ask for nothing.
func (s *configuring) changes(c *cobra.Command) *codeconnections.UpdateSyncConfigurationInput {
	given := func(flag, value string) *string {
		if !c.Flags().Changed(flag) {
			return nil
		}
		return aws.String(value)
	}
	in := &codeconnections.UpdateSyncConfigurationInput{
		ResourceName:            aws.String(s.resource),
		SyncType:                types.SyncConfigurationType(s.kind),
		Branch:                  given("branch", s.branch),
		ConfigFile:              given("file", s.file),
		RoleArn:                 given("role-arn", s.role),
		TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(s.trigger),
		PublishDeploymentStatus: types.PublishDeploymentStatus(s.publish),
		PullRequestComment:      types.PullRequestComment(s.comment),
	}
	if in.Branch == nil && in.ConfigFile == nil && in.RoleArn == nil && s.trigger+string(s.publish)+string(s.comment)+s.link == "" {
		return nil
	}

	return in
}

func newSyncShowCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "show RESOURCE",
		Short: "Show how a resource is synced",
		Long:  "Show how a resource is synced. `lockstep status` shows what has become of it.",
		Args:  arguments("RESOURCE"),
	}

	reach, format := reaches(p, c), formats(c)
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, args []string) error {
		cfg, err := configuration(ctx, remote, args[0])
		if err != nil {
			return err
		}
		if *format != asTable {
			return format.write(p.stdout, cfg)
		}

		t := &table{}
		t.add("Resource", cfg.ResourceName)
		t.add("Type", cfg.SyncType)
		t.add("Repository", repositoryName(cfg))
		t.add("Link", cfg.RepositoryLinkId)
		t.add("Branch", cfg.Branch)
		t.add("File", cfg.ConfigFile)
		t.add("Role", cfg.RoleArn)
		t.add("Concerned by", cmp.Or(cfg.TriggerResourceUpdateOn, string(types.TriggerResourceUpdateOnFileChange)))
		t.add("Deployment status", cmp.Or(cfg.PublishDeploymentStatus, string(lockstep.Disabled)))
		t.add("Pull request comment", cmp.Or(cfg.PullRequestComment, string(lockstep.Disabled)))

		return t.write(p.stdout)
	})

	return c
}

func (p *program) configured(f format, verb string, cfg wire.SyncConfiguration) error {
	if f != asTable {
		return f.write(p.stdout, cfg)
	}
	_, err := fmt.Fprintf(p.stdout, "%s %s %s of %s on branch %s\nNext: lockstep wait %s\n", plain(cfg.ResourceName), verb, plain(cfg.ConfigFile),
		plain(repositoryName(cfg)), plain(cfg.Branch), shellQuote(plain(cfg.ResourceName)))
	return err
}

func repositoryName(cfg wire.SyncConfiguration) string {
	return joinRepository(cfg.OwnerId, cfg.RepositoryName)
}

func newSyncDeleteCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "delete --resource NAME",
		Short: "Stop syncing a resource, which stays as it is",
		Args:  arguments(),
	}

	reach := reaches(p, c)
	resource := c.Flags().String("resource", "", "name of the resource")
	kind := c.Flags().String("type", syncType, "sync type")
	c.PreRunE = needs("resource")
	c.RunE = reach.then(func(ctx context.Context, remote *client.Client, _ []string) error {
		_, err := remote.AWS.DeleteSyncConfiguration(ctx, &codeconnections.DeleteSyncConfigurationInput{
			ResourceName: resource, SyncType: types.SyncConfigurationType(*kind)})
		if err != nil {
			return err
		}

		_, err = fmt.Fprintf(p.stdout, "%s is no longer synced. The stack stays as it is.\n", plain(*resource))
		return err
	})

	return c
}

func newSyncNowCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "now (RESOURCE | --link LINK)",
		Short: "Look at the Git host now",
		Long: "Look at the Git host now, at the branch that a resource follows or at all branches of a repository link that are\n" +
			"followed. What is new there is synced; `lockstep retry` tries again what is not new.",
		Args:                  arguments("[RESOURCE]"),
		DisableFlagsInUseLine: true,
	}

	reach := reaches(p, c)
	link := c.Flags().String("link", "", "repository link: its id or OWNER/NAME")
	branch := c.Flags().String("branch", "", "with --link: only this branch")
	c.RunE = func(c *cobra.Command, args []string) error {
		if (len(args) == 1) == (*link != "") || *branch != "" && *link == "" {
			return usagef("%s: give either RESOURCE or --link (and with it, perhaps, --branch).", c.CommandPath())
		}

		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}

		in, subject := &wire.StartRepositorySyncInput{Branch: *branch}, *link
		if len(args) == 1 {
			cfg, err := configuration(c.Context(), remote, args[0])
			if err != nil {
				return err
			}

			in.RepositoryLinkId, in.Branch, subject = cfg.RepositoryLinkId, cfg.Branch, repositoryName(cfg)
		} else if in.RepositoryLinkId, err = linkID(c.Context(), remote, *link); err != nil {
			return err
		}

		if _, err := remote.StartRepositorySync(c.Context(), in); err != nil {
			return err
		}

		if in.Branch != "" {
			subject += ", branch " + in.Branch
		}

		_, err = fmt.Fprintf(p.stdout, "Looking at %s. `lockstep watch` shows what comes of it.\n", plain(subject))
		return err
	}

	return c
}
