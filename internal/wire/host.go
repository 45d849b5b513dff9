package wire

// Host is a self-hosted Git server.
//
// Status is a free string in AWS's model.
type Host struct {
	Name             string            `json:",omitzero" shape:"HostName"`
	HostArn          string            `json:",omitzero" shape:"HostArn"`
	ProviderType     string            `json:",omitzero" shape:"ProviderType"`
	ProviderEndpoint string            `json:",omitzero" shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
	Status           string            `json:",omitzero" shape:"HostStatus"`
	StatusMessage    string            `json:",omitzero" shape:"HostStatusMessage"`
}

// VpcConfiguration is how AWS would reach a host in a VPC. It is stored and not
// used.
type VpcConfiguration struct {
	VpcId            string   `shape:"VpcId"`
	SubnetIds        []string `shape:"SubnetIds"`
	SecurityGroupIds []string `shape:"SecurityGroupIds"`
	TlsCertificate   string   `json:",omitzero" shape:"TlsCertificate"`
}

// CreateHostInput is the request of CreateHost.
type CreateHostInput struct {
	Name             string            `shape:"HostName"`
	ProviderType     string            `shape:"ProviderType"`
	ProviderEndpoint string            `shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
	Tags             []Tag             `json:",omitzero" shape:"TagList"`
}

// CreateHostOutput is the response of CreateHost.
type CreateHostOutput struct {
	HostArn string `json:",omitzero" shape:"HostArn"`
	Tags    []Tag  `json:",omitzero" shape:"TagList"`
}

// GetHostInput is the request of GetHost.
type GetHostInput struct {
	HostArn string `shape:"HostArn"`
}

// GetHostOutput is the response of GetHost.
type GetHostOutput struct {
	Name             string            `json:",omitzero" shape:"HostName"`
	Status           string            `json:",omitzero" shape:"HostStatus"`
	ProviderType     string            `json:",omitzero" shape:"ProviderType"`
	ProviderEndpoint string            `json:",omitzero" shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
}

// ListHostsInput is the request of ListHosts.
type ListHostsInput struct {
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
	NextToken  string `json:",omitzero" shape:"NextToken"`
}

// ListHostsOutput is the response of ListHosts.
type ListHostsOutput struct {
	Hosts     []Host `json:",omitzero" shape:"HostList"`
	NextToken string `json:",omitzero" shape:"NextToken"`
}

// UpdateHostInput is the request of UpdateHost. Members that are absent stay as they
// are.
type UpdateHostInput struct {
	HostArn          string            `shape:"HostArn"`
	ProviderEndpoint string            `json:",omitzero" shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
}

// UpdateHostOutput is the response of UpdateHost.
type UpdateHostOutput struct{}

// DeleteHostInput is the request of DeleteHost.
type DeleteHostInput struct {
	HostArn string `shape:"HostArn"`
}

// DeleteHostOutput is the response of DeleteHost.
type DeleteHostOutput struct{}
