package lockstep

import "time"

// A Blocker is a reason only a person can remove. While one is active its
// resource is not synced.
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

// A BlockerStatus says whether a blocker still stops its resource.
type BlockerStatus string

// The statuses of a blocker, as the API spells them.
const (
	BlockerActive   BlockerStatus = "ACTIVE"
	BlockerResolved BlockerStatus = "RESOLVED"
)
