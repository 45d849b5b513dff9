package cli

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/spf13/cobra"

	"github.com/lockstephq/lockstep/internal/wire"
)

func newSyncCommand(p *program) *cobra.Command {
	c := parent(&cobra.Command{Use: "sync", Short: "Say which resource follows which file of which branch"})
	c.AddCommand(newSyncCreateCommand(p), newSyncUpdateCommand(p), newSyncDeleteCommand(p), newSyncNowCommand(p))
	return c
}

// A configuring holds the flags that describe a sync configuration.
type configuring struct {
	resource, link, branch, file, role, kind, trigger string
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
	return s
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
		Use:                   "create --resource NAME --link LINK --branch BRANCH --file FILE --role-arn ARN",
		Short:                 "Begin to sync a resource",
		Args:                  arguments(),
		DisableFlagsInUseLine: true,
	}
	reach, format, s := reaches(p, c), formats(c), configures(c)
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
		out, err := remote.AWS.CreateSyncConfiguration(c.Context(), &codeconnections.CreateSyncConfigurationInput{
			ResourceName:            aws.String(s.resource),
			RepositoryLinkId:        aws.String(link),
			Branch:                  aws.String(s.branch),
			ConfigFile:              aws.String(s.file),
			RoleArn:                 aws.String(s.role),
			SyncType:                types.SyncConfigurationType(s.kind),
			TriggerResourceUpdateOn: types.TriggerResourceUpdateOn(s.trigger),
		})
		if err != nil {
			return err
		}
		return p.configured(*format, "is synced from", out.SyncConfiguration)
	}
	return c
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
		}
		if in.Branch == nil && in.ConfigFile == nil && in.RoleArn == nil && s.trigger == "" && s.link == "" {
			return usagef("%s: nothing is to be changed.", c.CommandPath()).
				try("Give --link, --branch, --file, --role-arn or --trigger.")
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
		return p.configured(*format, "is now synced from", out.SyncConfiguration)
	}
	return c
}

func (p *program) configured(f format, verb string, made *types.SyncConfiguration) error {
	cfg := configurationOf(made)
	if f != asTable {
		return f.write(p.stdout, cfg)
	}
	_, err := fmt.Fprintf(p.stdout, "%s %s %s of %s on branch %s\nNext: lockstep wait %s\n", cfg.ResourceName, verb, cfg.ConfigFile,
		repositoryName(cfg), cfg.Branch, cfg.ResourceName)
	return err
}

func repositoryName(cfg wire.SyncConfiguration) string {
	return repositoryOfLink(wire.RepositoryLinkInfo{OwnerId: cfg.OwnerId, RepositoryName: cfg.RepositoryName})
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
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := require(c, "resource"); err != nil {
			return err
		}
		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}
		_, err = remote.AWS.DeleteSyncConfiguration(c.Context(), &codeconnections.DeleteSyncConfigurationInput{
			ResourceName: resource, SyncType: types.SyncConfigurationType(*kind)})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s is no longer synced. The stack stays as it is.\n", *resource)
		return err
	}
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
		_, err = fmt.Fprintf(p.stdout, "Looking at %s. `lockstep watch` shows what comes of it.\n", subject)
		return err
	}
	return c
}

func newRetryCommand(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "retry RESOURCE",
		Short: "Try the latest commit again",
		Long:  "Try the latest commit of a resource's branch again, whether or not it failed. What blocks the resource is taken for resolved.",
		Args:  arguments("RESOURCE"),
	}
	reach := reaches(p, c)
	c.RunE = func(c *cobra.Command, args []string) error {
		remote, err := reach.connect(c.Context())
		if err != nil {
			return err
		}
		_, err = remote.StartResourceSync(c.Context(), &wire.StartResourceSyncInput{ResourceName: args[0], SyncType: syncType})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%[1]s is tried again. `lockstep wait %[1]s` waits for it.\n", args[0])
		return err
	}
	return c
}
