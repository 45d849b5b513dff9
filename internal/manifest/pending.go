package manifest

import (
	"context"

	"github.com/lockstephq/lockstep/internal/client"
)

// A Waiting connection has no credential yet. Endpoint is its host's, "" where
// it has none.
type PendingConnection struct{ Name, Provider, Endpoint string }

// PendingConnections asks which connections of a file wait for a credential.
func PendingConnections(ctx context.Context, c *client.Client, f File) ([]PendingConnection, error) {
	if len(f.Connections) == 0 {
		return nil, nil
	}

	have, err := Read(ctx, c, ReadOptions{Kinds: map[Kind]bool{ConnectionKind: true}})
	if err != nil {
		return nil, err
	}

	named, hosts := names(f.Connections), byID(have.Hosts)
	var waiting []PendingConnection
	for _, conn := range sorted(have.Connections) {
		if !named[conn.Name] || conn.Status != "PENDING" {
			continue
		}

		w := PendingConnection{Name: conn.Name, Provider: conn.Provider}
		if at := hosts[conn.Host]; len(at) > 0 {
			w.Endpoint = at[0].Endpoint
		}

		waiting = append(waiting, w)
	}

	return waiting, nil
}
