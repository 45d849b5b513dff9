package conversion

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireConfiguration returns a sync configuration.
func ToWireConfiguration(cfg lockstep.SyncConfiguration) wire.SyncConfiguration {
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

// ToWireDefinition uses one name for parent and target, as AWS does for
// CFN_STACK_SYNC.
func ToWireDefinition(cfg lockstep.SyncConfiguration) wire.RepositorySyncDefinition {
	return wire.RepositorySyncDefinition{
		Branch:    cfg.Branch,
		Directory: cfg.ConfigFile,
		Parent:    cfg.ResourceName,
		Target:    cfg.ResourceName,
	}
}
