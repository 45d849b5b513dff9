package wire

// RepositoryLinkInfo is a repository that is reached through a connection.
type RepositoryLinkInfo struct {
	ConnectionArn     string `shape:"ConnectionArn"`
	EncryptionKeyArn  string `json:",omitzero" shape:"KmsKeyArn"`
	OwnerId           string `shape:"OwnerId"`
	ProviderType      string `shape:"ProviderType"`
	RepositoryLinkArn string `shape:"RepositoryLinkArn"`
	RepositoryLinkId  string `shape:"RepositoryLinkId"`
	RepositoryName    string `shape:"RepositoryName"`
}

// CreateRepositoryLinkInput is the request of CreateRepositoryLink.
type CreateRepositoryLinkInput struct {
	ConnectionArn    string `shape:"ConnectionArn"`
	OwnerId          string `shape:"OwnerId"`
	RepositoryName   string `shape:"RepositoryName"`
	EncryptionKeyArn string `json:",omitzero" shape:"KmsKeyArn"`
	Tags             []Tag  `json:",omitzero" shape:"TagList"`
}

// CreateRepositoryLinkOutput is the response of CreateRepositoryLink.
type CreateRepositoryLinkOutput struct {
	RepositoryLinkInfo RepositoryLinkInfo
}

// GetRepositoryLinkInput is the request of GetRepositoryLink.
type GetRepositoryLinkInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// GetRepositoryLinkOutput is the response of GetRepositoryLink.
type GetRepositoryLinkOutput struct {
	RepositoryLinkInfo RepositoryLinkInfo
}

// ListRepositoryLinksInput is the request of ListRepositoryLinks.
type ListRepositoryLinksInput struct {
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
	NextToken  string `json:",omitzero" shape:"SharpNextToken"`
}

// ListRepositoryLinksOutput is the response of ListRepositoryLinks.
type ListRepositoryLinksOutput struct {
	RepositoryLinks []RepositoryLinkInfo `shape:"RepositoryLinkList"`
	NextToken       string               `json:",omitzero" shape:"SharpNextToken"`
}

// UpdateRepositoryLinkInput is the request of UpdateRepositoryLink. Members that are
// absent stay as they are.
type UpdateRepositoryLinkInput struct {
	ConnectionArn    string `json:",omitzero" shape:"ConnectionArn"`
	EncryptionKeyArn string `json:",omitzero" shape:"KmsKeyArn"`
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// UpdateRepositoryLinkOutput is the response of UpdateRepositoryLink.
type UpdateRepositoryLinkOutput struct {
	RepositoryLinkInfo RepositoryLinkInfo
}

// DeleteRepositoryLinkInput is the request of DeleteRepositoryLink.
type DeleteRepositoryLinkInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
}

// DeleteRepositoryLinkOutput is the response of DeleteRepositoryLink.
type DeleteRepositoryLinkOutput struct{}
