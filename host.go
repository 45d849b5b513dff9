package lockstep

import "time"

// A ProviderType is a kind of Git host, as the API spells it: GitHub,
// GitLabSelfManaged, or Lockstep's own, Git. Each driver defines its own.
type ProviderType string

// A Host is a self-hosted Git server with an endpoint of its own.
type Host struct {
	ARN           ARN
	Account       AccountID
	Region        string
	Name          string
	ProviderType  ProviderType
	Endpoint      string // scheme://host[:port][/path], or a local folder as file:///path
	Status        HostStatus
	StatusMessage string
	VPC           *VPCConfiguration
	// OwnCertificate holds certificates in PEM that an administrator configured
	// without a VPC; see [Host.Certificate].
	OwnCertificate string
	CreatedAt      time.Time
}

// Certificate returns the certificates, in PEM, that are trusted for the host in
// addition to the system's authorities: its own, or else those of its VPC
// configuration. It returns "" if there are none or h is nil.
func (h *Host) Certificate() string {
	switch {
	case h == nil:
		return ""
	case h.OwnCertificate != "" || h.VPC == nil:
		return h.OwnCertificate
	}
	return h.VPC.TLSCertificate
}

// A HostStatus is the status of a host. AWS defines it as a free string.
type HostStatus string

// The statuses of a host. Connections can use a host that is available. A host
// whose VPC configuration is being set up or removed cannot be changed.
const (
	HostAvailable       HostStatus = "AVAILABLE"
	HostVPCInitializing HostStatus = "VPC_CONFIG_INITIALIZING"
	HostVPCDeleting     HostStatus = "VPC_CONFIG_DELETING"
)

// A VPCConfiguration is stored and returned as the caller sent it. Only its
// certificate is used.
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
