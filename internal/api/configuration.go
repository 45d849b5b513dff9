package api

import (
	"context"
	"io/fs"
	"strings"
	"unicode"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxConfigFile is the longest path of a configuration's file, in bytes.
const maxConfigFile = 1024

// CreateSyncConfiguration makes a sync configuration and requests its first
// sync.
func (s *Service) CreateSyncConfiguration(ctx context.Context, c Caller, in *wire.CreateSyncConfigurationInput) (*wire.CreateSyncConfigurationOutput, error) {
	cfg := lockstep.SyncConfiguration{
		Account:                 c.Account,
		Region:                  c.Region,
		SyncType:                lockstep.SyncType(in.SyncType),
		ResourceName:            in.ResourceName,
		LinkID:                  linkID(in.RepositoryLinkId),
		Branch:                  in.Branch,
		ConfigFile:              in.ConfigFile,
		RoleARN:                 in.RoleArn,
		TriggerResourceUpdateOn: lockstep.TriggerResourceUpdateOn(in.TriggerResourceUpdateOn),
		PublishDeploymentStatus: lockstep.Switch(in.PublishDeploymentStatus),
		PullRequestComment:      lockstep.Switch(in.PullRequestComment),
	}
	if err := s.checkConfiguration(cfg); err != nil {
		return nil, err
	}
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		if err := store.InsertConfiguration(tx, &cfg); err != nil {
			return err
		}
		return s.o.Engine.Configured(tx, cfg)
	})
	return &wire.CreateSyncConfigurationOutput{SyncConfiguration: showConfiguration(cfg)}, err
}

// GetSyncConfiguration reads a resource's sync configuration.
func (s *Service) GetSyncConfiguration(ctx context.Context, c Caller, in *wire.GetSyncConfigurationInput) (*wire.GetSyncConfigurationOutput, error) {
	cfg, err := s.configuration(ctx, c, in.SyncType, in.ResourceName)
	return &wire.GetSyncConfigurationOutput{SyncConfiguration: showConfiguration(cfg)}, err
}

func (s *Service) configuration(ctx context.Context, c Caller, syncType, name string) (cfg lockstep.SyncConfiguration, err error) {
	err = s.o.DB.Peek(ctx, func(tx *db.Tx) error {
		cfg, err = store.Configuration(tx, c.Account, c.Region, lockstep.SyncType(syncType), name)
		return err
	})
	return cfg, err
}

// UpdateSyncConfiguration changes what is given and leaves the rest. It always
// requests a sync, as at AWS, also when nothing differs.
func (s *Service) UpdateSyncConfiguration(ctx context.Context, c Caller, in *wire.UpdateSyncConfigurationInput) (*wire.UpdateSyncConfigurationOutput, error) {
	var cfg lockstep.SyncConfiguration
	err := s.o.DB.Update(ctx, func(tx *db.Tx) (err error) {
		cfg, err = store.LockConfiguration(tx, c.Account, c.Region, lockstep.SyncType(in.SyncType), in.ResourceName)
		if err != nil {
			return err
		}
		merge(&cfg, in)
		if err := s.checkConfiguration(cfg); err != nil {
			return err
		}
		if err := store.UpdateConfiguration(tx, &cfg); err != nil {
			return err
		}
		return s.o.Engine.Configured(tx, cfg)
	})
	return &wire.UpdateSyncConfigurationOutput{SyncConfiguration: showConfiguration(cfg)}, err
}

func merge(cfg *lockstep.SyncConfiguration, in *wire.UpdateSyncConfigurationInput) {
	set(&cfg.LinkID, linkID(in.RepositoryLinkId))
	set(&cfg.Branch, in.Branch)
	set(&cfg.RoleARN, in.RoleArn)
	set(&cfg.TriggerResourceUpdateOn, lockstep.TriggerResourceUpdateOn(in.TriggerResourceUpdateOn))
	set(&cfg.PublishDeploymentStatus, lockstep.Switch(in.PublishDeploymentStatus))
	set(&cfg.PullRequestComment, lockstep.Switch(in.PullRequestComment))
	if in.ConfigFile != nil {
		cfg.ConfigFile = *in.ConfigFile
	}
}

