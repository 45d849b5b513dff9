package api

import (
	"context"
	"io/fs"
	"strings"
	"unicode"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxConfigFile is the longest path of a configuration's file, in bytes.
const maxConfigFile = 1024

// CreateSyncConfiguration makes a sync configuration and requests its first
// sync.
func (s *Service) CreateSyncConfiguration(ctx context.Context, caller access.Caller, input *wire.CreateSyncConfigurationInput) (*wire.CreateSyncConfigurationOutput, error) {
	cfg := lockstep.SyncConfiguration{
		Account:                 caller.Account,
		Region:                  caller.Region,
		SyncType:                lockstep.SyncType(input.SyncType),
		ResourceName:            input.ResourceName,
		LinkID:                  linkID(input.RepositoryLinkId),
		Branch:                  input.Branch,
		ConfigFile:              input.ConfigFile,
		RoleARN:                 input.RoleArn,
		TriggerResourceUpdateOn: lockstep.TriggerResourceUpdateOn(input.TriggerResourceUpdateOn),
		PublishDeploymentStatus: lockstep.Switch(input.PublishDeploymentStatus),
		PullRequestComment:      lockstep.Switch(input.PullRequestComment),
	}
	if err := s.checkConfiguration(cfg); err != nil {
		return nil, err
	}

	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		return s.configure(tx, caller, &cfg, "codeconnections:CreateSyncConfiguration")
	})
	return &wire.CreateSyncConfigurationOutput{SyncConfiguration: showConfiguration(cfg)}, err
}

// configure makes a configuration that was checked, for a caller who may do all
// these actions to it.
func (s *Service) configure(tx *db.Tx, caller access.Caller, cfg *lockstep.SyncConfiguration, actions ...string) error {
	if err := authorizeConfiguration(tx, caller, cfg, actions...); err != nil {
		return err
	}
	if err := s.o.Quotas.CheckNewConfiguration(tx, *cfg); err != nil {
		return err
	}
	if err := store.InsertConfiguration(tx, cfg); err != nil {
		return err
	}
	return s.o.Syncs.AttachConfiguration(tx, *cfg)
}

// authorizeConfiguration asks whether the caller may make a configuration as it is given:
// follow that branch of that repository, and hand the syncs that role. Who may not
// see the link gets the answer that a missing one gets; the configuration is the
// caller's own words, which hide nothing from it.
func authorizeConfiguration(tx *db.Tx, caller access.Caller, cfg *lockstep.SyncConfiguration, actions ...string) error {
	link, err := store.Link(tx, caller.Account, caller.Region, cfg.LinkID)
	if err != nil {
		return err
	}
	if err := caller.Authorize(tx, "codeconnections:PassRepository", access.LinkSubject(link)); err != nil {
		return err
	}

	cfg.OwnerID, cfg.RepositoryName, cfg.ProviderType = link.OwnerID, link.RepositoryName, link.ProviderType
	for _, action := range actions {
		if err := caller.Authorize(tx, action, access.ConfigurationSubject(*cfg).WithNotFound(nil)); err != nil {
			return err
		}
	}

	return caller.AuthorizePassRole(cfg.RoleARN)
}

// GetSyncConfiguration reads a resource's sync configuration.
func (s *Service) GetSyncConfiguration(ctx context.Context, caller access.Caller, in *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
	cfg, err := s.configuration(ctx, caller, "codeconnections:GetSyncConfiguration", in.SyncType, in.ResourceName)
	if err != nil {
		return nil, err
	}
	return &wire.GetSyncConfigurationOutput{SyncConfiguration: showConfiguration(cfg)}, nil
}

// configuration reads a configuration for an action that changes nothing.
func (s *Service) configuration(ctx context.Context, caller access.Caller, action, syncType, name string) (cfg lockstep.SyncConfiguration, err error) {
	err = s.view(ctx, caller, action, policy.SyncConfiguration, func(tx *db.Tx) error {
		cfg, err = store.Configuration(tx, caller.Account, caller.Region, lockstep.SyncType(syncType), name)
		if err != nil {
			return err
		}
		return caller.Authorize(tx, action, access.ConfigurationSubject(cfg))
	})
	return cfg, err
}

