package wire

// ProposeDeploymentFileInput is the request of ProposeDeploymentFile. An existing
// file is never overwritten.
type ProposeDeploymentFileInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	SyncType         string `shape:"SyncConfigurationType"`
	ResourceName     string `shape:"ResourceName"`
	// The path of the template in the repository.
	TemplateFile string `shape:"DeploymentFilePath"`
	// The path of the deployment file. The default is
	// deployments/RESOURCE_NAME.yaml.
	ConfigFile string `json:",omitzero" shape:"DeploymentFilePath"`
	// The branch to merge into. The default is the repository's default branch.
	Branch string `json:",omitzero" shape:"BranchName"`
	// The parameters of the stack.
	Parameters []NamedValue `json:",omitzero" shape:"NamedValueList"`
	// The tags of the stack.
	Tags []NamedValue `json:",omitzero" shape:"NamedValueList"`
}

// NamedValue is a parameter or a tag of a deployment file.
type NamedValue struct {
	Name  string `shape:"ValueName"`
	Value string `shape:"ValueText"`
}

// ProposeDeploymentFileOutput is the response of ProposeDeploymentFile. If the
// branch already has the same deployment file, no pull request is opened, and Number
// and Url are absent.
type ProposeDeploymentFileOutput struct {
	Branch string `shape:"BranchName"`
	// The number of the pull request.
	Number int `json:",omitzero" shape:"Count"`
	// The URL of the pull request.
	Url string `json:",omitzero" shape:"PublicUrl"`
}
