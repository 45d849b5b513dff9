package lockstep

import "time"

// A RepositorySyncStatus is how far a repository sync came.
type RepositorySyncStatus string

// The statuses of a repository sync. Succeeded means that the resource syncs
// were started, not that they ended.
const (
	RepositoryQueued     RepositorySyncStatus = "QUEUED"
	RepositoryInitiated  RepositorySyncStatus = "INITIATED"
	RepositoryInProgress RepositorySyncStatus = "IN_PROGRESS"
	RepositorySucceeded  RepositorySyncStatus = "SUCCEEDED"
	RepositoryFailed     RepositorySyncStatus = "FAILED"
)

// A RepositorySyncAttempt goes from a branch's head to "these resources must
// follow".
type RepositorySyncAttempt struct {
	ID        string // a time-ordered UUID
	LinkID    string
	Branch    string
	SHA       SHA // "" until the head is resolved
	Status    RepositorySyncStatus
	StartedAt time.Time
	Events    []Event // oldest first
}

// A ResourceSyncStatus is how far a resource sync came.
type ResourceSyncStatus string

// The statuses of a resource sync.
const (
	ResourceInitiated  ResourceSyncStatus = "INITIATED"
	ResourceInProgress ResourceSyncStatus = "IN_PROGRESS"
	ResourceSucceeded  ResourceSyncStatus = "SUCCEEDED"
	ResourceFailed     ResourceSyncStatus = "FAILED"
)

// An Outcome says why an attempt ended.
type Outcome string

// The outcomes. The first two are SUCCEEDED on the wire, the others FAILED.
const (
	Applied    Outcome = "applied"
	Unchanged  Outcome = "unchanged"
	Failed     Outcome = "failed"
	Superseded Outcome = "superseded"
	Cancelled  Outcome = "cancelled"
)

// Status gives the status on the wire of an attempt that ended so.
func (o Outcome) Status() ResourceSyncStatus {
	if o == Applied || o == Unchanged {
		return ResourceSucceeded
	}
	return ResourceFailed
}

// A ResourceSyncAttempt takes one resource from its initial to its target
// revision.
type ResourceSyncAttempt struct {
	ID              string // a time-ordered UUID
	InitialRevision Revision
	TargetRevision  Revision
	Target          string // the outside system's name: the stack's
	Status          ResourceSyncStatus
	Outcome         Outcome // "" while it runs
	StartedAt       time.Time
	EndedAt         time.Time // zero while it runs
	Events          []Event   // oldest first
}

// A ResourceSync is everything that a status read says of a resource.
type ResourceSync struct {
	DesiredState         *Revision
	LatestSync           *ResourceSyncAttempt
	LatestSuccessfulSync *ResourceSyncAttempt
}
