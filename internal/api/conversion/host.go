package conversion

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// FromWireVPC returns the VPC of a host, or nil if vpc is nil.
func FromWireVPC(vpc *wire.VpcConfiguration) *lockstep.VPCConfiguration {
	if vpc == nil {
		return nil
	}
	return &lockstep.VPCConfiguration{
		VPCID:            vpc.VpcId,
		SubnetIDs:        vpc.SubnetIds,
		SecurityGroupIDs: vpc.SecurityGroupIds,
		TLSCertificate:   vpc.TlsCertificate,
	}
}

// ToWireHost returns a host.
func ToWireHost(host lockstep.Host) wire.Host {
	shown := wire.Host{
		Name:             host.Name,
		HostArn:          string(host.ARN),
		ProviderType:     string(host.ProviderType),
		ProviderEndpoint: host.Endpoint,
		Status:           string(host.Status),
		StatusMessage:    host.StatusMessage,
	}
	if vpc := host.VPC; vpc != nil {
		shown.VpcConfiguration = &wire.VpcConfiguration{
			VpcId:            vpc.VPCID,
			SubnetIds:        vpc.SubnetIDs,
			SecurityGroupIds: vpc.SecurityGroupIDs,
			TlsCertificate:   vpc.TLSCertificate,
		}
	}

	return shown
}
