package wire

// CreateSignedSyncConfigurationInput is the request of CreateSignedSyncConfiguration.
type CreateSignedSyncConfigurationInput struct {
	Branch                  string `shape:"BranchName"`
	ConfigFile              string `shape:"DeploymentFilePath"`
	RepositoryLinkId        string `shape:"RepositoryLinkId"`
	ResourceName            string `shape:"ResourceName"`
	RoleArn                 string `shape:"IamRoleArn"`
	SyncType                string `shape:"SyncConfigurationType"`
	PublishDeploymentStatus string `json:",omitzero" shape:"PublishDeploymentStatus"`
	TriggerResourceUpdateOn string `json:",omitzero" shape:"TriggerResourceUpdateOn"`
	PullRequestComment      string `json:",omitzero" shape:"PullRequestComment"`
	// The SSH keys that may sign, as an allowed_signers file of OpenSSH. Keys for
	// the namespace git are used.
	AllowedSigners string `json:",omitzero" shape:"SignerList"`
	// The OpenPGP keys that may sign, in ASCII armor.
	PublicKeys string `json:",omitzero" shape:"SignerList"`
}

// CreateSignedSyncConfigurationOutput is the response of CreateSignedSyncConfiguration.
type CreateSignedSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// PutSignaturePolicyInput is the request of PutSignaturePolicy. At least one of
// AllowedSigners and PublicKeys is required.
type PutSignaturePolicyInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
	// The SSH keys that may sign, as an allowed_signers file of OpenSSH. Keys for
	// the namespace git are used.
	AllowedSigners string `json:",omitzero" shape:"SignerList"`
	// The OpenPGP keys that may sign, in ASCII armor.
	PublicKeys string `json:",omitzero" shape:"SignerList"`
}

// PutSignaturePolicyOutput is the response of PutSignaturePolicy.
type PutSignaturePolicyOutput struct{}

// GetSignaturePolicyInput is the request of GetSignaturePolicy.
type GetSignaturePolicyInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// GetSignaturePolicyOutput is the response of GetSignaturePolicy.
type GetSignaturePolicyOutput struct {
	// The SSH keys that may sign, as an allowed_signers file of OpenSSH. Keys for
	// the namespace git are used.
	AllowedSigners string `json:",omitzero" shape:"SignerList"`
	// The OpenPGP keys that may sign, in ASCII armor.
	PublicKeys string `json:",omitzero" shape:"SignerList"`
	// When the policy was last changed.
	UpdatedAt Time `shape:"Timestamp"`
}

// ResourceSignaturePolicy is who may sign the commits of a resource.
type ResourceSignaturePolicy struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
	// The SSH keys that may sign, as an allowed_signers file of OpenSSH. Keys for
	// the namespace git are used.
	AllowedSigners string `json:",omitzero" shape:"SignerList"`
	// The OpenPGP keys that may sign, in ASCII armor.
	PublicKeys string `json:",omitzero" shape:"SignerList"`
	// When the policy was last changed.
	UpdatedAt Time `shape:"Timestamp"`
}

// ListSignaturePoliciesInput is the request of ListSignaturePolicies. A policy can
// be large: use small pages.
type ListSignaturePoliciesInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListSignaturePoliciesOutput is the response of ListSignaturePolicies. Resources
// without a signature policy are not listed.
type ListSignaturePoliciesOutput struct {
	SignaturePolicies []ResourceSignaturePolicy `shape:"ResourceSignaturePolicyList"`
	NextToken         string                    `json:",omitzero" shape:"SharpNextToken"`
}

// DeleteSignaturePolicyInput is the request of DeleteSignaturePolicy.
type DeleteSignaturePolicyInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// DeleteSignaturePolicyOutput is the response of DeleteSignaturePolicy.
type DeleteSignaturePolicyOutput struct{}
