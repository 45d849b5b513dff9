package conversion

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireConnection returns a connection.
func ToWireConnection(conn lockstep.Connection) wire.Connection {
	return wire.Connection{
		ConnectionName:   conn.Name,
		ConnectionArn:    string(conn.ARN),
		ProviderType:     string(conn.ProviderType),
		OwnerAccountId:   string(conn.Account),
		ConnectionStatus: string(conn.Status),
		HostArn:          string(conn.HostARN),
	}
}
