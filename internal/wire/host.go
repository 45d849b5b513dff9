package wire

// Host is an installed Git server as ListHosts shows it. Status is a free
// string in the model.
type Host struct {
	Name             string            `json:",omitzero" shape:"HostName"`
	HostArn          string            `json:",omitzero" shape:"HostArn"`
	ProviderType     string            `json:",omitzero" shape:"ProviderType"`
	ProviderEndpoint string            `json:",omitzero" shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
	Status           string            `json:",omitzero" shape:"HostStatus"`
	StatusMessage    string            `json:",omitzero" shape:"HostStatusMessage"`
}

// VpcConfiguration says how AWS would reach a host inside a VPC.
type VpcConfiguration struct {
	VpcId            string   `shape:"VpcId"`
	SubnetIds        []string `shape:"SubnetIds"`
	SecurityGroupIds []string `shape:"SecurityGroupIds"`
	TlsCertificate   string   `json:",omitzero" shape:"TlsCertificate"`
}

// CreateHostInput describes a host to create.
type CreateHostInput struct {
	Name             string            `shape:"HostName"`
	ProviderType     string            `shape:"ProviderType"`
	ProviderEndpoint string            `shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
	Tags             []Tag             `json:",omitzero" shape:"TagList"`
}

// CreateHostOutput answers CreateHost.
type CreateHostOutput struct {
	HostArn string `json:",omitzero" shape:"HostArn"`
	Tags    []Tag  `json:",omitzero" shape:"TagList"`
}

// GetHostInput asks for one host.
type GetHostInput struct {
	HostArn string `shape:"HostArn"`
}

// GetHostOutput answers GetHost: a [Host] without its ARN and status message.
type GetHostOutput struct {
	Name             string            `json:",omitzero" shape:"HostName"`
	Status           string            `json:",omitzero" shape:"HostStatus"`
	ProviderType     string            `json:",omitzero" shape:"ProviderType"`
	ProviderEndpoint string            `json:",omitzero" shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
}

// ListHostsInput asks for a page of hosts.
type ListHostsInput struct {
	MaxResults *int   `json:",omitzero" shape:"MaxResults"`
	NextToken  string `json:",omitzero" shape:"NextToken"`
}

// ListHostsOutput answers ListHosts.
type ListHostsOutput struct {
	Hosts     []Host `json:",omitzero" shape:"HostList"`
	NextToken string `json:",omitzero" shape:"NextToken"`
}

// UpdateHostInput changes what is given and leaves the rest.
type UpdateHostInput struct {
	HostArn          string            `shape:"HostArn"`
	ProviderEndpoint string            `json:",omitzero" shape:"Url"`
	VpcConfiguration *VpcConfiguration `json:",omitzero"`
}

// UpdateHostOutput is empty.
type UpdateHostOutput struct{}

// DeleteHostInput names the host to delete.
type DeleteHostInput struct {
	HostArn string `shape:"HostArn"`
}

// DeleteHostOutput is empty.
type DeleteHostOutput struct{}