// lockConfiguration reads a configuration for an action that changes something,
// and keeps others from changing it meanwhile.
func lockConfiguration(tx *db.Tx, caller access.Caller, action, syncType, name string) (lockstep.SyncConfiguration, error) {
	cfg, err := store.LockConfiguration(tx, caller.Account, caller.Region, lockstep.SyncType(syncType), name)
	if err != nil {
		return cfg, err
	}
	return cfg, caller.Authorize(tx, action, access.ConfigurationSubject(cfg))
}

// UpdateSyncConfiguration changes what is given and leaves the rest. It always
// requests a sync, as at AWS, also when nothing differs.
func (s *Service) UpdateSyncConfiguration(ctx context.Context, caller access.Caller, input *wire.UpdateSyncConfigurationInput) (*wire.UpdateSyncConfigurationOutput, error) {
	var cfg lockstep.SyncConfiguration
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		const action = "codeconnections:UpdateSyncConfiguration"
		cfg, err = lockConfiguration(tx, caller, action, input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}

		before := cfg
		mergeUpdate(&cfg, input)
		if err := s.checkConfiguration(cfg); err != nil {
			return err
		}

		// Allowed must be what it is and what it becomes.
		if err := authorizeConfiguration(tx, caller, &cfg, action); err != nil {
			return err
		}
		if err := s.o.Quotas.CheckMove(tx, before, cfg); err != nil {
			return err
		}
		if err := store.UpdateConfiguration(tx, &cfg); err != nil {
			return err
		}

		return s.o.Syncs.AttachConfiguration(tx, cfg)
	})

	return &wire.UpdateSyncConfigurationOutput{SyncConfiguration: showConfiguration(cfg)}, err
}

func mergeUpdate(cfg *lockstep.SyncConfiguration, input *wire.UpdateSyncConfigurationInput) {
	setIfGiven(&cfg.LinkID, linkID(input.RepositoryLinkId))
	setIfGiven(&cfg.Branch, input.Branch)
	setIfGiven(&cfg.RoleARN, input.RoleArn)
	setIfGiven(&cfg.TriggerResourceUpdateOn, lockstep.TriggerResourceUpdateOn(input.TriggerResourceUpdateOn))
	setIfGiven(&cfg.PublishDeploymentStatus, lockstep.Switch(input.PublishDeploymentStatus))
	setIfGiven(&cfg.PullRequestComment, lockstep.Switch(input.PullRequestComment))
	if input.ConfigFile != nil {
		cfg.ConfigFile = *input.ConfigFile
	}
}

// setIfGiven changes what a caller has given; "" is what was not.
func setIfGiven[T ~string](field *T, given T) {
	if given != "" {
		*field = given
	}
}

// ListSyncConfigurations reads the sync configurations of a repository link,
// oldest first.
func (s *Service) ListSyncConfigurations(ctx context.Context, caller access.Caller, in *wire.ListSyncConfigurationsInput) (*wire.ListSyncConfigurationsOutput, error) {
	filter := store.ConfigurationFilter{SyncType: lockstep.SyncType(in.SyncType), LinkID: linkID(in.RepositoryLinkId)}
	list := access.NewList(s.o.Seal, caller, "sync configurations", filter)
	page, err := list.Page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListSyncConfigurationsOutput{}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		all, next, err := configurationsOf(tx, caller, "codeconnections:ListSyncConfigurations", filter, page)
		if err != nil {
			return err
		}

		for _, cfg := range all {
			out.SyncConfigurations = append(out.SyncConfigurations, showConfiguration(cfg))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// configurationsOf reads a page of a link's configurations, those that the
// caller may see.
func configurationsOf(tx *db.Tx, caller access.Caller, action string, filter store.ConfigurationFilter, page db.Page) ([]lockstep.SyncConfiguration, db.Cursor, error) {
	link, err := store.Link(tx, caller.Account, caller.Region, filter.LinkID)
	if err != nil {
		return nil, db.Cursor{}, err
	}
	if err := caller.Authorize(tx, action, access.LinkSubject(link)); err != nil {
		return nil, db.Cursor{}, err
	}
	return access.Visible(tx, caller, policy.SyncConfiguration, page, func(page db.Page) ([]lockstep.SyncConfiguration, db.Cursor, error) {
		return store.Configurations(tx, caller.Account, caller.Region, filter, page)
	}, access.ConfigurationSubjects())
}

// DeleteSyncConfiguration ends the syncing of a resource. The resource itself,
// a stack for instance, stays as it is.
func (s *Service) DeleteSyncConfiguration(ctx context.Context, caller access.Caller, in *wire.DeleteSyncConfigurationInput) (*wire.DeleteSyncConfigurationOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "codeconnections:DeleteSyncConfiguration", in.SyncType, in.ResourceName)
		if err != nil {
			return err
		}
		if err := s.o.Syncs.DetachConfiguration(tx, cfg); err != nil {
			return err
		}
		return store.DeleteConfiguration(tx, cfg.ID)
	})
	return &wire.DeleteSyncConfigurationOutput{}, err
}

