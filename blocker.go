package lockstep

import "time"

// A Blocker is a reason why a resource is not synced until a person resolves it.
type Blocker struct {
	ID             string // a UUID
	Type           string // always AUTOMATED
	Status         BlockerStatus
	CreatedReason  string
	CreatedAt      time.Time
	Contexts       []Context
	ResolvedReason string
	ResolvedAt     time.Time
}

// A BlockerStatus is the status of a blocker, as the API spells it.
type BlockerStatus string

// The statuses of a blocker. At most one blocker of a resource is active.
const (
	BlockerActive   BlockerStatus = "ACTIVE"
	BlockerResolved BlockerStatus = "RESOLVED"
)
