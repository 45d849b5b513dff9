package lockstep

import "time"

// A RepositorySyncStatus is the status of a repository sync attempt, as the API
// spells it.
type RepositorySyncStatus string

// The statuses of a repository sync attempt. Succeeded means that the resource
// syncs were started, not that they have ended.
const (
	RepositoryQueued     RepositorySyncStatus = "QUEUED"
	RepositoryInitiated  RepositorySyncStatus = "INITIATED"
	RepositoryInProgress RepositorySyncStatus = "IN_PROGRESS"
	RepositorySucceeded  RepositorySyncStatus = "SUCCEEDED"
	RepositoryFailed     RepositorySyncStatus = "FAILED"
)

// A RepositorySyncAttempt resolves the head of a branch and starts the resource
// syncs that the head affects.
type RepositorySyncAttempt struct {
	ID        string // a time-ordered UUID
	LinkID    string
	Branch    string
	SHA       SHA // "" until the head is resolved
	Status    RepositorySyncStatus
	StartedAt time.Time
	Events    []Event // oldest first
}

// A ResourceSyncStatus is the status of a resource sync attempt, as the API spells
// it.
type ResourceSyncStatus string

// The statuses of a resource sync attempt.
const (
	ResourceInitiated  ResourceSyncStatus = "INITIATED"
	ResourceInProgress ResourceSyncStatus = "IN_PROGRESS"
	ResourceSucceeded  ResourceSyncStatus = "SUCCEEDED"
	ResourceFailed     ResourceSyncStatus = "FAILED"
)

// An Outcome is how a resource sync attempt ended.
type Outcome string

// The outcomes. The API reports Applied and Unchanged as SUCCEEDED, the others as
// FAILED.
const (
	Applied    Outcome = "applied"
	Unchanged  Outcome = "unchanged"  // the target was at the revision already
	Failed     Outcome = "failed"     // see the attempt's events
	Superseded Outcome = "superseded" // a newer revision is desired
	Cancelled  Outcome = "cancelled"  // the sync configuration was deleted or bound elsewhere
)

// Status returns the status of an attempt that ended with o.
func (o Outcome) Status() ResourceSyncStatus {
	if o == Applied || o == Unchanged {
		return ResourceSucceeded
	}
	return ResourceFailed
}

// A ResourceSyncAttempt brings one resource from its initial to its target
// revision.
type ResourceSyncAttempt struct {
	ID              string // a time-ordered UUID
	InitialRevision Revision
	TargetRevision  Revision
	Target          string // the name of the target in its own system, such as a stack's
	Status          ResourceSyncStatus
	Outcome         Outcome // "" while it runs
	StartedAt       time.Time
	EndedAt         time.Time // zero while it runs
	Events          []Event   // oldest first
}

// A ResourceSync is the sync status of a resource, as GetResourceSyncStatus returns
// it.
type ResourceSync struct {
	DesiredState         *Revision
	LatestSync           *ResourceSyncAttempt
	LatestSuccessfulSync *ResourceSyncAttempt
}