// definitionsPage is how many configurations ListRepositorySyncDefinitions
// reads at a time.
const definitionsPage = 1000

// ListRepositorySyncDefinitions reads what the configurations of a repository
// link mean, all at once: the model has no way to ask for another page.
func (s *Service) ListRepositorySyncDefinitions(ctx context.Context, caller access.Caller, in *wire.ListRepositorySyncDefinitionsInput) (*wire.ListRepositorySyncDefinitionsOutput, error) {
	filter := store.ConfigurationFilter{SyncType: lockstep.SyncType(in.SyncType), LinkID: linkID(in.RepositoryLinkId)}
	out := &wire.ListRepositorySyncDefinitionsOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		page := db.Page{Limit: definitionsPage}
		for more := true; more; more = page.After != (db.Cursor{}) {
			all, next, err := configurationsOf(tx, caller, "codeconnections:ListRepositorySyncDefinitions", filter, page)
			if err != nil {
				return err
			}

			for _, cfg := range all {
				out.RepositorySyncDefinitions = append(out.RepositorySyncDefinitions, showDefinition(cfg))
			}

			page.After = next
		}

		return nil
	})

	return out, err
}

// checkConfiguration says what is wrong with what a caller asks for, beyond
// its shape.
func (s *Service) checkConfiguration(cfg lockstep.SyncConfiguration) error {
	validName, ok := s.o.ValidName[cfg.SyncType]
	if !ok {
		return lockstep.Errorf(lockstep.Invalid, "Sync type %s is not supported by this server.", cfg.SyncType)
	}
	if err := validName(cfg.ResourceName); err != nil {
		return err
	}

	if !lockstep.ValidBranch(cfg.Branch) {
		return lockstep.Errorf(lockstep.Invalid, "Branch %q is not a name that a branch can have.", cfg.Branch)
	}

	file := cfg.ConfigFile
	if len(file) > maxConfigFile || !fs.ValidPath(file) || file == "." ||
		strings.Contains(file, `\`) || strings.ContainsFunc(file, unicode.IsControl) {
		return lockstep.Errorf(lockstep.Invalid,
			"ConfigFile must be the path of a file from the repository's root, such as stacks/web.yaml: no leading slash, no backslash, no empty, . or .. part, at most %d bytes.", maxConfigFile)
	}

	return nil
}

func showConfiguration(cfg lockstep.SyncConfiguration) wire.SyncConfiguration {
	return wire.SyncConfiguration{
		Branch:                  cfg.Branch,
		ConfigFile:              cfg.ConfigFile,
		OwnerId:                 cfg.OwnerID,
		ProviderType:            string(cfg.ProviderType),
		RepositoryLinkId:        cfg.LinkID,
		RepositoryName:          cfg.RepositoryName,
		ResourceName:            cfg.ResourceName,
		RoleArn:                 cfg.RoleARN,
		SyncType:                string(cfg.SyncType),
		PublishDeploymentStatus: string(cfg.PublishDeploymentStatus),
		TriggerResourceUpdateOn: string(cfg.TriggerResourceUpdateOn),
		PullRequestComment:      string(cfg.PullRequestComment),
	}
}

// showDefinition gives parent and target the same name, as AWS does for
// CFN_STACK_SYNC.
func showDefinition(cfg lockstep.SyncConfiguration) wire.RepositorySyncDefinition {
	return wire.RepositorySyncDefinition{
		Branch:    cfg.Branch,
		Directory: cfg.ConfigFile,
		Parent:    cfg.ResourceName,
		Target:    cfg.ResourceName,
	}
}
