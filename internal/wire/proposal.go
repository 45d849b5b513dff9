package wire

// ProposeDeploymentFileInput asks for a pull request that adds the deployment file
// of a resource to a linked repository. Branch is by default the repository's own,
// ConfigFile deployments/ResourceName.yaml. Nothing that is there is overwritten.
type ProposeDeploymentFileInput struct {
	RepositoryLinkId string       `shape:"RepositoryLinkId"`
	SyncType         string       `shape:"SyncConfigurationType"`
	ResourceName     string       `shape:"ResourceName"`
	TemplateFile     string       `shape:"DeploymentFilePath"`
	ConfigFile       string       `json:",omitzero" shape:"DeploymentFilePath"`
	Branch           string       `json:",omitzero" shape:"BranchName"`
	Parameters       []NamedValue `json:",omitzero" shape:"NamedValueList"`
	Tags             []NamedValue `json:",omitzero" shape:"NamedValueList"`
}

// NamedValue is a parameter or a tag of a deployment file.
type NamedValue struct {
	Name  string `shape:"ValueName"`
	Value string `shape:"ValueText"`
}

// ProposeDeploymentFileOutput is the pull request that was opened. Where the
// branch has a file that asks for the same already there is none, and Number and
// Url are left out.
type ProposeDeploymentFileOutput struct {
	Branch string `shape:"BranchName"`
	Number int    `json:",omitzero" shape:"Count"`
	Url    string `json:",omitzero" shape:"PublicUrl"`
}
