package conversion

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireLink returns a repository link.
func ToWireLink(link lockstep.RepositoryLink) wire.RepositoryLinkInfo {
	return wire.RepositoryLinkInfo{
		ConnectionArn:     string(link.ConnectionARN),
		EncryptionKeyArn:  link.EncryptionKeyARN,
		OwnerId:           link.OwnerID,
		ProviderType:      string(link.ProviderType),
		RepositoryLinkArn: string(link.ARN),
		RepositoryLinkId:  link.ID,
		RepositoryName:    link.RepositoryName,
	}
}
