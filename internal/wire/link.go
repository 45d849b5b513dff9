package wire

// RepositoryLinkInfo is a repository link.
type RepositoryLinkInfo struct {
	ConnectionArn     string `shape:"ConnectionArn"`
	EncryptionKeyArn  string `json:",omitzero" shape:"KmsKeyArn"`
	OwnerId           string `shape:"OwnerId"`
	ProviderType      string `shape:"ProviderType"`
	RepositoryLinkArn string `shape:"RepositoryLinkArn"`
	RepositoryLinkId  string `shape:"RepositoryLinkId"`
	RepositoryName    string `shape:"RepositoryName"`
}

// CreateRepositoryLinkInput describes a link to create.
type CreateRepositoryLinkInput struct {
	ConnectionArn    string `shape:"ConnectionArn"`
	OwnerId          string `shape:"OwnerId"`
	RepositoryName   string `shape:"RepositoryName"`
	EncryptionKeyArn string `json:",omitzero" shape:"KmsKeyArn"`
	Tags             []Tag  `json:",omitzero" shape:"TagList"`
}

// CreateRepositoryLinkOutput answers CreateRepositoryLink.
type CreateRepositoryLinkOutput struct {
	RepositoryLinkInfo RepositoryLinkInfo
}

// GetRepositoryLinkInput asks for one link.
type GetRepositoryLinkInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// GetRepositoryLinkOutput answers GetRepositoryLink.
type GetRepositoryLinkOutput struct {
	RepositoryLinkInfo RepositoryLinkInfo
}

// ListRepositoryLinksInput asks for a page of links.
type ListRepositoryLinksInput struct {
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
}

// ListRepositoryLinksOutput answers ListRepositoryLinks.
type ListRepositoryLinksOutput struct {
	RepositoryLinks []RepositoryLinkInfo `shape:"RepositoryLinkList"`
	NextToken       string               `json:",omitzero" shape:"SharpNextToken"`
}

// UpdateRepositoryLinkInput changes what is given and leaves the rest.
type UpdateRepositoryLinkInput struct {
	ConnectionArn    string `json:",omitzero" shape:"ConnectionArn"`
	EncryptionKeyArn string `json:",omitzero" shape:"KmsKeyArn"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// UpdateRepositoryLinkOutput answers UpdateRepositoryLink.
type UpdateRepositoryLinkOutput struct {
	RepositoryLinkInfo RepositoryLinkInfo
}

// DeleteRepositoryLinkInput names the link to delete.
type DeleteRepositoryLinkInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// DeleteRepositoryLinkOutput is empty.
type DeleteRepositoryLinkOutput struct{}
