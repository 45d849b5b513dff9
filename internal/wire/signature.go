package wire

// CreateSignedSyncConfigurationInput describes a configuration to create, as
// CreateSyncConfiguration does, together with who may sign the commits of its
// resource, as PutSignaturePolicy does: no commit is synced before that is known.
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
	AllowedSigners          string `json:",omitzero" shape:"SignerList"`
	PublicKeys              string `json:",omitzero" shape:"SignerList"`
}

// CreateSignedSyncConfigurationOutput answers CreateSignedSyncConfiguration.
type CreateSignedSyncConfigurationOutput struct {
	SyncConfiguration SyncConfiguration
}

// PutSignaturePolicyInput says who may sign the commits of a resource: from then
// on no other commit is synced. AllowedSigners is a file in OpenSSH's
// allowed_signers form, of which the keys for the namespace git count; PublicKeys
// are OpenPGP keys in ASCII armour. At least one of both is needed.
type PutSignaturePolicyInput struct {
	SyncType       string `shape:"SyncConfigurationType"`
	ResourceName   string `shape:"ResourceName"`
	AllowedSigners string `json:",omitzero" shape:"SignerList"`
	PublicKeys     string `json:",omitzero" shape:"SignerList"`
}

// PutSignaturePolicyOutput is empty.
type PutSignaturePolicyOutput struct{}

// GetSignaturePolicyInput names the resource.
type GetSignaturePolicyInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// GetSignaturePolicyOutput is who may sign, as it was put.
type GetSignaturePolicyOutput struct {
	AllowedSigners string `json:",omitzero" shape:"SignerList"`
	PublicKeys     string `json:",omitzero" shape:"SignerList"`
	UpdatedAt      Time   `shape:"Timestamp"`
}

// ResourceSignaturePolicy is who may sign the commits of a resource, as it was
// put.
type ResourceSignaturePolicy struct {
	SyncType       string `shape:"SyncConfigurationType"`
	ResourceName   string `shape:"ResourceName"`
	AllowedSigners string `json:",omitzero" shape:"SignerList"`
	PublicKeys     string `json:",omitzero" shape:"SignerList"`
	UpdatedAt      Time   `shape:"Timestamp"`
}

// ListSignaturePoliciesInput asks for a page of signature policies, by name of
// resource. Each may be as long as both its lists, so that pages of 20 are wise.
type ListSignaturePoliciesInput struct {
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
}

// ListSignaturePoliciesOutput answers ListSignaturePolicies. A resource whose
// commits need no signature is not in it.
type ListSignaturePoliciesOutput struct {
	SignaturePolicies []ResourceSignaturePolicy `shape:"ResourceSignaturePolicyList"`
	NextToken         string                    `json:",omitzero" shape:"SharpNextToken"`
}

// DeleteSignaturePolicyInput names the resource whose commits need no signature
// any more.
type DeleteSignaturePolicyInput struct {
	SyncType     string `shape:"SyncConfigurationType"`
	ResourceName string `shape:"ResourceName"`
}

// DeleteSignaturePolicyOutput is empty.
type DeleteSignaturePolicyOutput struct{}
