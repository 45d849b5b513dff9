package wire

// Connection is a connection as GetConnection and ListConnections show it.
type Connection struct {
	ConnectionName   string `json:",omitzero" shape:"ConnectionName"`
	ConnectionArn    string `json:",omitzero" shape:"ConnectionArn"`
	ProviderType     string `json:",omitzero" shape:"ProviderType"`
	OwnerAccountId   string `json:",omitzero" shape:"AccountId"`
	ConnectionStatus string `json:",omitzero" shape:"ConnectionStatus"`
	HostArn          string `json:",omitzero" shape:"HostArn"`
}

// CreateConnectionInput names a provider type or a host; the model requires
// neither, the rule that one is needed is the operation's.
type CreateConnectionInput struct {
	ProviderType   string `json:",omitzero" shape:"ProviderType"`
	ConnectionName string `shape:"ConnectionName"`
	Tags           []Tag  `json:",omitzero" shape:"TagList"`
	HostArn        string `json:",omitzero" shape:"HostArn"`
}

// CreateConnectionOutput answers CreateConnection.
type CreateConnectionOutput struct {
	ConnectionArn string `shape:"ConnectionArn"`
	Tags          []Tag  `json:",omitzero" shape:"TagList"`
}

// GetConnectionInput asks for one connection.
type GetConnectionInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
}

// GetConnectionOutput answers GetConnection.
type GetConnectionOutput struct {
	Connection *Connection `json:",omitzero"`
}

// ListConnectionsInput asks for a page of connections. Without MaxResults, or
// with zero, the page's size is the server's to choose.
type ListConnectionsInput struct {
	ProviderTypeFilter string `json:",omitzero" shape:"ProviderType"`
	HostArnFilter      string `json:",omitzero" shape:"HostArn"`
	MaxResults         *int   `json:",omitzero" shape:"MaxResults"`
	NextToken          string `json:",omitzero" shape:"NextToken"`
}

// ListConnectionsOutput answers ListConnections.
//
// An empty, non-nil list is written as one.
type ListConnectionsOutput struct {
	Connections []Connection `json:",omitzero" shape:"ConnectionList"`
	NextToken   string       `json:",omitzero" shape:"NextToken"`
}

// DeleteConnectionInput names the connection to delete.
type DeleteConnectionInput struct {
	ConnectionArn string `shape:"ConnectionArn"`
}

// DeleteConnectionOutput is empty.
type DeleteConnectionOutput struct{}
