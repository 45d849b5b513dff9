package wire

// SyncConfiguration is a sync configuration. The three optional choices are
// left out when they were never made. PullRequestComment is no member in
// CodeStar Connections.
type SyncConfiguration struct {
	Branch                  string `shape:"BranchName"`
	ConfigFile              string `json:",omitzero" shape:"DeploymentFilePath"`
	OwnerId                 string `shape:"OwnerId"`
	ProviderType            string `shape:"ProviderType"`
	RepositoryLinkId        string `shape:"RepositoryLinkId"`
	RepositoryName          string `shape:"RepositoryName"`
	ResourceName            string `shape:"ResourceName"`
	RoleArn                 string `shape:"IamRoleArn"`
	SyncType                string `shape:"SyncConfigurationType"`
	PublishDeploymentStatus string `json:",omitzero" shape:"PublishDeploymentStatus"`
	TriggerResourceUpdateOn string `json:",omitzero" shape:"TriggerResourceUpdateOn"`
	PullRequestComment      string `json:",omitzero" shape:"PullRequestComment"`
}

// CreateSyncConfigurationInput describes a configuration to create.
type CreateSyncConfigurationInput struct {
	Branch                  string `shape:"BranchName"`
	ConfigFile              string `shape:"DeploymentFilePath"`
	RepositoryLinkId        string `shape:"RepositoryLinkId"`
	ResourceName            string `shape:"ResourceName"`
	RoleArn                 string `shape:"IamRoleArn"`
	SyncType                string `shape:"SyncConfigurationType"`
	PublishDeploymentStatus string `json:",omitzero" shape:"PublishDeploymentStatus"`
	TriggerResourceUpdateOn string `json:",omitzero" shape:"TriggerResourceUpdateOn"`
	PullRequestComment      string `json:",omitzero" shape:"PullRequestComment"`
}

// CreateSyncConfigurationOutput answers CreateSyncConfiguration.
type CreateSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// GetSyncConfigurationInput asks for one configuration.
type GetSyncConfigurationInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// GetSyncConfigurationOutput answers GetSyncConfiguration.
type GetSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// ListSyncConfigurationsInput asks for a page of a link's configurations.
type ListSyncConfigurationsInput struct {
	MaxResults       *int   `json:",omitzero" shape:"MaxResults"`
	NextToken        string `json:",omitzero" shape:"SharpNextToken"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	SyncType         string `shape:"SyncConfigurationType"`
}

// ListSyncConfigurationsOutput answers ListSyncConfigurations.
type ListSyncConfigurationsOutput struct {
	SyncConfigurations []SyncConfiguration `shape:"SyncConfigurationList"`
	NextToken          string              `json:",omitzero" shape:"SharpNextToken"`
}

// UpdateSyncConfigurationInput changes what is given and leaves the rest.
//
// ConfigFile is a pointer because its shape allows the empty string, which is
// a wrong path and not an absent one.
type UpdateSyncConfigurationInput struct {
	Branch                  string  `json:",omitzero" shape:"BranchName"`
	ConfigFile              *string `json:",omitzero" shape:"DeploymentFilePath"`
	RepositoryLinkId        string  `json:",omitzero" shape:"RepositoryLinkId"`
	ResourceName            string  `shape:"ResourceName"`
	RoleArn                 string  `json:",omitzero" shape:"IamRoleArn"`
	SyncType                string  `shape:"SyncConfigurationType"`
	PublishDeploymentStatus string  `json:",omitzero" shape:"PublishDeploymentStatus"`
	TriggerResourceUpdateOn string  `json:",omitzero" shape:"TriggerResourceUpdateOn"`
	PullRequestComment      string  `json:",omitzero" shape:"PullRequestComment"`
}

// UpdateSyncConfigurationOutput answers UpdateSyncConfiguration.
type UpdateSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// DeleteSyncConfigurationInput names the configuration to delete.
type DeleteSyncConfigurationInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// DeleteSyncConfigurationOutput is empty.
type DeleteSyncConfigurationOutput struct{}

// RepositorySyncDefinition is what a configuration means at a revision.
type RepositorySyncDefinition struct {
	Branch    string `shape:"BranchName"`
	Directory string `shape:"Directory"`
	Parent    string `shape:"Parent"`
	Target    string `shape:"Target"`
}

// ListRepositorySyncDefinitionsInput asks for all definitions of a link; the
// model gives it no paging.
type ListRepositorySyncDefinitionsInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	SyncType         string `shape:"SyncConfigurationType"`
}

// ListRepositorySyncDefinitionsOutput answers ListRepositorySyncDefinitions.
// Its NextToken could not be sent back, so it stays empty.
type ListRepositorySyncDefinitionsOutput struct {
	RepositorySyncDefinitions []RepositorySyncDefinition `shape:"RepositorySyncDefinitionList"`
	NextToken                 string                     `json:",omitzero" shape:"SharpNextToken"`
}
