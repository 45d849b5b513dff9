package conversion

import (
	"github.com/lockstephq/lockstep"
	"github.com/lockstephq/lockstep/internal/wire"
)

// ToWireBlocker returns a blocker.
func ToWireBlocker(b lockstep.Blocker) wire.SyncBlocker {
	shown := wire.SyncBlocker{
		Id:             b.ID,
		Type:           string(b.Type),
		Status:         string(b.Status),
		CreatedReason:  b.CreatedReason,
		CreatedAt:      wire.Time{Time: b.CreatedAt},
		ResolvedReason: b.ResolvedReason,
		ResolvedAt:     wire.Time{Time: b.ResolvedAt},
	}
	for _, x := range b.Contexts {
		shown.Contexts = append(shown.Contexts, wire.SyncBlockerContext(x))
	}

	return shown
}