// set changes what a caller has given; "" is what was not.
func set[T ~string](field *T, given T) {
	if given != "" {
		*field = given
	}
}

// ListSyncConfigurations reads the sync configurations of a repository link,
// oldest first.
func (s *Service) ListSyncConfigurations(ctx context.Context, c Caller, in *wire.ListSyncConfigurationsInput) (*wire.ListSyncConfigurationsOutput, error) {
	filter := store.ConfigurationFilter{SyncType: lockstep.SyncType(in.SyncType), LinkID: linkID(in.RepositoryLinkId)}
	list := c.listing("sync configurations", filter)
	page, err := list.page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &wire.ListSyncConfigurationsOutput{}
	err = s.o.DB.View(ctx, func(tx *db.Tx) error {
		if _, err := store.Link(tx, c.Account, c.Region, filter.LinkID); err != nil {
			return err
		}
		all, next, err := store.Configurations(tx, c.Account, c.Region, filter, page)
		for _, cfg := range all {
			out.SyncConfigurations = append(out.SyncConfigurations, showConfiguration(cfg))
		}
		out.NextToken = list.token(next)
		return err
	})
	return out, err
}

// DeleteSyncConfiguration ends the syncing of a resource. The resource itself,
// a stack for instance, stays as it is.
func (s *Service) DeleteSyncConfiguration(ctx context.Context, c Caller, in *wire.DeleteSyncConfigurationInput) (*wire.DeleteSyncConfigurationOutput, error) {
	err := s.o.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := store.LockConfiguration(tx, c.Account, c.Region, lockstep.SyncType(in.SyncType), in.ResourceName)
		if err != nil {
			return err
		}
		if err := s.o.Engine.Deconfigured(tx, cfg); err != nil {
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
func (s *Service) ListRepositorySyncDefinitions(ctx context.Context, c Caller, in *wire.ListRepositorySyncDefinitionsInput) (*wire.ListRepositorySyncDefinitionsOutput, error) {
	filter := store.ConfigurationFilter{SyncType: lockstep.SyncType(in.SyncType), LinkID: linkID(in.RepositoryLinkId)}
	out := &wire.ListRepositorySyncDefinitionsOutput{}
	err := s.o.DB.View(ctx, func(tx *db.Tx) error {
		if _, err := store.Link(tx, c.Account, c.Region, filter.LinkID); err != nil {
			return err
		}
		page := store.Page{Limit: definitionsPage}
		for more := true; more; more = page.After != (store.Cursor{}) {
			all, next, err := store.Configurations(tx, c.Account, c.Region, filter, page)
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

func showConfiguration(c lockstep.SyncConfiguration) wire.SyncConfiguration {
	return wire.SyncConfiguration{
		Branch:                  c.Branch,
		ConfigFile:              c.ConfigFile,
		OwnerId:                 c.OwnerID,
		ProviderType:            string(c.ProviderType),
		RepositoryLinkId:        c.LinkID,
		RepositoryName:          c.RepositoryName,
		ResourceName:            c.ResourceName,
		RoleArn:                 c.RoleARN,
		SyncType:                string(c.SyncType),
		PublishDeploymentStatus: string(c.PublishDeploymentStatus),
		TriggerResourceUpdateOn: string(c.TriggerResourceUpdateOn),
		PullRequestComment:      string(c.PullRequestComment),
	}
}

// showDefinition gives parent and target the same name, as AWS does for
// CFN_STACK_SYNC.
func showDefinition(c lockstep.SyncConfiguration) wire.RepositorySyncDefinition {
	return wire.RepositorySyncDefinition{
		Branch:    c.Branch,
		Directory: c.ConfigFile,
		Parent:    c.ResourceName,
		Target:    c.ResourceName,
	}
}
