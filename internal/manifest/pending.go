package manifest

import (
	"context"

	"github.com/lockstephq/lockstep/internal/client"
)

// A PendingConnection has no credential yet. Endpoint is that of its host, or "" if
// it has none.
type PendingConnection struct{ Name, Provider, Endpoint string }

// PendingConnections returns the connections of a file that need a credential.
func PendingConnections(ctx context.Context, remote *client.Client, file File) ([]PendingConnection, error) {
	if len(file.Connections) == 0 {
		return nil, nil
	}

	existing, err := Read(ctx, remote, ReadOptions{Kinds: map[Kind]bool{ConnectionKind: true}})
	if err != nil {
		return nil, err
	}

	inFile, hosts := ids(file.Connections), byID(existing.Hosts)
	var pending []PendingConnection
	for _, connection := range sorted(existing.Connections) {
		if !inFile[connection.Name] || connection.Status != "PENDING" {
			continue
		}

		entry := PendingConnection{Name: connection.Name, Provider: connection.Provider}
		if found := hosts[connection.Host]; len(found) > 0 {
			entry.Endpoint = found[0].Endpoint
		}

		pending = append(pending, entry)
	}

	return pending, nil
}
