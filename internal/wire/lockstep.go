package wire

// What has become of a revision for one resource, as GetRevisionSync says it.
const (
	RevisionPending        = "PENDING"         // known, and its attempt has not started
	RevisionNotAffected    = "NOT_AFFECTED"    // the revision changes nothing that the resource reads
	RevisionInProgress     = "IN_PROGRESS"     // its attempt is running
	RevisionSucceeded      = "SUCCEEDED"       // its attempt succeeded
	RevisionFailed         = "FAILED"          // its attempt failed
	RevisionBlocked        = "BLOCKED"         // an active blocker keeps it back
	RevisionLaterSucceeded = "LATER_SUCCEEDED" // never attempted itself, or failed, and a later revision succeeded
)

// StartResourceSyncInput asks for the branch's head to be tried again now, or
// for Sha, which must be the head or one of its ancestors.
type StartResourceSyncInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	Sha          string `json:",omitzero" shape:"SHA"`
}

// StartResourceSyncOutput is empty.
type StartResourceSyncOutput struct{}

// StartRepositorySyncInput asks for a branch to be polled now, or for every
// followed branch when it names none.
type StartRepositorySyncInput struct {
	RepositoryLinkId string `shape:"RepositoryLinkId"`
	Branch           string `json:",omitzero" shape:"BranchName"`
}

// StartRepositorySyncOutput is empty.
type StartRepositorySyncOutput struct{}

// GetRevisionSyncInput asks what has become of a revision. Without Sha the
// Git host is asked for the branch's head.
type GetRevisionSyncInput struct {
	ResourceName string `shape:"ResourceName"`
	SyncType     string `shape:"SyncConfigurationType"`
	Sha          string `json:",omitzero" shape:"SHA"`
}

// GetRevisionSyncOutput answers GetRevisionSync. Head is the branch's newest
// revision known, ResourceSync the resource's latest status (absent before any
// attempt), Reason a sentence for a person.
type GetRevisionSyncOutput struct {
	Sha          string                       `shape:"SHA"`
	Status       string                       `shape:"RevisionStatus"`
	Head         string                       `json:",omitzero" shape:"SHA"`
	ResourceSync *GetResourceSyncStatusOutput `json:",omitzero"`
	Reason       string                       `json:",omitzero" shape:"RevisionStatusReason"`
}
