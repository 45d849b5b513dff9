package lockstep

import "time"

// A ProviderType names a kind of Git host, as the API spells it: GitHub,
// GitLabSelfManaged, and ours, Git. Each driver's folder holds its own.
type ProviderType string

// A Host is an installed Git server that connections reach.
type Host struct {
	ARN           ARN
	Account       AccountID
	Region        string
	Name          string
	ProviderType  ProviderType
	Endpoint      string // scheme://host[:port][/path]; or a local folder as file:///path
	Status        HostStatus
	StatusMessage string
	VPC           *VPCConfiguration
	// OwnCertificate is one in PEM, or several, that the administrator gave without
	// a VPC; see Certificate.
	OwnCertificate string
	CreatedAt      time.Time
}

// Certificate gives, in PEM, what vouches for the host beside the authorities that
// are trusted anyway: its own certificate, else that of its VPC configuration. ""
// is nothing, also of no host.
func (h *Host) Certificate() string {
	switch {
	case h == nil:
		return ""
	case h.OwnCertificate != "" || h.VPC == nil:
		return h.OwnCertificate
	}
	return h.VPC.TLSCertificate
}

// A HostStatus is a free string at AWS.
type HostStatus string

// The statuses of a host. Connections can use it while it is available; while
// its network is set up or taken down nothing about it can be changed.
const (
	HostAvailable       HostStatus = "AVAILABLE"
	HostVPCInitializing HostStatus = "VPC_CONFIG_INITIALIZING"
	HostVPCDeleting     HostStatus = "VPC_CONFIG_DELETING"
)

// A VPCConfiguration is kept and given back as the caller sent it.
type VPCConfiguration struct {
	VPCID            string   `json:"vpc_id"`
	SubnetIDs        []string `json:"subnet_ids"`
	SecurityGroupIDs []string `json:"security_group_ids"`
	TLSCertificate   string   `json:"tls_certificate,omitempty"`
}

// A Tag is a label on a host, a connection or a repository link.
type Tag struct {
	Key   string
	Value string
}
