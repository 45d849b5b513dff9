package wire

// Connection is credentials for a Git host, with a status.
type Connection struct {
	ConnectionName string `json:",omitzero" shape:"ConnectionName"`
	ConnectionArn  string `json:",omitzero" shape:"ConnectionArn"`
	ProviderType   string `json:",omitzero" shape:"ProviderType"`
	// The account of the connection.
	OwnerAccountId   string `json:",omitzero" shape:"AccountId"`
	ConnectionStatus string `json:",omitzero" shape:"ConnectionStatus"`
	HostArn          string `json:",omitzero" shape:"HostArn"`
}

// CreateConnectionInput is the request of CreateConnection. Either ProviderType or
// HostArn is required.
type CreateConnectionInput struct {
	ProviderType   string `json:",omitzero" shape:"ProviderType"`
	ConnectionName string `shape:"ConnectionName"`
	Tags           []Tag  `json:",omitzero" shape:"TagList"`
	HostArn        string `json:",omitzero" shape:"HostArn"`
}

// CreateConnectionOutput is the response of CreateConnection.
type CreateConnectionOutput struct {
	ConnectionArn string `shape:"ConnectionArn"`
	Tags          []Tag  `json:",omitzero" shape:"TagList"`
}

// GetConnectionInput is the request of GetConnection.
type GetConnectionInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
}

// GetConnectionOutput is the response of GetConnection.
type GetConnectionOutput struct {
	Connection *Connection `json:",omitzero"`
}

// ListConnectionsInput is the request of ListConnections.
type ListConnectionsInput struct {
	ProviderTypeFilter string `json:",omitzero" shape:"ProviderType"`
	HostArnFilter      string `json:",omitzero" shape:"HostArn"`
	MaxResults         *int   `json:",omitzero" shape:"MaxResults"`
	NextToken          string `json:",omitzero" shape:"NextToken"`
}

// ListConnectionsOutput is the response of ListConnections.
//
// An empty list that is not nil is encoded as such.
type ListConnectionsOutput struct {
	Connections []Connection `json:",omitzero" shape:"ConnectionList"`
	NextToken   string       `json:",omitzero" shape:"NextToken"`
}

// DeleteConnectionInput is the request of DeleteConnection.
type DeleteConnectionInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
}

// DeleteConnectionOutput is the response of DeleteConnection.
type DeleteConnectionOutput struct{}
