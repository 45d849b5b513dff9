package wire

// SyncConfiguration keeps one resource in sync with a branch. Its three switches are
// absent if they were never set.
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

// CreateSyncConfigurationInput is the request of CreateSyncConfiguration.
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

// CreateSyncConfigurationOutput is the response of CreateSyncConfiguration.
type CreateSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// GetSyncConfigurationInput is the request of GetSyncConfiguration.
type GetSyncConfigurationInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// GetSyncConfigurationOutput is the response of GetSyncConfiguration.
type GetSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// ListSyncConfigurationsInput is the request of ListSyncConfigurations.
type ListSyncConfigurationsInput struct {
	MaxResults       *int   `json:",omitzero" shape:"MaxResults"`
	NextToken        string `json:",omitzero" shape:"SharpNextToken"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	SyncType         string `shape:"SyncConfigurationType"`
}

// ListSyncConfigurationsOutput is the response of ListSyncConfigurations.
type ListSyncConfigurationsOutput struct {
	SyncConfigurations []SyncConfiguration `shape:"SyncConfigurationList"`
	NextToken          string              `json:",omitzero" shape:"SharpNextToken"`
}

// UpdateSyncConfigurationInput is the request of UpdateSyncConfiguration. Members
// that are absent stay as they are.
//
// ConfigFile is a pointer because its shape allows the empty string, which is an
// invalid path and not an absent one.
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

// UpdateSyncConfigurationOutput is the response of UpdateSyncConfiguration.
type UpdateSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// DeleteSyncConfigurationInput is the request of DeleteSyncConfiguration.
type DeleteSyncConfigurationInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// DeleteSyncConfigurationOutput is the response of DeleteSyncConfiguration.
type DeleteSyncConfigurationOutput struct{}

// RepositorySyncDefinition is the file that a sync configuration reads from a
// branch, and its target.
type RepositorySyncDefinition struct {
	Branch    string `shape:"BranchName"`
	Directory string `shape:"Directory"`
	Parent    string `shape:"Parent"`
	Target    string `shape:"Target"`
}

// ListRepositorySyncDefinitionsInput is the request of ListRepositorySyncDefinitions.
type ListRepositorySyncDefinitionsInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	SyncType         string `shape:"SyncConfigurationType"`
}

// ListRepositorySyncDefinitionsOutput is the response of
// ListRepositorySyncDefinitions.
//
// NextToken is always empty: AWS's request has no member for it.
type ListRepositorySyncDefinitionsOutput struct {
	RepositorySyncDefinitions []RepositorySyncDefinition `shape:"RepositorySyncDefinitionList"`
	NextToken                 string                     `json:",omitzero" shape:"SharpNextToken"`
}
