package api

import (
	"context"
	"io/fs"
	"strings"

	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/access"
	"github.com/lockstephq/lockstep/internal/api/conversion"
	"github.com/lockstephq/lockstep/internal/db"
	"github.com/lockstephq/lockstep/internal/policy"
	"github.com/lockstephq/lockstep/internal/store"
	"github.com/lockstephq/lockstep/internal/wire"
)

// maxConfigFile is the longest path of a configuration's file, in bytes.
const maxConfigFile = 1024

// CreateSyncConfiguration creates a sync configuration and requests its first sync.
func (s *Service) CreateSyncConfiguration(
	ctx context.Context, caller access.Caller, input *wire.CreateSyncConfigurationInput,
) (*wire.CreateSyncConfigurationOutput, error) {
	cfg := fromWireConfiguration(caller, *input)
	if err := s.checkConfiguration(cfg); err != nil {
		return nil, err
	}

	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		return s.createConfiguration(tx, caller, &cfg, "codeconnections:CreateSyncConfiguration")
	})
	return &wire.CreateSyncConfigurationOutput{SyncConfiguration: conversion.ToWireConfiguration(cfg)}, err
}

func fromWireConfiguration(caller access.Caller, input wire.CreateSyncConfigurationInput) lockstep.SyncConfiguration {
	return lockstep.SyncConfiguration{
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
}

// createConfiguration stores a valid configuration and requests its first sync. It
// authorizes each of actions.
func (s *Service) createConfiguration(
	tx *db.Tx, caller access.Caller, cfg *lockstep.SyncConfiguration, actions ...string,
) error {
	if err := authorizeConfiguration(tx, caller, cfg, actions...); err != nil {
		return err
	}
	if err := s.options.Quotas.CheckNewConfiguration(tx, *cfg); err != nil {
		return err
	}
	if err := store.InsertConfiguration(tx, cfg); err != nil {
		return err
	}
	return s.options.Syncs.AttachConfiguration(tx, *cfg)
}

// authorizeConfiguration authorizes the configuration that a caller asks for:
// actions on it, its repository link and its role. It fills in the members that the
// link decides. A configuration that the caller may not read is denied, not missing:
// the caller has named all there is to know.
func authorizeConfiguration(
	tx *db.Tx, caller access.Caller, cfg *lockstep.SyncConfiguration, actions ...string,
) error {
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

// GetSyncConfiguration returns the sync configuration of a resource.
func (s *Service) GetSyncConfiguration(
	ctx context.Context, caller access.Caller, input *wire.GetSyncConfigurationInput,
) (*wire.GetSyncConfigurationOutput, error) {
	cfg, err := s.readConfiguration(ctx, caller, "codeconnections:GetSyncConfiguration",
		input.SyncType, input.ResourceName)
	if err != nil {
		return nil, err
	}
	return &wire.GetSyncConfigurationOutput{SyncConfiguration: conversion.ToWireConfiguration(cfg)}, nil
}

// readConfiguration returns a configuration for an action that changes nothing.
func (s *Service) readConfiguration(
	ctx context.Context, caller access.Caller, action, syncType, name string,
) (cfg lockstep.SyncConfiguration, err error) {
	err = s.view(ctx, caller, action, policy.SyncConfiguration, func(tx *db.Tx) error {
		cfg, err = authorizedConfiguration(tx, caller, action, syncType, name)
		return err
	})
	return cfg, err
}

// authorizedConfiguration is readConfiguration within a transaction.
func authorizedConfiguration(
	tx *db.Tx, caller access.Caller, action, syncType, name string,
) (lockstep.SyncConfiguration, error) {
	cfg, err := store.Configuration(tx, caller.Account, caller.Region, lockstep.SyncType(syncType), name)
	if err != nil {
		return cfg, err
	}
	return cfg, caller.Authorize(tx, action, access.ConfigurationSubject(cfg))
}

// lockConfiguration returns a configuration for an action that changes it, and locks
// it until the end of the transaction.
func lockConfiguration(
	tx *db.Tx, caller access.Caller, action, syncType, name string,
) (lockstep.SyncConfiguration, error) {
	cfg, err := store.LockConfiguration(tx, caller.Account, caller.Region, lockstep.SyncType(syncType), name)
	if err != nil {
		return cfg, err
	}
	return cfg, caller.Authorize(tx, action, access.ConfigurationSubject(cfg))
}

// UpdateSyncConfiguration changes the members that are given. As at AWS, it requests
// a sync even if nothing changes.
func (s *Service) UpdateSyncConfiguration(
	ctx context.Context, caller access.Caller, input *wire.UpdateSyncConfigurationInput,
) (*wire.UpdateSyncConfigurationOutput, error) {
	var cfg lockstep.SyncConfiguration
	err := s.options.DB.Update(ctx, func(tx *db.Tx) (err error) {
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

		// The configuration is authorized as it was, by lockConfiguration, and as it is now.
		if err := authorizeConfiguration(tx, caller, &cfg, action); err != nil {
			return err
		}
		if err := s.options.Quotas.CheckMove(tx, before, cfg); err != nil {
			return err
		}
		if err := store.UpdateConfiguration(tx, &cfg); err != nil {
			return err
		}

		return s.options.Syncs.AttachConfiguration(tx, cfg)
	})

	return &wire.UpdateSyncConfigurationOutput{SyncConfiguration: conversion.ToWireConfiguration(cfg)}, err
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

// setIfGiven sets field unless given is "", which means absent.
func setIfGiven[T ~string](field *T, given T) {
	if given != "" {
		*field = given
	}
}

// ListSyncConfigurations returns the sync configurations of a repository link,
// oldest first.
func (s *Service) ListSyncConfigurations(
	ctx context.Context, caller access.Caller, input *wire.ListSyncConfigurationsInput,
) (*wire.ListSyncConfigurationsOutput, error) {
	filter := store.ConfigurationFilter{
		SyncType: lockstep.SyncType(input.SyncType),
		LinkID:   linkID(input.RepositoryLinkId),
	}
	list := access.NewList(s.options.Seal, caller, "sync configurations", filter)
	page, err := list.Page(input.MaxResults, input.NextToken)
	if err != nil {
		return nil, err
	}

	out := &wire.ListSyncConfigurationsOutput{}
	err = s.options.DB.View(ctx, func(tx *db.Tx) error {
		all, next, err := configurationsOfLink(tx, caller, "codeconnections:ListSyncConfigurations", filter, page)
		if err != nil {
			return err
		}

		for _, cfg := range all {
			out.SyncConfigurations = append(out.SyncConfigurations, conversion.ToWireConfiguration(cfg))
		}

		out.NextToken, err = list.Token(next)
		return err
	})

	return out, err
}

// configurationsOfLink returns a page of the configurations of a link that the
// caller may read.
func configurationsOfLink(
	tx *db.Tx, caller access.Caller, action string, filter store.ConfigurationFilter, page db.Page,
) ([]lockstep.SyncConfiguration, db.Cursor, error) {
	link, err := store.Link(tx, caller.Account, caller.Region, filter.LinkID)
	if err != nil {
		return nil, db.Cursor{}, err
	}
	if err := caller.Authorize(tx, action, access.LinkSubject(link)); err != nil {
		return nil, db.Cursor{}, err
	}
	return access.Visible(tx, caller, policy.SyncConfiguration, page,
		func(page db.Page) ([]lockstep.SyncConfiguration, db.Cursor, error) {
			return store.Configurations(tx, caller.Account, caller.Region, filter, page)
		}, access.ConfigurationSubjects())
}

// DeleteSyncConfiguration stops syncing a resource. The resource itself, such as a
// stack, is not changed.
func (s *Service) DeleteSyncConfiguration(
	ctx context.Context, caller access.Caller, input *wire.DeleteSyncConfigurationInput,
) (*wire.DeleteSyncConfigurationOutput, error) {
	err := s.options.DB.Update(ctx, func(tx *db.Tx) error {
		cfg, err := lockConfiguration(tx, caller, "codeconnections:DeleteSyncConfiguration",
			input.SyncType, input.ResourceName)
		if err != nil {
			return err
		}
		if err := s.options.Syncs.DetachConfiguration(tx, cfg); err != nil {
			return err
		}
		return store.DeleteConfiguration(tx, cfg.ID)
	})
	return &wire.DeleteSyncConfigurationOutput{}, err
}

// definitionsPage is the number of configurations that ListRepositorySyncDefinitions
// reads at a time.
const definitionsPage = 1000

// ListRepositorySyncDefinitions returns the definitions of all sync configurations
// of a repository link.
//
// It does not page: AWS's model has no way to ask for a second page.
func (s *Service) ListRepositorySyncDefinitions(
	ctx context.Context, caller access.Caller, input *wire.ListRepositorySyncDefinitionsInput,
) (*wire.ListRepositorySyncDefinitionsOutput, error) {
	filter := store.ConfigurationFilter{
		SyncType: lockstep.SyncType(input.SyncType),
		LinkID:   linkID(input.RepositoryLinkId),
	}
	out := &wire.ListRepositorySyncDefinitionsOutput{}
	err := s.options.DB.View(ctx, func(tx *db.Tx) error {
		page := db.Page{Limit: definitionsPage}
		for more := true; more; more = page.After != (db.Cursor{}) {
			all, next, err := configurationsOfLink(
				tx, caller, "codeconnections:ListRepositorySyncDefinitions", filter, page,
			)
			if err != nil {
				return err
			}

			for _, cfg := range all {
				out.RepositorySyncDefinitions = append(out.RepositorySyncDefinitions, conversion.ToWireDefinition(cfg))
			}

			page.After = next
		}

		return nil
	})

	return out, err
}

// checkConfiguration returns Invalid if a configuration is invalid in a way that its
// shapes do not check.
func (s *Service) checkConfiguration(cfg lockstep.SyncConfiguration) error {
	validName, ok := s.options.ValidName[cfg.SyncType]
	if !ok {
		return lockstep.Errorf(lockstep.Invalid, "Sync type %s is not supported by this server.", cfg.SyncType)
	}
	if err := validName(cfg.ResourceName); err != nil {
		return err
	}

	if name, isRef := strings.CutPrefix(cfg.Branch, "refs/heads/"); isRef {
		return lockstep.Errorf(lockstep.Invalid,
			"Branch %q is the full name of a reference: write %s.", cfg.Branch, name)
	}
	if !lockstep.ValidBranch(cfg.Branch) {
		return lockstep.Errorf(lockstep.Invalid, "Branch %q is not a valid branch name.", cfg.Branch)
	}

	file := cfg.ConfigPath()
	if len(cfg.ConfigFile) > maxConfigFile || !fs.ValidPath(file) || file == "." ||
		strings.Contains(file, `\`) || strings.ContainsFunc(file, lockstep.IsUnsafe) {
		return lockstep.Errorf(lockstep.Invalid,
			"ConfigFile must be the path of a file from the repository's root, such as stacks/web.yaml: "+
				"no backslash, no empty, . or .. part, at most %d bytes.", maxConfigFile)
	}

	return nil
}
